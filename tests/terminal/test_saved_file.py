"""A saved report on a real terminal: its first rows in the details, all of it in the pager, and back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reportdash.ledger.store import Store
from reportdash.model import Artifact, ArtifactState, Job, JobState
from tests.terminal.pty import Terminal, lives, stopped, wait_for
from tests.terminal.test_dashboard import environment

EVIL = "\x1b]52;c;Z290Y2hh\x07\x1b[2J\x9b31m\u202egnp"


@contextmanager
def dashboard(folder: Path, pager: str, size: tuple[int, int] = (140, 40)) -> Iterator[Terminal]:
    """A board with one saved report whose cells would act on a terminal."""
    report = folder / "report.csv"
    report.write_text(f'Name,Note\nAda,"{EVIL}here"\nGrace,fine\n', encoding="utf-8")
    data = folder / "data"
    with Store.open(data / "ledger.db") as store:
        store.write(lambda: store.verbs.ensure_accounts({"main": "7g"}))
        length = report.stat().st_size
        copy = Artifact(ArtifactState.SAVED, str(report), length, length)
        store.add(Job("abcdef", "main", "7g", "Balances", "r1", JobState.READY, "complete", artifact=copy))
    config = folder / "config.toml"
    config.write_text('[accounts.main]\nvendor = "7g"\n', encoding="utf-8")
    words = ["--config", str(config), "--data-dir", str(data)]
    env = {**environment(folder), "PAGER": pager}
    with Terminal(words, env=env, columns=size[0], lines=size[1], warm=True) as terminal:
        terminal.until(lambda text: all(word in text for word in ("Balances", "viewing", "✗ main")))
        yield terminal
        terminal.send("q")
        assert terminal.finish() == 0
        assert terminal.modes_left_on() == []
        assert terminal.tty_is_as_before()


def script(folder: Path, text: str) -> str:
    path = folder / "pager"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_no_byte_of_a_reports_cells_acts_on_the_terminal(tmp_path: Path) -> None:
    with dashboard(tmp_path, "less") as terminal:
        terminal.send("\x1b[Z")
        terminal.until(lambda text: "2 rows" in text and "here" in text and "Grace" in text)
        for forbidden in (b"\x1b]52;", b"\x9b31m", b"Z290Y2hh\x07", "\u202e".encode()):
            assert forbidden not in terminal.bytes


@pytest.mark.parametrize("ends_by", ["\r", "\x03"], ids=["enter", "ctrl+c"])
def test_the_board_is_whole_again_after_the_pager_however_it_ends(tmp_path: Path, ends_by: str) -> None:
    pager = script(tmp_path, 'echo "PAGER $1 $2"; read answer')
    with dashboard(tmp_path, f"{pager} -S") as terminal:
        before = terminal.until("History 1")
        terminal.send("o")
        terminal.until(f"PAGER -S {tmp_path}/report.csv")
        terminal.send(ends_by)
        terminal.until(lambda text: text == before)
        terminal.send("?")
        terminal.until("one row up")
        terminal.send("\x1b")
        terminal.until(lambda text: "one row up" not in text)


def test_the_details_on_the_whole_screen_are_whole_again_as_well(tmp_path: Path) -> None:
    pager = script(tmp_path, 'echo "PAGER $1"; read answer')
    with dashboard(tmp_path, pager, (80, 24)) as terminal:
        terminal.send("\r")
        before = terminal.until(lambda text: "esc back" in text and "History 1" in text)
        terminal.send("o")
        terminal.until("PAGER")
        terminal.send("\r")
        terminal.until(lambda text: text == before)
        terminal.send("\x1b")
        terminal.until(lambda text: "enter details" in text)


def test_a_board_whose_terminal_changed_its_size_under_the_pager_is_whole(tmp_path: Path) -> None:
    pager = script(tmp_path, "echo PAGER; read answer")
    with dashboard(tmp_path, pager) as terminal:
        terminal.send("o")
        terminal.until("PAGER")
        terminal.resize(80, 24)
        terminal.send("\r")
        whole_at_80(terminal)


@pytest.mark.parametrize("how", [signal.SIGTSTP, signal.SIGSTOP], ids=["stopped", "stopped for good"])
def test_a_board_whose_terminal_changed_its_size_while_it_was_stopped_is_whole(
    tmp_path: Path, how: signal.Signals
) -> None:
    with dashboard(tmp_path, "less") as terminal:
        terminal.signal(how)
        wait_for(lambda: stopped(terminal.process.pid), "it never stops")
        terminal.resize(80, 24)
        terminal.signal(signal.SIGCONT)
        whole_at_80(terminal)


def whole_at_80(terminal: Terminal) -> None:
    """The board stands at 80 columns as it would if all of it were sent again, and answers a key."""
    shown = terminal.until(lambda text: "Age Next" in text and "enter details  space" in text)
    sent = len(terminal.bytes)
    terminal.send("\x0c")
    terminal.until(lambda text: b"Age Next" in terminal.bytes[sent:] or "Balances" not in text)
    assert terminal.until("Balances") == shown
    terminal.send("?")
    terminal.until("one row up")
    terminal.send("\x1b")
    terminal.until(lambda text: text == shown)


@pytest.mark.parametrize(
    ("last", "said"),
    [("kill -KILL $$", "was ended by signal 9"), ("exit 3", "ended with code 3")],
    ids=["killed", "failed"],
)
def test_a_pager_that_ends_badly_is_named_on_a_whole_board(tmp_path: Path, last: str, said: str) -> None:
    pager = script(tmp_path, f"stty raw -echo; printf '\\033[2JPAGER\\033[5;5H'; {last}")
    with dashboard(tmp_path, pager) as terminal:
        terminal.send("o")
        terminal.until(lambda text: f"{pager} {said}" in text and "Balances" in text)
        terminal.send("?")
        terminal.until("one row up")
        terminal.send("\x1b")
        terminal.until(lambda text: "one row up" not in text)


def test_a_terminate_signal_while_the_pager_runs_ends_both(tmp_path: Path) -> None:
    said = f"trap '' HUP; echo $$ >{tmp_path}/pid; echo PAGER; while :; do read a; done"
    with dashboard(tmp_path, script(tmp_path, said)) as terminal:
        terminal.send("o")
        terminal.until("PAGER")
        terminal.signal(signal.SIGTERM)
        terminal.finish()
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not lives(pid), "the pager still runs")
