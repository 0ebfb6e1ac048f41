"""`vault`, `logout`, and what a command does when the credential it needs is in a locked vault."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

import pytest

from reportdash.cli import prompts, watch
from reportdash.clock import SystemClock
from reportdash.credentials.vault import FILE_NAME, VaultTrouble
from reportdash.logins import IN_A_SHELL
from reportdash.simulator import Simulator
from tests.cli.asked import (
    AGAIN,
    KNOWN,
    LOCKED,
    NEW,
    PASSPHRASE,
    home,
    kept,
    keyless,
    lines,
    passphrase_file,
    pins,
    talk,
    vault,
)
from tests.cli.conftest import Shell, secrets, toml
from tests.cli.test_words import one_sentence
from tests.terminal.pty import Terminal

OLD = "Old passphrase of the vault: "
GUID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"


async def test_the_passphrase_is_changed_by_whoever_knows_the_old_one(shell: Shell, sim: Simulator) -> None:
    await kept(shell, sim, "main")
    shell.env = passphrase_file(shell)
    done = await talk(
        shell,
        ("vault", "passphrase"),
        (OLD, "canary of old"),
        (OLD, PASSPHRASE),
        (NEW, ""),
        (NEW, "short"),
        (NEW, PASSPHRASE),
        (NEW, "nine red canaries"),
        (AGAIN, "nine red canary"),
        (NEW, "nine red canaries"),
        (AGAIN, "nine red canaries"),
    )
    assert done.code == 0, done.text
    assert "This is the old one: choose another." in done.text
    assert "Nothing was typed: choose a passphrase, or leave with ctrl+c." in done.text
    assert "sessions that are open, and services, need it from now on" in done.text
    assert f"REPORTDASH_VAULT_PASSPHRASE_FILE ({shell.folder / 'passphrase'}) has to hold it" in done.text
    assert done.restored
    assert b"canar" not in done.sent
    now = vault(shell)
    with pytest.raises(VaultTrouble, match="does not open"):
        now.unlock(PASSPHRASE)
    now.unlock("nine red canaries")
    assert now.get("reportdash:7g", "main")


async def test_who_does_not_know_the_old_passphrase_changes_nothing(shell: Shell, sim: Simulator) -> None:
    await kept(shell, sim)
    was = (shell.data / FILE_NAME).read_bytes()
    done = await talk(shell, ("vault", "passphrase"), (OLD, "wrong 1"), (OLD, "wrong 2"), (OLD, "wrong 3"))
    assert done.code == 3
    assert "left as it is" in done.text
    done = await talk(shell, ("vault", "passphrase"), (OLD, "\x03"))
    assert (done.code, done.restored) == (130, True)
    assert "interrupted: the passphrase was left as it is" in done.text
    done = await talk(shell, ("vault", "passphrase"), (OLD, PASSPHRASE), *[(NEW, "")] * 3)
    assert done.code == 2
    # The proof that it can be written leaves another nonce, and nothing else.
    assert (shell.data / FILE_NAME).read_bytes()[:40] == was[:40]
    vault(shell).unlock(PASSPHRASE)


async def test_a_passphrase_is_changed_on_a_terminal_only(shell: Shell, sim: Simulator) -> None:
    await kept(shell, sim)
    ran = await shell("vault", "passphrase", stdin=f"{PASSPHRASE}\nnine red boats\nnine red boats\n")
    assert ran.code == 2
    assert "terminal" in one_sentence(ran)
    vault(shell).unlock(PASSPHRASE)


async def test_the_vault_says_where_it_is_in_which_state_and_whose_keys_it_has(
    shell: Shell, sim: Simulator
) -> None:
    keyless(shell, sim)
    told = (await shell("vault")).lines
    assert told[0].split() == ["path", str(shell.data / FILE_NAME)]
    assert told[1].startswith("state     absent; `reportdash login")
    assert told[2].split() == ["accounts", "none"]
    await kept(shell, sim, "main")
    told = (await shell("vault")).lines
    assert told[1].startswith("state     locked;")
    assert told[2].split() == ["accounts", "main"]
    shell.env = passphrase_file(shell)
    ran = await shell("vault")
    assert ran.lines[1].startswith("state     opened by REPORTDASH_VAULT_PASSPHRASE_FILE (")
    kept_file = (shell.data / FILE_NAME).read_bytes()
    (shell.data / FILE_NAME).unlink()
    opening = shell.env
    for environ in ({}, opening):
        shell.env = environ
        ran = await shell("vault")
        assert ran.code == 3
        assert ran.lines[1] == (
            "state     gone, and with it what was in it; put a copy of it back there, or log in again with "
            "each account, which makes a new one"
        )
        assert ran.lines[2].split() == ["accounts", "main"]
        assert await home(shell, "main") == "vault, gone"
    done = await talk(shell, ("vault", "passphrase"))
    assert done.code == 3
    assert f"{shell.data / FILE_NAME} is gone, and with it the credential of main: put a copy" in done.text
    (shell.data / FILE_NAME).write_bytes(kept_file)
    assert (await shell("vault")).code == 0
    (shell.data / FILE_NAME).write_bytes(b"something else")
    ran = await shell("vault")
    assert ran.code == 3
    assert "damaged and was left as it is" in one_sentence(ran)
    assert not [request for request in sim.requests if "vault" in request.path]


async def job_of(shell: Shell, sim: Simulator) -> str:
    """A report of main's that is ready and followed here."""
    reference = sim.add("7g", GUID, "main", stage="ready", size=100).reference
    return (await shell("track", "main", reference)).lines[0]


COMMANDS = {
    "watch": ("watch", "--timeout", "30"),
    "download": ("download", "JOB"),
    "delete": ("delete", "JOB", "--yes", "--unsaved"),
    "submit": ("submit", "main", "TransactionSummary"),
    "track all": ("track", "admissions", "--all"),
    "doctor": ("doctor",),
}


def words_of(command: str, job_id: str) -> tuple[str, ...]:
    return tuple(job_id if word == "JOB" else word for word in COMMANDS[command])


@pytest.mark.parametrize("command", list(COMMANDS))
async def test_what_signs_in_asks_once_for_the_passphrase_and_goes_on(
    shell: Shell, sim: Simulator, command: str
) -> None:
    await kept(shell, sim, "main", "admissions")
    shell.env = {name: value for name, value in secrets(sim.accounts()).items() if "__CALLS__" in name}
    if command == "doctor":
        shell.env = {name: value for name, value in secrets(sim.accounts()).items() if "__MAIN__" not in name}
    job_id = await job_of(shell, sim)
    done = await talk(shell, words_of(command, job_id), (LOCKED, PASSPHRASE))
    assert done.code == 0, done.text
    assert done.text.count(LOCKED.rstrip()) == 1
    assert done.restored
    assert PASSPHRASE.encode() not in done.sent
    if command == "download":
        again = await talk(shell, words_of(command, job_id))
        assert (again.code, "assphrase" in again.text) == (0, False), "it is saved: nobody signs in"


@pytest.mark.parametrize("command", list(COMMANDS))
async def test_without_a_terminal_it_stays_locked_and_the_account_says_so(
    shell: Shell, sim: Simulator, command: str
) -> None:
    await kept(shell, sim, "main", "admissions")
    job_id = await job_of(shell, sim)
    before = len(sim.requests)
    ran = await shell(*words_of(command, job_id), stdin=f"{PASSPHRASE}\n")
    assert ran.code == 3, ran.err
    told = " ".join((ran.err + ran.out).split())
    assert "locked in this session" in told
    assert IN_A_SHELL in told and "(l)" not in told.partition("account main")[2]
    assert "`reportdash login main` stores" not in told
    assert "Passphrase of the vault" not in told
    assert len(sim.requests) == before


async def test_what_sends_nothing_never_asks(shell: Shell, sim: Simulator) -> None:
    await kept(shell, sim, "main")
    job_id = await job_of(shell, sim)
    for words in (
        ("jobs",),
        ("show", job_id),
        ("accounts",),
        ("track", "main", GUID),
        ("forget", job_id, "--unsaved"),
    ):
        done = await talk(shell, words)
        assert done.code == 0, done.text
        assert "assphrase of the vault" not in done.text


async def test_accounts_whose_key_comes_from_elsewhere_do_not_ask(
    shell: Shell, sim: Simulator, tmp_path: Path
) -> None:
    await kept(shell, sim, "main", "admissions", "calls")
    (tmp_path / "admissions").write_text(lines(sim, "admissions"))
    command = {"credential_command": ["cat", str(tmp_path / "admissions")]}
    shell.write(toml(sim.accounts(), admissions=command))
    shell.env = {name: value for name, value in secrets(sim.accounts()).items() if "__CALLS__" in name}
    for words in (
        ("submit", "calls", "calls", "--from", "2026-10-01", "--to", "2026-10-31", "--format", "csv"),
        ("track", "admissions", "--all"),
    ):
        done = await talk(shell, words)
        assert done.code == 0, done.text
        assert "assphrase of the vault" not in done.text


async def test_enter_leaves_it_locked_and_three_wrong_ones_do_as_well(shell: Shell, sim: Simulator) -> None:
    await kept(shell, sim, "main")
    job_id = await job_of(shell, sim)
    done = await talk(shell, ("download", job_id), (LOCKED, ""))
    assert done.code == 3
    assert "locked in this session" in done.text
    wrong = [(LOCKED, f"wrong {number}") for number in range(3)]
    done = await talk(shell, ("download", job_id), *wrong)
    assert done.code == 3
    assert done.text.count("does not open the vault") == 3
    assert "it stays locked" in done.text


@pytest.mark.parametrize("answer", ["\x03", signal.SIGHUP], ids=["ctrl-c", "hup"])
async def test_a_signal_at_the_passphrase_ends_the_command_in_order(
    shell: Shell, sim: Simulator, answer: str | signal.Signals
) -> None:
    await kept(shell, sim, "main")
    before = len(sim.requests)
    done = await talk(shell, ("watch", "--until", "never"), (LOCKED, answer))
    assert done.code == 130, done.text
    assert done.restored
    assert len(sim.requests) == before


async def test_a_watch_asks_once_also_when_its_ledger_is_replaced_meanwhile(
    shell: Shell, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept(shell, sim, "main")
    reference = sim.add("7g", GUID, "main", stage="running").reference
    sim.script("7g", reference, ["incomplete"])
    await shell("track", "main", reference)
    for name, value in shell.environment().items():
        monkeypatch.setenv(name, value)
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return PASSPHRASE

    monkeypatch.setattr(prompts, "on_terminal", lambda: True)
    monkeypatch.setattr(prompts, "ask_secret", answer)
    words = {"config": None, "data_dir": None, "debug": False, "read_only": False}
    args = argparse.Namespace(**words, query=[], until="settled", timeout=None, download=False, json=False)
    watching = asyncio.create_task(watch.run(args, SystemClock()))

    async def looked() -> None:
        before = len(sim.calls("7g", "GET"))
        async with asyncio.timeout(120):
            while len(sim.calls("7g", "GET")) < before + 3:
                await asyncio.sleep(0.02)

    await looked()
    for path in shell.data.glob("ledger.db*"):
        path.unlink()
    (shell.data / "ledger.db").write_bytes(b"not a ledger")
    await looked()
    await looked()
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert asked == [LOCKED]


async def test_a_dashboard_asks_once_also_when_its_ledger_is_replaced_meanwhile(
    shell: Shell, sim: Simulator
) -> None:
    await kept(shell, sim, "main")
    reference = sim.add("7g", GUID, "main", stage="running").reference
    sim.script("7g", reference, ["incomplete"])
    await shell("track", "main", reference)

    def drive() -> None:
        def looked() -> None:
            before = len(sim.calls("7g", "GET"))
            terminal.until(lambda text: len(sim.calls("7g", "GET")) >= before + 3)

        with Terminal([], env=shell.environment(), cwd=shell.folder) as terminal:
            terminal.until("Unlock the vault")
            terminal.send(f"{PASSPHRASE}\r")
            looked()
            terminal.until(lambda text: "Unlock the vault" not in text and "live" in text)
            for path in shell.data.glob("ledger.db*"):
                path.unlink()
            (shell.data / "ledger.db").write_bytes(b"not a ledger")
            terminal.until("1 job is back")
            looked()
            looked()
            assert "Unlock the vault" not in terminal.text
            terminal.send("q")
            assert terminal.finish() == 0

    await asyncio.to_thread(drive)


async def test_logging_out_asks_for_the_passphrase_of_a_locked_vault(shell: Shell, sim: Simulator) -> None:
    await kept(shell, sim, "main")
    ran = await shell("logout", "main")
    assert ran.code == 3
    assert f"is locked in this session ({FILE_NAME}): {IN_A_SHELL}" in one_sentence(ran)
    done = await talk(shell, ("logout", "main"), (KNOWN, "\x03"))
    assert done.code == 130 and "interrupted: nothing was removed" in done.text
    assert await home(shell, "main") == "vault, locked"
    done = await talk(shell, ("logout", "main"), (KNOWN, PASSPHRASE))
    assert done.code == 0, done.text
    assert "main: removed" in done.text
    assert pins(shell).get("main") != "vault"
    now = vault(shell)
    now.unlock(PASSPHRASE)
    assert now.get("reportdash:7g", "main") is None


async def test_logging_out_says_who_still_hands_one_in(shell: Shell, sim: Simulator, tmp_path: Path) -> None:
    keyless(shell, sim)
    given = secrets({"main": sim.accounts()["main"]})
    folder = tmp_path / "handed"
    folder.mkdir()
    named, systemd = {}, {"CREDENTIALS_DIRECTORY": str(folder)}
    for name, value in given.items():
        file = folder / f"reportdash.main.{name.rpartition('__')[2].lower()}"
        file.touch(mode=0o600)
        file.write_text(value)
        named[f"{name}__FILE"] = str(file)
    for env, says in (
        (given, "the environment still hands one in; unset REPORTDASH_SECRET__MAIN__… to end it"),
        (named, "unset REPORTDASH_SECRET__MAIN__…__FILE to end it"),
        (systemd, "systemd still hands one in"),
    ):
        shell.env = env
        ran = await shell("logout", "main")
        assert ran.code == 0
        assert one_sentence(ran).startswith("reportdash: main: nothing was stored; ")
        assert says in ran.err
        assert not any(value in ran.err for value in given.values())


def given(sim: Simulator, way: str, folder: Path) -> tuple[dict[str, str], dict[str, dict[str, list[str]]]]:
    """A key of admissions that its vendor refuses, handed in this way: the environment and more config."""
    name = "REPORTDASH_SECRET__ADMISSIONS__API_KEY"
    file = folder / "reportdash.admissions.api_key"
    file.touch(mode=0o600)
    file.write_text("not-the-key")
    environ = {
        "environment": {name: "not-the-key"},
        "file": {f"{name}__FILE": str(file)},
        "systemd": {"CREDENTIALS_DIRECTORY": str(folder)},
    }
    more = {"admissions": {"credential_command": ["echo", "not-the-key"]}} if way == "command" else {}
    return environ.get(way, {}), more


@pytest.mark.parametrize(
    ("way", "says"),
    [
        ("environment", "from the environment, which goes before any login: set {} to the right one"),
        ("file", "from a file from the environment, which goes before any login: write the right one into"),
        ("systemd", "from systemd, which goes before any login: change the credential in the unit"),
        ("command", "from its credential_command, which goes before any login: change what that prints"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        ("submit", "admissions", "86446"),
        ("track", "admissions", "--all"),
        ("watch",),
        ("doctor",),
        ("accounts",),
    ],
    ids=lambda words: words[0],
)
async def test_a_refused_key_from_outside_is_changed_where_it_comes_from_and_no_login_is_advised(
    shell: Shell, sim: Simulator, tmp_path: Path, words: tuple[str, ...], way: str, says: str
) -> None:
    keyless(shell, sim)
    shell.env, more = given(sim, way, tmp_path)
    shell.write(toml({"admissions": sim.accounts()["admissions"]}, **more))
    if words[0] in ("watch", "accounts"):
        assert (await shell("submit", "admissions", "86446")).code == 3
    ran = await shell(*words)
    assert ran.code == (0 if words[0] == "accounts" else 3), ran.err
    told = ran.err + ran.out
    assert says.format("REPORTDASH_SECRET__ADMISSIONS__API_KEY") in told
    assert "`reportdash login admissions` stores" not in told


@pytest.mark.parametrize("state", ["damaged", "gone"])
async def test_a_vault_that_is_lost_is_the_only_thing_said_of_its_accounts(
    shell: Shell, sim: Simulator, state: str
) -> None:
    await kept(shell, sim, "main")
    if state == "gone":
        (shell.data / FILE_NAME).unlink()
    else:
        (shell.data / FILE_NAME).write_bytes(b"RDVAULT\0 and no more")
    for words in (("submit", "main", "X"), ("watch",)):
        ran = await shell(*words)
        assert ran.code == 3
        assert f"the vault {shell.data / FILE_NAME} is {state}" in ran.err
        assert "put a copy of it back" in ran.err and "`reportdash" not in ran.err


async def test_a_vault_that_can_only_be_read_signs_in_and_a_login_says_that_it_takes_no_key(
    shell: Shell, sim: Simulator
) -> None:
    await kept(shell, sim, "admissions")
    lock = shell.data / f"{FILE_NAME}.lock"
    lock.unlink()
    lock.mkdir()
    done = await talk(shell, ("track", "admissions", "--all"), (LOCKED, PASSPHRASE))
    assert (done.code, "cannot be written" in done.text) == (0, False), done.text
    before = len(sim.calls("7g"))
    done = await talk(shell, ("login", "main"), (KNOWN, PASSPHRASE))
    assert (done.code, "cannot be written" in done.text) == (3, True), done.text
    assert len(sim.calls("7g")) == before, "neither the key was asked for nor the vendor"


async def test_where_a_file_does_not_open_the_vault_the_passphrase_can_be_typed(
    shell: Shell, sim: Simulator
) -> None:
    await kept(shell, sim, "admissions")
    shell.env = passphrase_file(shell, "not this one")
    done = await talk(shell, ("track", "admissions", "--all"), (LOCKED, PASSPHRASE))
    assert done.code == 0, done.text
    assert "The passphrase in REPORTDASH_VAULT_PASSPHRASE_FILE" in done.at[0]
    assert "does not open the vault" in done.at[0]
    secrets = sim.accounts()["main"]["secrets"]
    done = await talk(
        shell,
        ("login", "main", "--store", "vault"),
        (LOCKED, PASSPHRASE),
        ("Username: ", secrets["username"]),
        ("Password: ", secrets["password"]),
    )
    assert (done.code, "stored in vault" in done.text) == (0, True), done.text
    done = await talk(shell, ("logout", "main"), (KNOWN, PASSPHRASE))
    assert (done.code, "main: removed" in done.text) == (0, True), done.text
    # Nobody is asked where nobody sits: the file's fault is said.
    ran = await shell("track", "admissions", "--all")
    assert ran.code == 3
    assert "does not open the vault" in ran.err
    assert "write the right one there" in ran.err
