"""Frugal painting on a real terminal: when somebody else had it, everything is painted anew."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.terminal.pty import Terminal
from tests.terminal.test_dashboard import environment

GARBAGE = "\x1b[m\x1b[H" + "#" * (140 * 40)


def garble(terminal: Terminal) -> None:
    """As the shell or a message to all terminals leaves the screen."""
    terminal.overwrite(b"\x1b[?7h" + GARBAGE.encode() + b"\x1b[?7l")
    assert "#" * 100 in terminal.text


def whole(text: str) -> bool:
    return "live" in text and "##" not in text


def test_after_a_stop_of_the_process_the_screen_is_painted_whole(tmp_path: Path) -> None:
    with Terminal(["demo", "--changes", "0"], env=environment(tmp_path), warm=True) as terminal:
        terminal.until("live")
        garble(terminal)
        terminal.signal(signal.SIGCONT)
        terminal.until(whole)
        terminal.send("q")
        assert terminal.finish() == 0
        sent = bytes(terminal.bytes)
        ends = sent.rindex(b"\x1b[?1049l")
        assert sent[:ends].rindex(b"\x1b[m") > sent[:ends].rindex(b"48;5"), "the shell gets a plain pen"


def test_ctrl_l_paints_the_screen_whole_and_a_resize_too(tmp_path: Path) -> None:
    with Terminal(["demo", "--changes", "0"], env=environment(tmp_path), warm=True) as terminal:
        terminal.until("live")
        garble(terminal)
        terminal.send("\x0c")
        terminal.until(whole)
        garble(terminal)
        terminal.resize(120, 30)
        terminal.until(whole)
        terminal.send("q")
        assert terminal.finish() == 0


@pytest.mark.parametrize("where", ["config", "environment"])
def test_switched_off_a_key_paints_as_textual_does(where: str, tmp_path: Path) -> None:
    """Every piece of a line with its own pen, and a reset behind it."""
    env = environment(tmp_path)
    config = tmp_path / "config" / "reportdash" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("wire = false\n" if where == "config" else "", encoding="utf-8")
    if where == "environment":
        env["REPORTDASH_WIRE"] = "false"
    with Terminal([], env=env, warm=True) as terminal:
        terminal.until("quit")
        terminal.send("?")
        terminal.until("esc close")
        assert terminal.bytes.count(b"\x1b[0m") > 100
        terminal.signal(signal.SIGTERM)
        terminal.finish()
