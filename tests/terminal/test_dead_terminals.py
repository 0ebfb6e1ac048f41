"""A terminal that dies, and signals at any moment: what runs ends in order, with all it started.

The ledger opens, the lease is free, no helper is left, and where there is still a terminal it is as it was.
Nothing here asserts how fast: what would be slow here would hang.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reportdash.ledger.store import Store
from reportdash.model import Artifact, ArtifactState, Job, JobState, replace
from tests.terminal.pty import PATIENCE, Terminal, lives, stopped, wait_for
from tests.terminal.test_dashboard import environment, left_over
from tests.terminal.test_saved_file import script

PROGRAM = [sys.executable, "-m", "reportdash"]
SPINNING = 2.0
"""Seconds of CPU that no orderly end takes; a loop on a dead terminal uses them up at once."""
BETWEEN = 0.15
"""Seconds between two keys, so that each is painted, and an escape not taken for the start of more."""
WINDOW = 0.6
"""Seconds for which the CPU of a process at rest is counted."""


def ignoring(*names: str) -> list[str]:
    """The program as `nohup` would start it."""
    return ["sh", "-c", f"trap '' {' '.join(names)}; exec {shlex.join(PROGRAM)} \"$@\"", "reportdash"]


ELSEWHERE = ["setsid", "-w", *PROGRAM]
"""The program in a session of its own: no signal comes when the terminal dies."""


@pytest.fixture
def polled(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A config with one account whose vendor never answers, so that its lease is held; the environment."""
    listening = socket.create_server(("127.0.0.1", 0))
    report = tmp_path / "report.csv"
    report.write_text("a,b\n1,2\n")
    with Store.open(tmp_path / "data" / "reportdash" / "ledger.db") as store:
        store.write(lambda: store.verbs.ensure_accounts({"main": "7g"}))
        copy = Artifact(ArtifactState.SAVED, str(report), 8, 8)
        store.add(Job("abcdef", "main", "7g", "Balances", "r1", JobState.READY, "complete", artifact=copy))
        store.add(Job("abcdeg", "main", "7g", "Prices", "r2", JobState.RUNNING))
    config = tmp_path / "config" / "reportdash" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        f'[accounts.main]\nvendor = "7g"\nbase_url = "http://127.0.0.1:{listening.getsockname()[1]}"\n'
    )
    yield {
        **environment(tmp_path),
        "REPORTDASH_SECRET__MAIN__USERNAME": "operator",
        "REPORTDASH_SECRET__MAIN__PASSWORD": "key-of-a-test",
    }
    listening.close()


def check_ledger(folder: Path) -> None:
    """It opens whole, and nobody holds the lease any more: it was given back, not left to run out."""
    with Store.open(folder / "data" / "reportdash" / "ledger.db", owner="elsewhere:1:0:one") as store:
        assert len(store.jobs()) == 2
        assert store.account("main").owner is None


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used, as the scheduler counts them for each of its threads."""
    used = 0
    with suppress(OSError):
        for task in list(Path(f"/proc/{pid}/task").iterdir()):
            with suppress(OSError):  # it has ended since
                used += int((task / "schedstat").read_text().split()[0])
    return used / 1e9


def family(pid: int) -> list[int]:
    """The process and all it has started, from whichever of its threads."""
    found = [pid]
    with suppress(OSError):  # it has ended since
        for task in list(Path(f"/proc/{pid}/task").iterdir()):
            for child in (task / "children").read_text().split():
                found += family(int(child))
    return found


def ended(terminal: Terminal, pids: list[int]) -> int:
    """Wait until the process and all it had started are gone; its exit code. It has not been spinning."""
    used, process = 0.0, terminal.process
    before = cpu(process.pid)
    deadline = time.monotonic() + PATIENCE
    while (process.poll() is None or any(map(lives, pids))) and time.monotonic() < deadline:
        used = max(used, cpu(process.pid) - before)
        time.sleep(0.02)
    assert process.returncode is not None, "still running"
    assert [pid for pid in pids if lives(pid)] == [], "what it started still runs"
    assert used < SPINNING
    return process.returncode


DEATHS = {
    "a hang-up": PROGRAM,
    "SIGHUP ignored": ignoring("HUP"),
    "another session": ELSEWHERE,
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_terminal_that_is_closed_ends_the_dashboard_in_order(
    tmp_path: Path, polled: dict[str, str], death: str
) -> None:
    with Terminal([], env=polled, program=DEATHS[death]) as terminal:
        terminal.until("live")
        pids = family(terminal.process.pid)
        terminal.hang_up()
        # In the other session it is `setsid` that the hang-up ends.
        assert ended(terminal, pids) == (-signal.SIGHUP if death == "another session" else 0)
    check_ledger(tmp_path)


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ((signal.SIGHUP,), 0),
        ((signal.SIGTERM,), 0),
        ((signal.SIGINT,), 130),
        ((signal.SIGHUP, signal.SIGCONT, signal.SIGTERM, signal.SIGHUP), 0),
    ],
    ids=["hup", "term", "int", "several"],
)
def test_a_signal_ends_the_dashboard_in_order_and_gives_the_terminal_back(
    tmp_path: Path, polled: dict[str, str], numbers: tuple[signal.Signals, ...], code: int
) -> None:
    with Terminal([], env=polled, warm=True) as terminal:
        terminal.until("live")
        for number in numbers:
            terminal.signal(number)
        assert terminal.finish() == code
        assert terminal.modes_left_on() == []
        assert terminal.tty_is_as_before()
        assert b"Traceback" not in terminal.bytes
    check_ledger(tmp_path)


@pytest.mark.parametrize("mark", [b"\x1b[?1049h", b"\x1b[?2026$p", b"AccountTransaction"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_screen_comes_up_gives_the_terminal_back(
    tmp_path: Path, mark: bytes, number: signal.Signals
) -> None:
    with Terminal(["demo"], env=environment(tmp_path)) as terminal:
        terminal.until(lambda _: mark in terminal.bytes)
        terminal.signal(number)
        assert terminal.finish() == (130 if number == signal.SIGINT else 0)
        assert terminal.modes_left_on() == []
        assert terminal.tty_is_as_before()
    assert left_over(tmp_path) == []


def test_a_signal_before_the_screen_leaves_nothing_of_the_demo(tmp_path: Path) -> None:
    env = environment(tmp_path)
    with Terminal(["demo", "--jobs", "50000"], env=env) as terminal:
        terminal.until("writing 50,000 rows")
        pids = family(terminal.process.pid)
        assert len(pids) == 2, "the simulator runs"
        terminal.signal(signal.SIGTERM)
        assert ended(terminal, pids) == 0
        assert terminal.tty_is_as_before()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_simulator_that_hangs_is_ended_with_the_demo_and_its_folder(tmp_path: Path) -> None:
    with Terminal(["demo"], env=environment(tmp_path)) as terminal:
        terminal.until("live")
        pids = family(terminal.process.pid)
        os.kill(pids[1], signal.SIGSTOP)
        terminal.signal(signal.SIGTERM)
        assert ended(terminal, pids) == 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_thread_that_hangs_keeps_nobody_from_leaving(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "from reportdash.cli import dash, main\n"
        "dash.load_engine = lambda: time.sleep(1000)\n"
        "main.run()\n"
    )
    with Terminal(["-c", code, "demo"], env=environment(tmp_path), program=[sys.executable]) as terminal:
        terminal.until("AccountTransaction")
        pids = family(terminal.process.pid)
        terminal.signal(signal.SIGTERM)
        assert ended(terminal, pids) == 0
        assert terminal.tty_is_as_before()
    assert list((tmp_path / "tmp").iterdir()) == []


def fill(terminal: Terminal) -> None:
    """Let more be painted than a terminal holds for who does not read, some 20 kB."""
    for key in ("?", "\x1b") * 6:
        terminal.send(key)
        time.sleep(BETWEEN)
    wait_for(lambda: idle(terminal.process.pid), "it never comes to rest")


def idle(pid: int) -> bool:
    """Whether a process hardly uses any CPU for a while."""
    before = cpu(pid)
    time.sleep(WINDOW)
    return cpu(pid) - before < WINDOW / 10


def test_a_line_that_takes_nothing_costs_nothing_and_keeps_nobody_from_leaving(
    tmp_path: Path, polled: dict[str, str]
) -> None:
    with Terminal([], env=polled, warm=True) as terminal:
        terminal.until("live")
        fill(terminal)
        pids = family(terminal.process.pid)
        terminal.signal(signal.SIGTERM)
        assert ended(terminal, pids) == 0
        assert terminal.tty_is_as_before()
    check_ledger(tmp_path)


def test_a_fault_on_a_line_that_takes_nothing_is_noted_all_the_same(
    tmp_path: Path, polled: dict[str, str]
) -> None:
    env = {**polled, "CANARY": "x"}
    program = [sys.executable, "-m", "tests.faults.blown", "the end"]
    with Terminal([], env=env, program=program, cwd=Path(__file__).parent.parent.parent) as terminal:
        terminal.until("live")
        fill(terminal)
        terminal.signal(signal.SIGTERM)
        assert ended(terminal, [terminal.process.pid]) == 70
    assert len(list((tmp_path / "data" / "reportdash").glob("crash-*.txt"))) == 1


def test_a_command_that_hangs_goes_with_the_terminal(tmp_path: Path, polled: dict[str, str]) -> None:
    started = tmp_path / "started"
    command = script(tmp_path, f"echo $$ >{started}; sleep 1000 & wait")
    config = tmp_path / "config" / "reportdash" / "config.toml"
    config.write_text(config.read_text() + f'credential_command = ["{command}"]\n')
    env = {name: value for name, value in polled.items() if "SECRET" not in name}
    with Terminal([], env=env, program=ignoring("HUP")) as terminal:
        wait_for(lambda: started.exists() and bool(started.read_text()), "the command never started")
        pids = family(terminal.process.pid)
        assert len(pids) == 3
        terminal.hang_up()
        assert ended(terminal, pids) == 0


STUBBORN = "trap '' HUP TERM INT; echo PAGER; while :; do sleep 1000; done"


@pytest.mark.parametrize("death", ["closed", "term"])
def test_a_pager_that_hears_nothing_goes_with_the_terminal(
    tmp_path: Path, polled: dict[str, str], death: str
) -> None:
    env = {**polled, "PAGER": script(tmp_path, STUBBORN)}
    with Terminal([], env=env, program=ignoring("HUP")) as terminal:
        terminal.until("live")
        terminal.send("jo")
        terminal.until("PAGER")
        wait_for(lambda: len(family(terminal.process.pid)) == 3, "the pager has no child")
        pids = family(terminal.process.pid)
        if death == "closed":
            terminal.hang_up()
        else:
            terminal.signal(signal.SIGTERM)
        assert ended(terminal, pids) == 0
        if death == "term":
            assert terminal.tty_is_as_before()
    check_ledger(tmp_path)


def test_the_modes_a_pager_left_behind_are_not_taken_for_the_terminals_own(
    tmp_path: Path, polled: dict[str, str]
) -> None:
    env = {**polled, "PAGER": script(tmp_path, "stty raw -echo; echo PAGER")}
    with Terminal([], env=env, warm=True) as terminal:
        terminal.until("live")
        terminal.send("jo")
        terminal.until(lambda text: b"PAGER" in terminal.bytes and "live" in text)
        terminal.send("q")
        assert terminal.finish() == 0
        assert terminal.tty_is_as_before()


def test_a_dashboard_that_was_stopped_ends_with_its_terminal(tmp_path: Path, polled: dict[str, str]) -> None:
    with Terminal([], env=polled, program=ignoring("HUP")) as terminal:
        terminal.until("live")
        terminal.signal(signal.SIGTSTP)
        wait_for(lambda: stopped(terminal.process.pid), "it never stops")
        assert terminal.tty_is_as_before()
        terminal.hang_up()
        terminal.signal(signal.SIGCONT)
        assert ended(terminal, [terminal.process.pid]) == 0
    check_ledger(tmp_path)


def watching(env: dict[str, str], program: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*program, "watch", "--until", "never"],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def held(folder: Path) -> bool:
    """Whether somebody polls the account."""
    with Store.open(folder / "data" / "reportdash" / "ledger.db", owner="elsewhere:1:0:one") as store:
        return store.account("main").owner is not None


@pytest.mark.parametrize(
    "numbers",
    [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGHUP,), (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)],
    ids=["int", "term", "hup", "all three"],
)
def test_a_signal_ends_a_watch_in_order(
    tmp_path: Path, polled: dict[str, str], numbers: tuple[signal.Signals, ...]
) -> None:
    process = watching(polled, PROGRAM)
    wait_for(lambda: held(tmp_path), "it never polls")
    for number in numbers:
        process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert said == b""
    check_ledger(tmp_path)


def test_a_watch_that_was_told_to_ignore_hang_ups_does(tmp_path: Path, polled: dict[str, str]) -> None:
    process = watching(polled, ignoring("HUP"))
    wait_for(lambda: held(tmp_path), "it never polls")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    process = watching(polled, ignoring("HUP"))
    wait_for(lambda: held(tmp_path), "it never polls")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(WINDOW)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    check_ledger(tmp_path)


def test_a_command_whose_terminal_is_gone_ends_without_a_crash(
    tmp_path: Path, polled: dict[str, str]
) -> None:
    words = ["watch", "--until", "never", "--timeout", "1"]
    with Terminal(words, env=polled, program=ignoring("HUP")) as terminal:
        wait_for(lambda: held(tmp_path), "it never polls")
        terminal.hang_up()
        assert ended(terminal, [terminal.process.pid]) == 4
    assert list((tmp_path / "data" / "reportdash").glob("crash-*")) == []
    check_ledger(tmp_path)


def test_a_watch_without_end_ends_with_the_first_line_that_nobody_can_read(
    tmp_path: Path, polled: dict[str, str]
) -> None:
    words = ["watch", "--until", "never"]
    with Terminal(words, env=polled, program=ignoring("HUP")) as terminal:
        wait_for(lambda: held(tmp_path), "it never polls")
        terminal.hang_up()
        with Store.open(tmp_path / "data" / "reportdash" / "ledger.db", owner="elsewhere:1:0:one") as store:
            store.write(lambda: store.verbs.change("abcdeg", lambda row: replace(row, message="changed")))
        assert ended(terminal, [terminal.process.pid]) == 1
    check_ledger(tmp_path)


@pytest.mark.parametrize(
    ("answer", "code"),
    [(signal.SIGTERM, 130), (signal.SIGINT, 130), (signal.SIGHUP, 130), ("\x03", 130), ("\x04", 2)],
    ids=["term", "int", "hup", "ctrl-c", "ctrl-d"],
)
def test_a_login_that_is_broken_off_at_a_secret_gives_the_echo_back(
    tmp_path: Path, polled: dict[str, str], answer: signal.Signals | str, code: int
) -> None:
    with Terminal(["login", "main"], env=polled, warm=True) as terminal:
        terminal.until("New passphrase")
        if isinstance(answer, str):
            terminal.send(answer)
        else:
            terminal.signal(answer)
        assert terminal.finish() == code, terminal.text
        assert terminal.tty_is_as_before()
        assert "Traceback" not in terminal.text and "internal" not in terminal.text
    check_ledger(tmp_path)


def test_a_signal_ends_a_login_that_reads_its_input(tmp_path: Path, polled: dict[str, str]) -> None:
    file = tmp_path / "passphrase"
    file.write_text("seven blue herons\n")
    file.chmod(0o600)
    with subprocess.Popen(
        [sys.executable, "-m", "reportdash", "login", "main", "--stdin"],
        env={**os.environ, **polled, "REPORTDASH_VAULT_PASSPHRASE_FILE": str(file)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "will be kept in the vault" in process.stderr.readline()  # said before it reads
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 130
        assert "Traceback" not in process.stderr.read()
    check_ledger(tmp_path)


def test_the_terminal_of_somebody_else_is_still_never_waited_for(tmp_path: Path) -> None:
    code = (
        "import asyncio, os\n"
        "from reportdash.tui.output import Output\n"
        "os.ttyname = lambda handle: '/nowhere'\n"
        "async def main():\n"
        "    output = Output.open(2, lambda: None, lambda: None)\n"
        "    output.write(b'by another name')\n"
        "    output.close()\n"
        "asyncio.run(main())\n"
    )
    with Terminal(["-c", code], env=environment(tmp_path), program=[sys.executable]) as terminal:
        assert terminal.finish() == 0
        assert "by another name" in terminal.text
