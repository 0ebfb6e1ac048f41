"""Which credential is used, for which origin, and what is never shown of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from reportdash.credentials import Chain, StoreChoice, command, variable
from reportdash.credentials.values import Secrets, Stored
from reportdash.errors import CredentialProblem, Exit, UsageProblem

KEY = (("api_key",),)
SIGMA = (("client_id", "client_token"), ("username", "password"))
HERE = ["https://api.example:443"]
BOTH = ["https://api.example:443", "https://id.example:443"]
CANARY = "canary-7c1f0e"


def chain_of(environ: dict[str, str] | None = None, **commands: list[str]) -> Chain:
    return Chain(environ=environ or {}, commands=commands, use_keyring=False)


def test_the_variable_is_upper_case_with_underscores() -> None:
    assert variable("north-campus", "api_key") == "REPORTDASH_SECRET__NORTH_CAMPUS__API_KEY"


async def test_the_environment_comes_first_and_holds_for_any_origin() -> None:
    chain = chain_of({"REPORTDASH_SECRET__MAIN__API_KEY": "from-env"})
    await chain.keep("main", "webadmit", {"api_key": "from-memory"}, HERE[0], "memory")
    found = await chain.find("main", "webadmit", KEY, ["https://elsewhere:443"])
    assert found is not None
    assert (found.fields["api_key"], found.origin, found.source) == ("from-env", None, "environment")
    assert await chain.where("main", "webadmit", KEY) == "environment"


async def test_a_complete_second_set_is_taken_and_nothing_else_with_it() -> None:
    chain = chain_of(
        {
            "REPORTDASH_SECRET__B__USERNAME": "u",
            "REPORTDASH_SECRET__B__PASSWORD": "p",
            "REPORTDASH_SECRET__B__CLIENT_ID": "i",
        }
    )
    found = await chain.find("b", "sigma", SIGMA, HERE)
    assert found is not None
    assert dict(found.fields) == {"username": "u", "password": "p"}


async def test_half_a_credential_in_the_environment_names_the_other_half() -> None:
    chain = chain_of({"REPORTDASH_SECRET__B__PASSWORD": CANARY, "REPORTDASH_SECRET__B__USERNAME": ""})
    with pytest.raises(CredentialProblem) as caught:
        await chain.find("b", "sigma", SIGMA, HERE)
    assert "but not REPORTDASH_SECRET__B__USERNAME" in caught.value.text
    assert CANARY not in caught.value.text
    assert caught.value.exit_code == Exit.CREDENTIALS
    assert await chain.where("b", "sigma", SIGMA) == "environment, incomplete"


async def test_no_credential_is_none_and_not_an_error() -> None:
    chain = chain_of()
    assert await chain.find("main", "webadmit", KEY, HERE) is None
    assert await chain.where("main", "webadmit", KEY) == "none"
    assert await chain.stores() == [StoreChoice("memory", True, "memory: until I quit")]


async def test_memory_holds_until_it_is_removed_or_closed() -> None:
    chain = chain_of()
    assert await chain.keep("main", "webadmit", {"api_key": "abcd"}, HERE[0], "memory") == "memory"
    found = await chain.find("main", "webadmit", KEY, HERE)
    assert found is not None
    assert found.source == "memory"
    assert await chain.where("main", "webadmit", KEY) == "memory"
    assert await chain.remove("main", "webadmit") is True
    assert await chain.remove("main", "webadmit") is False
    assert await chain.find("main", "webadmit", KEY, HERE) is None
    await chain.keep("main", "webadmit", {"api_key": "abcd"}, HERE[0], "memory")
    await chain.aclose()
    assert await chain.find("main", "webadmit", KEY, HERE) is None


@pytest.mark.parametrize(
    ("given", "now", "named"),
    [
        (HERE, ["https://api.example:444"], "https://api.example:444"),
        (HERE, ["http://api.example:443"], "http://api.example:443"),
        (HERE, BOTH, "https://id.example:443"),
        ([], HERE, "https://api.example:443"),
    ],
)
async def test_a_credential_for_another_origin_is_not_handed_out(
    given: list[str], now: list[str], named: str
) -> None:
    chain = chain_of()
    await chain.keep("main", "webadmit", {"api_key": CANARY}, given, "memory")
    with pytest.raises(CredentialProblem, match="log in again with `reportdash login main`") as caught:
        await chain.find("main", "webadmit", KEY, now)
    assert named in caught.value.text
    assert CANARY not in caught.value.text


async def test_a_credential_for_several_origins_serves_each_of_them() -> None:
    chain = chain_of()
    await chain.keep("calls", "talkdesk", {"api_key": "abcd"}, BOTH, "memory")
    for now in (BOTH, BOTH[:1], BOTH[::-1]):
        assert await chain.find("calls", "talkdesk", KEY, now) is not None
    await chain.keep("calls", "talkdesk", {"api_key": "abcd"}, " ".join(BOTH), "memory")
    assert await chain.find("calls", "talkdesk", KEY, BOTH) is not None


async def test_a_stored_credential_of_another_kind_asks_for_a_new_login() -> None:
    chain = chain_of()
    await chain.keep("b", "sigma", {"username": "u", "password": "p"}, HERE, "memory")
    with pytest.raises(CredentialProblem, match="lacks client_id and client_token: log in again"):
        await chain.find("b", "sigma", SIGMA[:1], HERE)


@pytest.mark.parametrize("values", [{}, {"api_key": ""}, {"api_key": "x" * 100_000}])
async def test_an_empty_or_endless_value_is_not_kept(values: dict[str, str]) -> None:
    with pytest.raises(UsageProblem, match="needs a value"):
        await chain_of().keep("main", "webadmit", values, HERE, "memory")


async def test_no_store_stands_in_for_another() -> None:
    chain = chain_of()
    with pytest.raises(UsageProblem, match="no store is called safe: use keyring, vault or memory"):
        await chain.keep("main", "webadmit", {"api_key": "abcd"}, HERE, "safe")
    with pytest.raises(CredentialProblem, match="no vault in this run"):
        await chain.keep("main", "webadmit", {"api_key": "abcd"}, HERE, "vault")
    with pytest.raises(CredentialProblem, match="switched off"):
        await chain.keep("main", "webadmit", {"api_key": "abcd"}, HERE, "keyring")
    assert await chain.find("main", "webadmit", KEY, HERE) is None


async def test_live_values_are_known_for_masking_the_longest_first() -> None:
    chain = chain_of({"REPORTDASH_SECRET__A__API_KEY": "long-secret", "REPORTDASH_SECRET__B__API_KEY": "abc"})
    await chain.find("a", "webadmit", KEY, HERE)
    await chain.find("b", "webadmit", KEY, HERE)
    await chain.keep("c", "webadmit", {"api_key": "a-still-longer-secret"}, HERE, "memory")
    assert chain.live_values() == ["a-still-longer-secret", "long-secret"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        '{"v": 2, "origin": "a", "fields": {"x": "y"}}',
        '{"v": 1, "origin": "a", "fields": []}',
        '{"v": 1, "origin": 3, "fields": {}}',
        '{"v": 1, "origin": "a", "fields": {"x": 3}}',
        '{"v": 1, "fields": {}}',
        "[" * 9_999,
    ],
)
def test_an_entry_that_is_not_ours_is_none(text: str) -> None:
    assert Stored.decode(text) is None


def test_an_entry_comes_back_as_it_went() -> None:
    stored = Stored(tuple(BOTH), Secrets({"password": 'p"\n\u00e9'}))
    back = Stored.decode(stored.encode())
    assert back is not None
    assert (back.origins, dict(back.fields)) == (stored.origins, dict(stored.fields))


# credential_command


def program(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize(
    ("code", "fields", "values"),
    [
        (
            'print(\'{"client_id": "i", "client_token": "t=1", "n": 3}\')',
            SIGMA,
            {"client_id": "i", "client_token": "t=1"},
        ),
        ("print('note\\nusername=u\\npassword = a=b ')", SIGMA, {"username": "u", "password": "a=b"}),
        ("print('just-the-key')", KEY, {"api_key": "just-the-key"}),
    ],
)
async def test_a_command_may_print_json_lines_or_one_key(
    code: str, fields: tuple[tuple[str, ...], ...], values: dict[str, str]
) -> None:
    chain = chain_of(b=program(code))
    assert await chain.where("b", "sigma", fields) == "credential_command"
    found = await chain.find("b", "sigma", fields, HERE)
    assert found is not None
    assert (dict(found.fields), found.source) == (values, "command")


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["/nowhere/at/all"], "cannot be run"),
        (program(f"print('{CANARY}'); raise SystemExit(3)"), "ended with exit code 3"),
        (program(f"print('{CANARY}\\nb')"), "printed no complete credential"),
        (program(f'print(\'{{"api_key": ["{CANARY}"]}}\')'), "printed no complete credential"),
        (program("import os\nos.write(1, b'\\xff\\xfe')"), "printed no complete credential"),
        (program("while True: print('x' * 9999)"), "printed too much"),
    ],
)
async def test_a_command_that_fails_is_said_without_its_output(argv: list[str], reason: str) -> None:
    with pytest.raises(CredentialProblem, match=reason) as caught:
        await chain_of(b=argv).find("b", "webadmit", KEY, HERE)
    assert CANARY not in caught.value.text


async def test_a_command_gets_no_shell_no_terminal_and_no_other_secret() -> None:
    code = (
        "import os, sys\n"
        "try: tty = os.open('/dev/tty', os.O_RDWR)\n"
        "except OSError: tty = None\n"
        "print('api_key=' + str([tty, sys.stdin.read(), os.getsid(0) == os.getpid(), sys.argv[1],\n"
        "      [n for n in os.environ if 'SECRET' in n]]))\n"
    )
    chain = Chain(
        environ={"REPORTDASH_SECRET__OTHER__API_KEY": CANARY},
        commands={"b": [*program(code), "$HOME;x"]},
        use_keyring=False,
    )
    found = await chain.find("b", "webadmit", KEY, HERE)
    assert found is not None
    assert found.fields["api_key"] == "[None, '', True, '$HOME;x', []]"


async def test_a_command_that_hangs_is_ended_with_its_helpers(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time\n"
        "helper = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{helper.pid}}')\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(CredentialProblem, match="gave no answer within 2 seconds"):
        await command.run("b", program(code), KEY, {"PATH": "/usr/bin:/bin"}, patience=2)
    for pid in pids.read_text().split():
        # The signal is on its way; a process that was not killed would sleep for ten minutes.
        for _ in range(500):
            if not running(int(pid)):
                break
            await asyncio.sleep(0.01)
        else:
            raise AssertionError(f"process {pid} is still there")


async def test_a_helper_that_escapes_cannot_hold_us(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import subprocess\n"
        "helper = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"open({str(pids)!r}, 'w').write(str(helper.pid))\n"
        "print('the-key', flush=True)\n"
    )
    before = pipes()
    with pytest.raises(CredentialProblem, match="gave no answer"):
        await command.run("b", program(code), KEY, {"PATH": "/usr/bin:/bin"}, patience=2)
    await asyncio.sleep(0)  # a pipe is closed in the loop's next turn
    assert pipes() == before, "its pipe is not left open for the collector"
    os.kill(int(pids.read_text()), signal.SIGKILL)


def pipes() -> set[str]:
    """The pipes this process has open."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own is gone already
            found.add(str(descriptor.readlink()))
    return {name for name in found if name.startswith("pipe:")}


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
