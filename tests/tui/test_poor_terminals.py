"""Poor terminals: ASCII signs without any colour, small windows, and windows too small for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.segment import Segment

from reportdash.model import JobState
from reportdash.tui.app import Dashboard
from reportdash.tui.screens.accounts import Roster
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.quit import Quit
from reportdash.tui.screens.submit import Unsure
from reportdash.tui.screens.themes import Themes
from tests.tui.boards import Engine, board, screen_text
from tests.tui.desk import Desk, desk, job_in

SIZES = ((140, 40), (80, 24), (60, 12))
DIALOGS = (
    "palette",
    "help",
    "theme",
    "accounts",
    "login",
    "submit",
    "unsure",
    "save_view",
    "track",
    "delete",
    "forget",
    "quit",
)


async def opened(at: Desk, name: str) -> Dialog[Any]:
    """A dialog, opened as its key does."""
    if name == "quit":
        at.app.push_screen(Quit(at.app.pen, 2))
    elif name == "unsure":
        job = at.app.board.view.cursor_job
        assert job is not None
        at.app.push_screen(Unsure(at.app, job))
    else:
        at.app.commands.run(next(action for action in _actions() if action.id == name))
    await at.until(lambda: isinstance(at.app.screen, Dialog))
    dialog = at.app.screen
    assert isinstance(dialog, Dialog)
    if name == "login":
        await at.until(lambda: "Try and keep" in at.text)
    if name == "accounts":
        assert isinstance(dialog, Roster)
        await at.until(lambda: len(dialog.places) == len(dialog.names))
    await at.pilot.pause()
    return dialog


def _actions() -> Any:
    from reportdash.tui.actions import ACTIONS

    return ACTIONS


def segments(app: Dashboard) -> list[Segment]:
    return [segment for strip in app.screen._compositor.render_strips(app.size) for segment in strip]


def wear(app: Dashboard, glyphs: Any) -> None:
    """No colour, with these signs."""
    app.look.glyphs, app.look.colors = glyphs, 0
    app.use_theme("reportdash-mono")


@pytest.mark.parametrize("size", SIZES)
async def test_every_dialog_can_be_used_in_ascii_without_colour(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with desk(tmp_path, size=size, accounts=("main", "calls")) as at:
        await job_in(at, 1, JobState.READY)
        for name in DIALOGS:
            wear(at.app, "unicode")
            dialog = await opened(at, name)
            before = at.text.splitlines()
            wear(at.app, "ascii")
            await at.pilot.pause()
            lines = at.text.splitlines()
            assert at.text.isascii(), name
            for old, new in zip(before, lines, strict=True):
                lost = [o for o, n in zip(old, new, strict=False) if n == "?" and o != "?"]
                assert not lost, f"{name}: no twin for {lost}"
            for segment in segments(at.app):
                style = segment.style
                colors = (style.color, style.bgcolor) if style is not None else ()
                assert all(color is None or color.is_default for color in colors), (name, segment)
            assert dialog.cancel_label in at.text, name
            assert all(line[-1:] in ("|", "+") for line in lines) or size == SIZES[0], f"{name}: too wide"
            assert any(s.style and s.style.reverse for s in segments(at.app)), (
                f"{name}: nothing has the focus"
            )
            await at.press("escape")
            await at.until(lambda: not at.asking)


@pytest.mark.parametrize("name", DIALOGS)
async def test_below_the_least_size_a_dialog_is_one_sentence_and_comes_back(
    tmp_path: Path, name: str
) -> None:
    async with desk(tmp_path, accounts=("main", "calls")) as at:
        await job_in(at, 1, JobState.READY)
        await at.details_read()
        dialog = await opened(at, name)
        before = at.text
        await at.pilot.resize_terminal(52, 10)
        await at.pilot.pause()
        said = [line.strip() for line in at.text.splitlines() if line.strip()]
        if name == "quit":
            assert " ".join(said) == "2 downloads still run. q leaves, a larger window asks again."
        else:
            assert said == ["reportdash needs 60×12, this window is 52×10"]
        await at.press("enter", "d", "tab")
        assert at.app.screen is dialog, "nothing is pressed that can not be seen"
        await at.pilot.resize_terminal(140, 40)
        await at.pilot.pause()
        assert at.text == before


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
@pytest.mark.parametrize("over", ["", "question_mark", "enter", "slash"])
async def test_below_the_least_size_q_and_ctrl_c_leave(key: str, over: str) -> None:
    async with board((80, 24)) as (app, pilot):
        if over:
            await pilot.press(over)
            await pilot.pause()
        await pilot.resize_terminal(59, 24)
        await pilot.pause()
        assert screen_text(app).strip() == "reportdash needs 60×12, this window is 59×24"
        await pilot.press("j", key)
        await pilot.pause(0.05)
    assert app.return_value == 0


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_below_the_least_size_what_was_typed_into_a_form_is_asked_about_in_a_sentence(
    tmp_path: Path, key: str
) -> None:
    async with desk(tmp_path) as at:
        form = await opened(at, "track")
        await at.press("tab", "1", "2")
        for _ in range(2):
            await at.pilot.resize_terminal(52, 10)
            await at.pilot.pause()
            assert "needs 60×12" in at.text
            await at.press(key)
            said = " ".join(at.text.split())
            assert said == "q leaves and loses what was typed, a larger window shows it."
            assert at.app.screen is form and at.app.is_running
            await at.pilot.resize_terminal(140, 40)
            await at.pilot.pause()
            assert "12" in at.text
        await at.pilot.resize_terminal(52, 10)
        await at.press(key, key)
        await at.until(lambda: at.app.return_value == 0)


async def test_below_the_least_size_the_sentence_stays_whatever_changes() -> None:
    async with board((59, 24)) as (app, pilot):
        app.board.rate = "7 req/min"
        app.board.show_frame()
        await pilot.pause()
        assert screen_text(app).strip() == "reportdash needs 60×12, this window is 59×24"


async def test_below_the_least_size_downloads_are_asked_about_in_a_sentence() -> None:
    engine = Engine()
    async with board((40, 5), open_engine=engine.opener()) as (app, pilot):
        while app.engine is None:
            await pilot.pause()
        engine.downloads.start("h6y3sa")
        await pilot.press("q")
        await pilot.pause()
        text = " ".join(screen_text(app).split())
        assert text == "1 download still runs. q leaves, a larger window asks again."
        await pilot.press("x", "enter")
        assert app.is_running
        await pilot.press("q")
        await pilot.pause(0.05)
    assert app.return_value == 0


async def test_a_larger_window_brings_the_board_back() -> None:
    async with board((80, 24)) as (app, pilot):
        before = screen_text(app)
        for size in ((59, 24), (80, 11), (1, 1)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert "AccountTransaction" not in screen_text(app)
            await pilot.resize_terminal(80, 24)
            await pilot.pause()
            assert screen_text(app) == before


async def test_a_theme_put_on_in_ascii_keeps_the_signs() -> None:
    async with board(glyphs="ascii") as (app, pilot):
        app.show_themes()
        while not isinstance(app.screen, Themes):
            await pilot.pause()
        await pilot.press("down", "enter")
        await pilot.pause()
        assert screen_text(app).isascii() and "(*) reportdash-light" in screen_text(app)
