"""A data folder whose disk hangs: the screen stands all the same, says what is wrong, and can be left."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reportdash.ledger import FILE_NAME
from reportdash.settings import memory
from tests.terminal.pty import Terminal

MUTE = """
import sqlite3, sys
def connect(*args, **how):
    open({fifo!r}).read()
sqlite3.connect = connect
from reportdash.__main__ import main
sys.exit(main())
"""
"""The program on a file system that gives no word of the ledger."""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """For a dashboard of one account, on a data folder with nothing in it."""
    config, data = tmp_path / "config.toml", tmp_path / "data"
    config.write_text('[accounts.main]\nvendor = "7g"\nbase_url = "http://127.0.0.1:1"\n')
    data.mkdir(mode=0o700)
    os.mkfifo(tmp_path / "fifo")  # nobody writes into it, so whoever opens it waits
    return ["--config", str(config), "--data-dir", str(data)]


def test_what_was_last_on_the_screen_keeps_nobody_from_it_when_it_can_not_be_read(
    tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "fifo").rename(tmp_path / "data" / memory.FILE_NAME)
    with Terminal(words, cwd=tmp_path) as terminal:
        terminal.until("No jobs yet")
        terminal.send("q")
        assert terminal.finish() == 0
        assert terminal.tty_is_as_before()


def test_a_ledger_that_does_not_answer_keeps_nobody_from_the_screen_and_is_said(
    tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "data" / FILE_NAME).touch()
    program = (sys.executable, "-c", MUTE.format(fifo=str(tmp_path / "fifo")))
    with Terminal(words, cwd=tmp_path, program=program) as terminal:
        text = terminal.until("The ledger can not be read now")
        assert "not read yet" in text.splitlines()[0]
        assert "No jobs yet" not in text
        terminal.until("does not answer: its disk hangs, or another process holds it")
        terminal.send("q")
        assert terminal.finish() == 0
        assert terminal.tty_is_as_before()
