"""The door between text and the screen: nothing that comes through it can act on app or terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.model import JobState, replace
from reportdash.tui import glyphs, theme
from reportdash.tui.text import Pen, cut, cut_middle, safe, width
from tests.faults.payloads import PAYLOADS, harmful
from tests.tui import rows
from tests.tui.boards import board, screen_text

PEN = Pen(theme.load(theme.DEFAULT))
ASCII = Pen(theme.load("reportdash-mono"), "ascii")

SOME = [text[:5000] for text in PAYLOADS.values()][::60]
"""All of them go through the lines in `tests/faults/test_vendor_text.py`."""


@pytest.mark.parametrize("payload", SOME)
async def test_a_vendors_text_acts_on_nothing_wherever_it_stands(payload: str) -> None:
    async with board(jobs=[], accounts=[]) as (app, pilot):
        job = rows.job(
            "aaaaaa", "main", payload, JobState.FAILED, 60, payload, message=payload, error_code=payload
        )
        job = replace(job, reference=payload, note=payload)
        app.board.intake.take([job], rows.accounts())
        await pilot.press("tab", "tab", "slash", "x", "escape", "y")
        text = screen_text(app)
        assert app.is_running
        assert harmful(text.replace("\n", "")) == []


@given(st.text(max_size=80), st.integers(0, 40))
def test_what_is_cut_fits(text: str, cells: int) -> None:
    assert width(cut(safe(text), cells)) <= max(0, cells)


@given(st.lists(st.tuples(st.text(max_size=30), st.sampled_from(Role)), max_size=6), st.integers(1, 60))
def test_a_line_is_exactly_as_wide_as_asked(parts: list[tuple[str, Role]], cells: int) -> None:
    runs = [Run(text, role) for text, role in parts]
    for pen in (PEN, ASCII):
        strip = pen.strip([(0, runs)], cells)
        assert cell_len(strip.text) == cells == strip.cell_length


@given(st.text(max_size=60))
def test_ascii_mode_shows_nothing_but_ascii(text: str) -> None:
    assert ASCII.strip([(0, (Run(text, Role.TEXT),))], 40).text.isascii()


def test_words_of_a_language_with_wide_characters_stay_where_only_the_signs_change() -> None:
    pen = Pen(theme.load(theme.DEFAULT), "wide")
    assert pen.strip([(0, (Run("✓ 報告", Role.TEXT),))], 8).text == "+ 報告  "


def test_wide_characters_are_cut_at_their_cells() -> None:
    assert cut("報告報告", 5) == "報告…"
    assert width(cut("報告報告", 4)) <= 4


def test_a_reference_is_cut_in_its_middle() -> None:
    assert cut_middle("9d0e9802-49ae-4c1b-9d0e-9802d431", 18) == "9d0e9802-49ae…d431"


def test_underlined_words_do_not_underline_the_blanks_after_them() -> None:
    strip = PEN.strip([(0, (Run("tab", Role.STRONG, underline=True),)), (10, (Run("x", Role.TEXT),))], 20)
    for segment in strip:
        assert segment.style is not None
        assert not (segment.style.underline and segment.text.endswith(" "))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"LANG": "en_AU.UTF-8", "TERM": "xterm-256color"}, "unicode"),
        ({"LC_ALL": "C.utf8"}, "unicode"),
        ({"LANG": "en_AU.ISO-8859-1"}, "ascii"),
        ({"LANG": "C"}, "ascii"),
        ({}, "ascii"),
        ({"LANG": "en_AU.UTF-8", "TERM": "linux"}, "ascii"),
        ({"LANG": "ja_JP.UTF-8"}, "wide"),
        ({"LC_ALL": "zh_CN.UTF-8", "LANG": "en_AU.UTF-8"}, "wide"),
    ],
)
def test_signs_follow_the_locale_and_the_terminal(environ: dict[str, str], expected: str) -> None:
    assert glyphs.choose("auto", environ) == expected
    assert glyphs.choose("unicode", environ) == "unicode"
    assert glyphs.choose("ascii", environ) == "ascii"


def test_each_sign_has_a_twin_of_its_own_width() -> None:
    assert all(cell_len(chr(sign)) == 1 == len(str(twin)) for sign, twin in glyphs.TWINS.items())
