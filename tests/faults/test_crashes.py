"""An error nobody foresaw, wherever it comes: a sentence, a private note without any secret, exit code 70.

Nothing of it is lost or left behind: the ledger opens, the lease is free, the terminal is as it was.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from reportdash.cli import crash
from reportdash.ledger.store import Store
from reportdash.model import Job, JobState
from tests.faults.blown import PLACES
from tests.terminal.pty import Terminal
from tests.terminal.test_dashboard import environment

ROOT = Path(__file__).parent.parent.parent
CANARY = "canary-3b91c7e2"
POLLED = "live"
"""What the board says once it holds the lease."""


def prepare(folder: Path) -> dict[str, str]:
    """A ledger with two jobs of an account whose vendor takes connections and never answers."""
    with Store.open(folder / "data" / "ledger.db") as store:
        store.write(lambda: store.verbs.ensure_accounts({"main": "7g"}))
        for number in (1, 2):
            store.add(
                Job(f"abcde{number + 1}", "main", "7g", f"Report{number}", f"r{number}", JobState.RUNNING)
            )
    return {
        **environment(folder),
        "CANARY": CANARY,
        "REPORTDASH_SECRET__MAIN__USERNAME": f"user-{CANARY}",
        "REPORTDASH_SECRET__MAIN__PASSWORD": CANARY,
        "NO_COLOR": "1",
    }


def words(folder: Path, *more: str) -> list[str]:
    return ["--debug", "--config", str(folder / "config.toml"), "--data-dir", str(folder / "data"), *more]


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[None]:
    """A vendor that never answers, and the config that names it."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = tmp_path / "config.toml"
    config.write_text(
        f'[accounts.main]\nvendor = "7g"\nbase_url = "http://127.0.0.1:{listening.getsockname()[1]}"\n'
    )
    yield
    listening.close()


def note_of(folder: Path) -> Path:
    (note,) = (folder / "data").glob("crash-*.txt")
    return note


def check(folder: Path, said: str, place: str) -> None:
    """The sentence names the note; the note names the place; the secret is nowhere; the ledger is free."""
    note = note_of(folder)
    said = said.replace("\n", "")  # a terminal breaks a line anywhere
    assert "internal error (ValueError)" in said
    assert str(note) in said
    assert "Traceback" not in said
    text = note.read_text()
    assert "ValueError" in text and "KeyError" in text
    assert "blown.py" in text
    assert note.stat().st_mode & 0o777 == 0o600
    for path in (folder / "data").iterdir():
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), f"{path.name} repeats the secret ({place})"
    with Store.open(folder / "data" / "ledger.db", owner="elsewhere:1:0:one") as store:
        assert [job.name for job in store.jobs()] and len(store.jobs()) == 2
        assert store.account("main").owner is None
        assert store.write(lambda: store.leases.take("main")) is not None


ON_THE_SCREEN: dict[str, Sequence[str]] = {
    "an import": (),
    "the start": (),
    "the first painting": (),
    "the first moment": (),
    "the engine": (),
    "a task": (),
    "the poller": (),
    "a worker's end": (),
    "the ledger's thread": (),
    "a row of the ledger": (),
    "a commit": (),
    "the details": (),
    "a row": (),
    "a key": (POLLED, "j"),
    "a callback": (POLLED, "j"),
    "a typed letter": (),
    "a screen": (POLLED, "?"),
    "the end": (POLLED, "q"),
}
"""Each place, and what to wait for and to type before it breaks there."""


@pytest.mark.parametrize("place", ON_THE_SCREEN)
def test_a_fault_of_the_dashboard_is_told_without_a_secret_and_ends_it_in_order(
    tmp_path: Path, silent: None, place: str
) -> None:
    env = prepare(tmp_path)
    program = [sys.executable, "-m", "tests.faults.blown", place]
    with Terminal(words(tmp_path), env=env, program=program, cwd=ROOT) as terminal:
        if play := ON_THE_SCREEN[place]:
            terminal.until(play[0])
            terminal.send(play[1])
        assert terminal.finish() == 70, terminal.text
        assert terminal.modes_left_on() == []
        assert terminal.tty_is_as_before()
        assert CANARY.encode() not in terminal.bytes
        check(tmp_path, terminal.text, place)
    assert list((tmp_path / "tmp").iterdir()) == []


def run(folder: Path, place: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.blown", place, *more, *words(folder)],
        env={**os.environ, **prepare(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize(
    ("place", "more"),
    [
        ("an import", ["jobs"]),
        ("the parser", ["jobs"]),
        ("a command", ["jobs"]),
        ("the engine", ["watch"]),
        ("the poller", ["watch"]),
        ("a worker's end", ["watch"]),
        ("the ledger's thread", ["watch"]),
        ("the end", ["accounts"]),
    ],
)
def test_a_fault_of_a_command_is_told_without_a_secret(
    tmp_path: Path, silent: None, place: str, more: list[str]
) -> None:
    done = run(tmp_path, place, *more)
    assert done.returncode == 70, done.stderr
    assert CANARY not in done.stdout + done.stderr
    check(tmp_path, done.stderr, place)


def test_an_account_that_stumbles_is_tried_again_and_logged_without_words(
    tmp_path: Path, silent: None
) -> None:
    done = run(tmp_path, "a worker", "watch", "--timeout", "1")
    assert done.returncode == 4, done.stderr
    log = (tmp_path / "data" / "debug.log").read_text()
    assert "polling stumbled" in log and "blown.py" in log
    assert CANARY not in done.stdout + done.stderr + log


def test_the_newest_notes_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(30):
        (tmp_path / f"crash-20260101-0000{number:02}-1.txt").write_text("old")
    assert crash.report(RuntimeError("x"), str(tmp_path)) == 70
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert len(kept) == crash.KEEP
    assert kept[-1] in capsys.readouterr().err


def test_errors_without_end_make_a_short_note(tmp_path: Path) -> None:
    def deeper(depth: int) -> None:
        if depth:
            deeper(depth - 1)
        raise ExceptionGroup("several", [ValueError("one"), OSError("two")])

    try:
        deeper(200)
    except ExceptionGroup as error:
        error.exceptions[0].__context__ = error
        crash.report(error, str(tmp_path))
    (note,) = tmp_path.iterdir()
    text = note.read_text()
    assert len(text.splitlines()) < 80
    assert all(kind in text for kind in ("ExceptionGroup", "ValueError", "OSError", " more)"))


def test_every_place_is_tried() -> None:
    commands = {"a command", "the parser", "a worker"}
    assert set(PLACES) == set(ON_THE_SCREEN) | commands
