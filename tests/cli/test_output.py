"""Sentences for people: wrapped at words on a terminal, one line each elsewhere."""

from __future__ import annotations

import asyncio
import sys

import pytest

from reportdash.cli.output import table, wrapped
from tests.cli.conftest import Shell
from tests.terminal.pty import Terminal

_PYTHON = (sys.executable,)


@pytest.mark.parametrize("columns", [60, 80, 140])
async def test_a_sentence_is_wrapped_at_words_to_the_width_of_the_terminal(
    shell: Shell, columns: int
) -> None:
    ran = await shell("submit", "nobody", "X", "--bogus", "a")

    def run() -> list[str]:
        words = ["submit", "nobody", "X", "--bogus", "a"]
        with Terminal(words, columns=columns, env=shell.environment(), cwd=shell.folder) as terminal:
            assert terminal.finish() == ran.code == 2
            return [line for line in terminal.text.splitlines() if line]

    shown = await asyncio.to_thread(run)
    assert ran.err == f"{' '.join(shown)}\n"
    assert all(len(line) <= columns for line in shown)


async def test_a_terminal_for_the_words_alone_is_as_wide_as_that_one(shell: Shell) -> None:
    """With data going into a pipe it is still the other stream that people read."""

    def run() -> list[str]:
        line = "import os, sys; os.dup2(os.open(os.devnull, os.O_WRONLY), 1); "
        line += "from reportdash.cli.output import say; say('word ' * 40)"
        with Terminal(["-c", line], columns=50, env=shell.environment(), program=_PYTHON) as terminal:
            assert terminal.finish() == 0, terminal.text
            return [line for line in terminal.text.splitlines() if line]

    shown = await asyncio.to_thread(run)
    assert len(shown) == 5 and shown[0] == "reportdash: word word word word word word word"


def test_a_table_keeps_its_columns_under_signs_of_two_and_its_steps_of_a_group(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [("漢字 e\u0301", "a", "12"), ("  child", "b", "3"), ("one", "漢", "4")]
    table(("Report", "By", "Age"), rows, right=frozenset({2}))
    assert capsys.readouterr().out.splitlines() == [
        "Report   By  Age",
        "漢字 e\u0301   a    12",
        "  child  b     3",
        "one      漢    4",
    ]
    table(("Report",), [(" " * 1_000_000 + "owned",)])
    assert len(capsys.readouterr().out) < 100


def test_a_path_and_a_command_to_copy_stay_whole() -> None:
    path = "/home/reports/.local/share/reportdash/credentials.vault"
    command = f"`chmod 600 {path}`"
    for columns in range(len(command) + 1, 120):
        made = wrapped(f"others may read {path}; {command}, then `reportdash login main` once more", columns)
        assert all(len(line) <= columns for line in made)
        for whole in (path, command, "`reportdash login main`"):
            assert any(whole in line for line in made), (columns, made)


def test_a_path_that_fits_a_line_has_one_for_itself_where_it_does_not_fit_behind_its_head() -> None:
    path = "/home/reports/.local/share/reportdash/credentials.vault"
    made = wrapped(f"{path}, locked, {path}", 60, head="note   vault      ", indent=" " * 18)
    assert made == ["note   vault", f"    {path},", " " * 18 + "locked,", f"     {path}"]


def test_what_is_longer_than_a_line_is_left_to_the_terminal() -> None:
    path = "/a/longer/path" * 9
    assert path in wrapped(f"it is {path}, all of it", 40)[1]
    assert all(len(line) <= 20 for line in wrapped(f"run `{'word ' * 30}`", 20))
    assert wrapped("", 80) == [""]
