"""The first run on a real terminal: to the demo and back, and to the shell and back."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.terminal.pty import PATIENCE, Terminal
from tests.terminal.test_dashboard import environment, left_over

RUN = shlex.join([sys.executable, "-m", "reportdash"])


def shell(folder: Path) -> Terminal:
    """A shell with job control, whose prompt is `ready$`."""
    env = {**environment(folder), "PS1": "ready$ ", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return Terminal(["--norc", "--noprofile", "-i"], env=env, program=["bash"])


def board_stands(text: str) -> bool:
    """Whether every line of the demo's board is there, from the first to the last."""
    lines = text.splitlines()
    return "AccountTransaction" in text and "live" in lines[0] and "State ↓" in text and "q quit" in lines[-1]


def cleared(terminal: Terminal) -> None:
    """Wait for the shell's prompt, then for an empty screen with nothing but the next one."""
    prompt, screen = "ready$ ", terminal.screen

    def prompted(text: str) -> bool:
        # What the board left on the line may still stand behind it.
        return screen.display[screen.cursor.y][: screen.cursor.x].endswith(prompt)

    terminal.until(prompted)
    terminal.send("clear\r")
    terminal.until(lambda text: text.strip() == prompt.strip())


@pytest.mark.parametrize("key", ["q", "\x03"], ids=["q", "ctrl+c"])
def test_the_demo_opens_from_the_first_page_and_leaving_it_comes_back(tmp_path: Path, key: str) -> None:
    with Terminal([], env=environment(tmp_path), warm=True) as terminal:
        terminal.until(lambda text: "▌ 1 Look around first" in text and "q quit" in text)
        terminal.send("\r")
        terminal.until(lambda text: "AccountTransaction" in text and "live" in text)
        terminal.send(key)
        terminal.until(lambda text: "✓ 1 Look around first" in text and "▌ 2 Write the config" in text)
        terminal.send("q")
        assert terminal.finish() == 0
        assert terminal.modes_left_on() == []
        assert terminal.tty_is_as_before()
        assert b"Traceback" not in terminal.bytes
    assert left_over(tmp_path) == []


def test_on_a_dumb_terminal_the_demo_and_the_page_after_it_are_in_ascii_too(tmp_path: Path) -> None:
    env = {**environment(tmp_path), "TERM": "dumb", "COLORTERM": ""}
    with Terminal([], columns=100, lines=24, env=env) as terminal:
        terminal.until(lambda text: "| 1 Look around first" in text and "q quit" in text)
        terminal.send("1")
        terminal.until(lambda text: "X failed" in text and "live" in text)
        terminal.send("q")
        terminal.until(lambda text: "+ 1 Look around first" in text and "| 2 Write the config" in text)
        terminal.send("q")
        assert terminal.finish() == 0
        assert b"\x1b[38;" not in terminal.bytes


def test_a_dropped_line_in_the_demo_ends_the_board_behind_it_too(tmp_path: Path) -> None:
    with Terminal([], env=environment(tmp_path)) as terminal:
        terminal.until(lambda text: "Look around first" in text and "q quit" in text)
        terminal.send("1")
        terminal.until(lambda text: "AccountTransaction" in text and "live" in text)
        terminal.hang_up()
        assert terminal.process.wait(PATIENCE) is not None
    assert left_over(tmp_path) == []


def test_a_terminate_signal_in_the_demo_ends_the_board_behind_it_too(tmp_path: Path) -> None:
    with Terminal([], env=environment(tmp_path), warm=True) as terminal:
        terminal.until(lambda text: "Look around first" in text and "q quit" in text)
        terminal.send("1")
        terminal.until(lambda text: "AccountTransaction" in text and "live" in text)
        terminal.signal(signal.SIGTERM)
        assert terminal.finish() == 0
        assert terminal.modes_left_on() == []
        assert terminal.tty_is_as_before()
    assert left_over(tmp_path) == []


def test_the_config_is_written_on_a_real_terminal(tmp_path: Path) -> None:
    with Terminal([], columns=80, lines=24, env=environment(tmp_path), warm=True) as terminal:
        terminal.until(lambda text: "Write the config" in text and "q quit" in text)
        terminal.send("2")
        terminal.until("Add an account")
        terminal.send("\t\t\x15http://127.0.0.1:9\r\r")
        terminal.until("main has no key yet")
        terminal.send("q")
        assert terminal.finish() == 0
    config = tmp_path / "config" / "reportdash" / "config.toml"
    assert config.read_text(encoding="utf-8").endswith(
        '\n[accounts.main]\nvendor = "7g"\nbase_url = "http://127.0.0.1:9"\n'
    )


@pytest.mark.parametrize("back", ["fg", "bg and fg"])
def test_ctrl_z_goes_to_the_shell_and_fg_brings_the_whole_board_back(tmp_path: Path, back: str) -> None:
    with shell(tmp_path) as terminal:
        cleared(terminal)
        terminal.send(f"{RUN} demo\r")
        terminal.until(board_stands)
        terminal.send("\x1a")
        terminal.until("Stopped")
        cleared(terminal)
        assert terminal.modes_left_on() == ["2004"]  # the shell's own
        terminal.send("echo the shell is $((40 + 2))\r")
        terminal.until("the shell is 42")
        if back != "fg":
            # It may not touch the terminal there, and stops again.
            terminal.send('bg; until [ "$(jobs -s)" ]; do :; done; echo again $((40 + 3))\r')
            terminal.until("again 43")
        terminal.send("fg\r")
        terminal.until(board_stands)
        terminal.send("?")
        terminal.until("filter the table while you type")
        terminal.send("\x1a")
        terminal.until("Stopped")
        cleared(terminal)
        terminal.send("fg\r")
        terminal.until("filter the table while you type")
        terminal.send("\x1b")
        terminal.until(board_stands)
        terminal.send("q")
        cleared(terminal)
        terminal.send("exit\r")
        assert terminal.finish() == 0
    assert left_over(tmp_path) == []


def test_ctrl_z_where_no_shell_waits_stops_nothing_and_says_so(tmp_path: Path) -> None:
    with Terminal([], env=environment(tmp_path), warm=True) as terminal:
        terminal.until(lambda text: "Look around first" in text and "q quit" in text)
        terminal.send("\x1a")
        terminal.until("there is no shell here to come back from")
        terminal.send("q")
        assert terminal.finish() == 0
