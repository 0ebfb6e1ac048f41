"""The terminal as the dashboard will use it: colours, signs, size, what stands in between."""

from __future__ import annotations

import os

import pytest

from reportdash.cli.checks.terminal import terminal
from reportdash.errors import Exit
from tests.cli.checks.places import SIZE, one, problems

GOOD = {"TERM": "xterm-256color", "LANG": "en_GB.UTF-8"}


def test_a_good_terminal_says_what_the_board_gets() -> None:
    found = one(terminal("auto", GOOD, SIZE))
    assert (found.level, found.text) == (
        "ok",
        "TERM=xterm-256color, 80x24, 256 colours or more, Unicode signs",
    )


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"TERM": "xterm"}, "16 colours"),
        ({"NO_COLOR": "1"}, "no colours"),
        ({"TMUX": "/tmp/t,1,0"}, "inside tmux"),
        ({"STY": "1.pts"}, "inside screen"),
        ({"TERM": "tmux-256color"}, "set -g set-clipboard on"),
        ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "over SSH: no mouse"),
    ],
)
def test_what_differs_is_said(environ: dict[str, str], words: str) -> None:
    found = one(terminal("auto", {**GOOD, **environ}, SIZE))
    assert found.level == "ok" and words in found.text


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_dumb_terminal_is_a_problem(term: str) -> None:
    (found,) = problems(terminal("auto", {**GOOD, "TERM": term}, SIZE))
    assert found.code is Exit.FAILED and "export TERM=xterm-256color" in (found.next or "")


def test_off_a_terminal_nothing_of_it_matters() -> None:
    found = one(terminal("auto", {"TERM": "dumb"}, None))
    assert found.level == "ok" and "not on a terminal" in found.text


@pytest.mark.parametrize(
    ("environ", "words"), [({"LANG": "C"}, "LANG=C is not UTF-8"), ({"LANG": ""}, "no locale is set")]
)
def test_a_locale_that_is_not_utf_8_is_worth_knowing(environ: dict[str, str], words: str) -> None:
    found = one(terminal("auto", {**GOOD, **environ}, SIZE))
    assert found.level == "note" and words in found.text and "ASCII signs" in found.text
    assert "export LANG=C.UTF-8" in (found.next or "")
    first = one(terminal("auto", {**GOOD, "LC_ALL": "C"}, SIZE))
    assert "export LC_ALL=C.UTF-8" in (first.next or "")
    assert one(terminal("ascii", {**GOOD, **environ}, SIZE)).level == "ok"


def test_a_window_too_small_is_worth_knowing() -> None:
    found = one(terminal("auto", GOOD, os.terminal_size((59, 24))))
    assert (found.level, found.next) == ("note", "make the window larger")
