"""A key that nothing waits before is answered in the moment it is read; every other one stands in line."""

from __future__ import annotations

import contextvars

from textual.events import Key

from tests.tui.boards import board
from tests.tui.screens import settled


async def test_a_key_is_answered_before_the_loop_turns() -> None:
    async with board() as (app, pilot):
        await settled(app, pilot)
        before = app.board.view.cursor_row
        assert app.answered_now(Key("down", None))
        assert app.board.view.cursor_row == (before or 0) + 1


async def test_a_key_read_outside_the_app_is_answered_all_the_same() -> None:
    async with board() as (app, pilot):
        await settled(app, pilot)
        # As where reading began in the handler of a signal.
        assert contextvars.Context().run(app.answered_now, Key("question_mark", "?"))
        await pilot.pause()
        assert app.screen is not app.board


async def test_a_key_behind_another_stands_in_line() -> None:
    async with board() as (app, pilot):
        await settled(app, pilot)
        app.post_message(Key("down", None))
        assert not app.answered_now(Key("up", None))


async def test_a_key_for_a_dialog_is_not_the_boards() -> None:
    async with board() as (app, pilot):
        await settled(app, pilot)
        await pilot.press("?")
        await pilot.pause()
        assert not app.answered_now(Key("down", None))


async def test_an_error_under_a_key_ends_the_dashboard_as_any_other_does() -> None:
    async with board() as (app, pilot):
        await settled(app, pilot)
        told: list[BaseException] = []
        app._handle_exception = told.append  # type: ignore[method-assign, assignment]
        app.board.on_key = None  # type: ignore[method-assign, assignment]
        assert app.answered_now(Key("down", None))
        assert [type(error) for error in told] == [TypeError]
