"""The keyring through its child: the situations an operator meets, each with its own sentence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from reportdash.credentials import Chain, KeyringProcess, KeyringTrouble, StoreChoice, keyring_child
from tests.credentials.conftest import Environ, Prompts
from tests.terminal.pty import Terminal, wait_for
from tests.terminal.test_dead_terminals import ended, family, ignoring

FIELDS = (("api_key",),)
HERE = ["https://api.example:443"]
CANARY = "canary-7c1f0e"


def patient(environ: Environ) -> Chain:
    """A chain whose keyring may be slow, as on a busy machine: for all tests that are not about waiting."""
    return Chain(environ=environ, keyring=KeyringProcess(environ, patience=60, total=120))


async def keyring_choice(environ: Environ) -> StoreChoice:
    chain = patient(environ)
    try:
        return (await chain.stores())[0]
    finally:
        await chain.aclose()


def sessions() -> dict[int, tuple[int, int]]:
    """Process id -> (session, terminal) of every running keyring child of ours: others run tests as well."""
    found = {}
    for pid in family(os.getpid()):
        folder = Path(f"/proc/{pid}")
        with contextlib.suppress(OSError):
            if "keyring_child.py" in (folder / "cmdline").read_text():
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                if stat[0] != "Z":
                    found[pid] = (int(stat[3]), int(stat[4]))
    return found


async def child_of(task: asyncio.Task[object], before: set[int]) -> int:
    """The child that a call in `task` has started."""
    while not task.done():
        new = set(sessions()) - before
        if new:
            return new.pop()
        await asyncio.sleep(0.01)
    raise AssertionError("the call ended without a child")


async def test_an_unlocked_keyring_keeps_finds_and_removes(unlock: Callable[..., Environ]) -> None:
    environ = unlock("pw")
    chain = patient(environ)
    choice = (await chain.stores())[0]
    assert choice == StoreChoice("keyring", True, "keyring (SecretService): stays on this server, encrypted")
    assert await chain.find("main", "webadmit", FIELDS, HERE) is None
    assert await chain.where("main", "webadmit", FIELDS) == "none"
    where = await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE[0], "keyring")
    assert where == "keyring (SecretService)"
    await chain.aclose()

    later = patient(environ)
    found = await later.find("main", "webadmit", FIELDS, HERE)
    assert found is not None
    assert (found.fields["api_key"], found.origin, found.source) == (CANARY, HERE[0], "keyring")
    assert await later.find("main", "sigma", FIELDS, HERE) is None, "another vendor, another entry"
    assert await later.where("main", "webadmit", FIELDS) == "keyring (SecretService)"
    assert await later.remove("main", "webadmit") is True
    assert await later.remove("main", "webadmit") is False
    assert await later.find("main", "webadmit", FIELDS, HERE) is None
    await later.aclose()
    home = Path(environ["HOME"])
    assert not [p for p in home.rglob("*") if p.is_file() and CANARY.encode() in p.read_bytes()]


async def test_the_probe_leaves_nothing_behind(unlock: Callable[..., Environ]) -> None:
    environ = unlock("pw")
    assert (await keyring_choice(environ)).usable
    assert entries(environ) == []


def entries(environ: Environ) -> list[str]:
    """Who has an entry in the keyring: a user name, or the label of what is not ours."""
    code = (
        "import secretstorage; bus = secretstorage.dbus_init();"
        "print(*(item.get_attributes().get('username', item.get_label())"
        " for item in secretstorage.Collection(bus).get_all_items()), sep='\\n')"
    )
    out = subprocess.check_output([sys.executable, "-c", code], env=environ, text=True)
    return [line for line in out.splitlines() if line]


async def test_what_a_killed_probe_left_behind_is_taken_away_by_the_next(
    unlock: Callable[..., Environ], tmp_path: Path
) -> None:
    environ = unlock("pw")
    lock, user = str(tmp_path / "keyring.lock"), str(tmp_path)
    # As if it were killed between the write and the removal.
    code = (
        "import os, signal, runpy, sys\n"
        f"child = runpy.run_path({keyring_child.__file__!r})\n"
        "end = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "child['answer'].__globals__['remove'] = end\n"
        "child['main']()\n"
    )
    request = json.dumps({"op": "probe", "user": user, "lock": lock}) + "\n"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], input=request, env=environ, text=True, capture_output=True
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert entries(environ) == [user], "one entry, however often"
    keyring = KeyringProcess(environ, folder=tmp_path, patience=60, total=120)
    assert await keyring.probe() == "SecretService"
    assert entries(environ) == []


async def test_probes_at_once_do_not_disturb_each_other(
    fake: Callable[[str], Environ], tmp_path: Path
) -> None:
    one_at_a_time = """
def get_password(self, service, user):
    time.sleep(0.05)
    return open(STORE).read() if os.path.exists(STORE) else None
def set_password(self, service, user, value):
    open(STORE, "w").write(value)
def delete_password(self, service, user):
    os.remove(STORE)
"""
    environ = fake(one_at_a_time)
    probes = [KeyringProcess(environ, folder=tmp_path, patience=60, total=120).probe() for _ in range(6)]
    assert await asyncio.gather(*probes) == ["kwallet"] * 6
    assert not Path(environ["STORE"]).exists()
    assert (tmp_path / "keyring.lock").stat().st_mode & 0o777 == 0o600


async def test_a_probe_needs_no_data_folder(fake: Callable[[str], Environ], tmp_path: Path) -> None:
    environ = fake(GOOD.replace("STORE + service + user", "STORE"))
    keyring = KeyringProcess(environ, folder=tmp_path / "none", patience=60, total=120)
    assert await keyring.probe() == "kwallet"
    assert not (tmp_path / "none").exists()


async def test_a_keyring_that_was_never_unlocked_shows_no_prompt(unlock: Callable[..., Environ]) -> None:
    choice = await keyring_choice(unlock(None))
    assert not choice.usable
    assert "never unlocked" in choice.sentence
    assert "gnome-keyring-daemon" in choice.sentence


async def test_a_wrong_unlock_password_means_locked(unlock: Callable[..., Environ]) -> None:
    chain = patient(unlock("right"))
    await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE[0], "keyring")
    environ = unlock("wrong")
    choice = await keyring_choice(environ)
    assert not choice.usable
    assert "locked" in choice.sentence
    with pytest.raises(KeyringTrouble, match="locked"):
        await chain.find("main", "webadmit", FIELDS, HERE)
    assert await chain.where("main", "webadmit", FIELDS) == "unknown: keyring locked"
    with pytest.raises(KeyringTrouble, match="locked"):
        await chain.remove("main", "webadmit")
    await chain.aclose()


async def test_a_locked_keyring_is_never_asked_to_prompt(
    unlock: Callable[..., Environ], prompts: Callable[[Environ], Prompts]
) -> None:
    first = patient(unlock("right"))
    await first.keep("main", "webadmit", {"api_key": CANARY}, HERE[0], "keyring")
    for password in ("wrong", None):
        environ = unlock(password)
        watch = prompts(environ)
        await keyring_choice(environ)
        chain = patient(environ)
        with pytest.raises(KeyringTrouble):
            await chain.find("main", "webadmit", FIELDS, HERE)
        assert watch.seen() == []


async def test_without_a_bus_the_sentence_says_so(bare: Environ) -> None:
    choice = await keyring_choice(bare)
    assert not choice.usable
    assert "no D-Bus" in choice.sentence
    assert "REPORTDASH_SECRET__" in choice.sentence


async def test_a_bus_without_secrets_service_is_told_apart(bus: Environ) -> None:
    choice = await keyring_choice(bus)
    assert not choice.usable
    assert "no keyring runs on this session's D-Bus" in choice.sentence


async def test_where_no_keyring_exists_there_is_simply_no_credential(bare: Environ) -> None:
    chain = patient(bare)
    assert await chain.find("main", "webadmit", FIELDS, HERE) is None
    assert await chain.where("main", "webadmit", FIELDS) == "none"
    assert await chain.remove("main", "webadmit") is False
    with pytest.raises(KeyringTrouble, match="no D-Bus"):
        await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE[0], "keyring")
    assert await chain.find("main", "webadmit", FIELDS, HERE) is None, "a failed keep keeps nothing"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("keyring.backends.null.Keyring", "stores nothing"),
        ("keyring.backends.fail.Keyring", "stores nothing"),
        ("keyrings.alt.file.PlaintextKeyring", "plain text"),
        ("keyrings.cryptfile.cryptfile.CryptFileKeyring", "no longer maintained"),
        ("canary.Keyring", "not a keyring known to encrypt"),
    ],
)
@pytest.mark.parametrize("by", ["environment", "keyringrc.cfg"])
async def test_a_backend_that_is_not_known_to_encrypt_is_refused(
    bare: Environ, tmp_path: Path, by: str, name: str, reason: str
) -> None:
    (tmp_path / "canary.py").write_text("open('imported', 'w')")
    environ = {**bare, "PYTHONPATH": str(tmp_path)}
    if by == "environment":
        environ["PYTHON_KEYRING_BACKEND"] = name
    else:
        config = tmp_path / "config" / "python_keyring"
        config.mkdir(parents=True)
        (config / "keyringrc.cfg").write_text(f"[backend]\ndefault-keyring={name}\n")
        environ["XDG_CONFIG_HOME"] = str(config.parent)
    choice = await keyring_choice(environ)
    assert not choice.usable
    assert name in choice.sentence
    assert reason in choice.sentence
    assert ("PYTHON_KEYRING_BACKEND" if by == "environment" else "keyringrc.cfg") in choice.sentence
    assert not Path("imported").exists()


async def test_an_installed_plain_text_keyring_is_never_the_silent_choice(
    bare: Environ, tmp_path: Path
) -> None:
    package = tmp_path / "keyrings" / "alt"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    choice = await keyring_choice({**bare, "PYTHONPATH": str(tmp_path)})
    assert not choice.usable
    assert "keyrings.alt is installed" in choice.sentence


async def test_an_unlocked_keyring_is_used_though_a_chainer_was_named(unlock: Callable[..., Environ]) -> None:
    environ = {**unlock("pw"), "PYTHON_KEYRING_BACKEND": "keyring.backends.chainer.ChainerBackend"}
    assert (await keyring_choice(environ)).sentence.startswith("keyring (SecretService)")


async def test_a_mute_keyring_is_left_alone_and_its_child_ended(mute: Environ) -> None:
    keyring = KeyringProcess(mute, patience=0.5)
    chain = Chain(environ=mute, keyring=keyring)
    before = set(sessions())
    task = asyncio.create_task(chain.stores())
    child = await child_of(task, before)
    session, terminal = sessions()[child]
    assert session == child, "a session of its own"
    assert terminal == 0, "and no terminal a prompt could paint on"
    choice = (await task)[0]
    assert not choice.usable
    assert "does not answer" in choice.sentence
    assert child not in sessions()
    assert (await chain.stores())[1] == StoreChoice("memory", True, "memory: until I quit")
    with pytest.raises(KeyringTrouble, match="does not answer"):
        await chain.find("main", "webadmit", FIELDS, HERE)
    assert await chain.where("main", "webadmit", FIELDS) == "unknown: keyring does not answer"
    await chain.aclose()


async def test_no_secret_is_in_an_argv_or_in_the_childs_environment(mute: Environ) -> None:
    environ = {**mute, "REPORTDASH_SECRET__OTHER__PASSWORD": CANARY, "GPG_TTY": "/dev/pts/0"}
    chain = Chain(environ=environ, keyring=KeyringProcess(environ, patience=1.0))
    before = set(sessions())
    task = asyncio.create_task(chain.keep("main", "webadmit", {"api_key": CANARY}, HERE[0], "keyring"))
    child = await child_of(task, before)
    lines = []
    for pid in family(os.getpid()):
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{pid}/cmdline").read_bytes())
    inherited = Path(f"/proc/{child}/environ").read_bytes()
    # First, for a loop that ends while it starts a process hangs: asyncio then waits for ever.
    with pytest.raises(KeyringTrouble) as caught:
        await task
    assert any(b"keyring_child.py" in line for line in lines)
    assert not any(CANARY.encode() in line for line in lines)
    assert b"DBUS_SESSION_BUS_ADDRESS" in inherited
    assert CANARY.encode() not in inherited
    assert b"GPG_TTY" not in inherited
    assert CANARY not in f"{caught.value!r} {caught.value} {caught.value.__dict__}"
    await chain.aclose()


@pytest.mark.parametrize(
    ("stages", "code"), [([], "slow"), (["turn"], "busy"), (["turn", "write"], "mute"), (["contact"], "mute")]
)
async def test_what_was_waited_for_is_what_is_said_to_be_late(stages: list[str], code: str) -> None:
    class Line:
        """The end of a child's stdin that nobody reads."""

        def write(self, data: bytes) -> None: ...

        async def drain(self) -> None: ...

        def close(self) -> None: ...

    heard = asyncio.StreamReader()
    heard.feed_data("".join(json.dumps({"stage": stage}) + "\n" for stage in stages).encode())
    process = cast(asyncio.subprocess.Process, SimpleNamespace(stdin=Line(), stdout=heard))
    keyring = KeyringProcess({}, patience=0.01, total=0.01)
    with pytest.raises(KeyringTrouble) as caught:
        await keyring._converse(process, {"op": "find", "items": []}, 0.01)
    assert caught.value.code == code


async def test_closing_ends_a_child_that_hangs(mute: Environ) -> None:
    chain = Chain(environ=mute, keyring=KeyringProcess(mute, patience=600, total=600))
    before = set(sessions())
    finding = asyncio.create_task(chain.find("main", "webadmit", FIELDS, HERE))
    child = await child_of(finding, before)
    await chain.aclose()
    assert child not in sessions()
    with pytest.raises((KeyringTrouble, asyncio.CancelledError)):
        await finding
    with pytest.raises(KeyringTrouble, match="switched off"):
        await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE[0], "keyring")


async def test_closing_ends_a_write_that_hangs(mute: Environ) -> None:
    chain = Chain(environ=mute, keyring=KeyringProcess(mute, patience=600, total=600))
    before = set(sessions())
    keeping = asyncio.create_task(chain.keep("main", "webadmit", {"api_key": CANARY}, HERE[0], "keyring"))
    child = await child_of(keeping, before)
    await chain.aclose()
    with pytest.raises(KeyringTrouble, match="switched off"):
        await keeping
    assert child not in sessions()


def test_a_process_with_a_hanging_keyring_can_end(mute: Environ) -> None:
    code = (
        "import asyncio, os\n"
        "from reportdash.credentials import Chain, KeyringProcess\n"
        "async def main():\n"
        "    keyring = KeyringProcess(os.environ, patience=600, total=600)\n"
        "    chain = Chain(environ=os.environ, keyring=keyring)\n"
        "    finding = asyncio.create_task(chain.find('main', 'webadmit', [['api_key']], ['https://x:443']))\n"
        "    while not keyring._running: await asyncio.sleep(0.01)\n"
        "    await chain.aclose()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=mute, timeout=120, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("closed", [False, True], ids=["term", "closed"])
def test_a_dashboard_with_a_hanging_keyring_ends_with_its_terminal(
    mute: Environ, tmp_path: Path, closed: bool
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[accounts.main]\nvendor = "7g"\nbase_url = "http://127.0.0.1:9"\n', encoding="utf-8")
    words = ["--config", str(config), "--data-dir", str(tmp_path / "data")]
    with Terminal(words, env=mute, program=ignoring("HUP")) as terminal:
        terminal.until("No jobs yet")
        wait_for(lambda: len(family(terminal.process.pid)) > 1, "the keyring is never asked")
        pids = family(terminal.process.pid)
        if closed:
            terminal.hang_up()
        else:
            terminal.signal(signal.SIGTERM)
        assert ended(terminal, pids) == 0


async def test_accounts_that_ask_together_share_one_child(unlock: Callable[..., Environ]) -> None:
    class Counting(KeyringProcess):
        started = 0

        async def _start(self) -> asyncio.subprocess.Process:
            self.started += 1
            return await super()._start()

    environ = unlock("pw")
    keyring = Counting(environ)
    for name in ("a", "b"):
        await keyring.keep("reportdash-test", name, f"value-{name}")
    keyring.started = 0
    found = await asyncio.gather(*(keyring.find("reportdash-test", name) for name in ("a", "b", "c", "a")))
    assert found == ["value-a", "value-b", None, "value-a"]
    assert keyring.started == 1
    await keyring.aclose()


async def test_two_sessions_that_write_at_once_lose_nothing(unlock: Callable[..., Environ]) -> None:
    environ = unlock("pw")
    chains = [patient(environ) for _ in range(2)]
    await asyncio.gather(
        *(
            chain.keep(f"s{number}-{turn}", "webadmit", {"api_key": f"{number}.{turn}"}, HERE[0], "keyring")
            for number, chain in enumerate(chains)
            for turn in range(3)
        )
    )
    names = [(number, turn) for number in range(2) for turn in range(3)]
    found = await asyncio.gather(*(chains[0].find(f"s{n}-{t}", "webadmit", FIELDS, HERE) for n, t in names))
    assert [one and one.fields["api_key"] for one in found] == [f"{n}.{t}" for n, t in names]


GOOD = """
def get_password(self, service, user):
    path = STORE + service + user
    return open(path).read() if os.path.exists(path) else None
def set_password(self, service, user, value):
    open(STORE + service + user, "w").write(value)
def delete_password(self, service, user):
    os.remove(STORE + service + user)
"""


async def test_a_keyring_that_forgets_is_found_out(fake: Callable[[str], Environ]) -> None:
    environ = fake("def get_password(self, s, u): return None\ndef set_password(self, s, u, v): pass")
    choice = await keyring_choice(environ)
    assert not choice.usable
    assert "does not have it" in choice.sentence
    with pytest.raises(KeyringTrouble, match="nothing is kept there"):
        await patient(environ).keep("main", "webadmit", {"api_key": CANARY}, HERE[0], "keyring")


async def test_what_goes_to_the_keyring_leaves_memory(fake: Callable[[str], Environ]) -> None:
    chain = patient(fake(GOOD))
    await chain.keep("main", "webadmit", {"api_key": "in-memory"}, HERE[0], "memory")
    await chain.keep("main", "webadmit", {"api_key": "in-keyring"}, HERE[0], "keyring")
    found = await chain.find("main", "webadmit", FIELDS, HERE)
    assert found is not None
    assert (found.fields["api_key"], found.source) == ("in-keyring", "keyring")


async def test_a_keyring_that_does_not_remove_is_found_out(fake: Callable[[str], Environ]) -> None:
    chain = patient(fake(GOOD + "    def delete_password(self, s, u): pass".strip()))
    await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE[0], "keyring")
    with pytest.raises(KeyringTrouble, match="still has it"):
        await chain.remove("main", "webadmit")


async def test_what_a_keyring_says_in_its_errors_is_not_repeated(fake: Callable[[str], Environ]) -> None:
    environ = fake("def set_password(self, s, u, v): raise RuntimeError('cannot store ' + v)")
    with pytest.raises(KeyringTrouble) as caught:
        await patient(environ).keep("main", "webadmit", {"api_key": CANARY}, HERE[0], "keyring")
    assert "RuntimeError" in caught.value.text
    assert CANARY not in repr(caught.value.__dict__) + str(caught.value.__cause__)


async def test_what_a_keyring_prints_reaches_nobody(
    fake: Callable[[str], Environ], capfd: pytest.CaptureFixture[str]
) -> None:
    noise = (
        "print('noise'); os.write(1, b'noise'); os.write(2, b'noise')\n"
        "try: open('/dev/tty', 'w').write('noise')\n"
        "except OSError: pass\n"
    )
    chain = patient(fake(noise + GOOD))
    await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE[0], "keyring")
    assert (await chain.find("main", "webadmit", FIELDS, HERE)) is not None
    assert capfd.readouterr() == ("", "")


async def test_an_entry_that_is_not_ours_asks_for_a_new_login(fake: Callable[[str], Environ]) -> None:
    environ = fake(GOOD)
    keyring = KeyringProcess(environ)
    await keyring.keep("reportdash:webadmit", "main", '{"v": 99}')
    chain = Chain(environ=environ, keyring=keyring)
    with pytest.raises(Exception, match="not readable: run `reportdash login main` again"):
        await chain.find("main", "webadmit", FIELDS, HERE)
    assert await chain.where("main", "webadmit", FIELDS) == "keyring, unreadable entry"


async def test_modules_in_the_working_folder_are_not_imported(
    fake: Callable[[str], Environ], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = fake(GOOD)
    trap = tmp_path / "cwd"
    trap.mkdir()
    (trap / "secrets.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(trap)
    assert (await keyring_choice(environ)).usable


async def test_the_child_leaves_no_core_dump(fake: Callable[[str], Environ]) -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    environ = fake(
        "def get_password(self, s, u):\n"
        "    import resource\n"
        "    return str(resource.getrlimit(resource.RLIMIT_CORE))\n"
    )
    assert await KeyringProcess(environ).find("a", "b") == "(0, 0)"
    assert resource.getrlimit(resource.RLIMIT_CORE) == before


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
async def test_the_child_leaves_no_core_dump_in_a_pipe_either(fake: Callable[[str], Environ]) -> None:
    environ = fake(
        "def get_password(self, s, u):\n"
        "    import ctypes\n"
        "    return f'dumpable {ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)}'\n"
    )
    piped = Path("/proc/sys/kernel/core_pattern").read_text().startswith("|")
    assert await KeyringProcess(environ).find("a", "b") == f"dumpable {0 if piped else 1}"
