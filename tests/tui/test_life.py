"""Once leaving was asked for nothing typed counts; and what keys on a line that takes nothing cost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from textual.events import Key

from tests.tui.boards import board
from tests.tui.screens import settled


@pytest.fixture
def handlers() -> Iterator[None]:
    """Whoever was told to end hears no signal any more: not so the process that runs the tests."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def test_a_key_behind_the_one_that_leaves_does_nothing() -> None:
    async with board() as (app, pilot):
        await settled(app, pilot)
        before = app.board.view.cursor_row
        app.board.on_key(Key("q", "q"))
        app.board.on_key(Key("down", None))
        app.post_message(Key("question_mark", "?"))
        await pilot.pause()
        assert app.board.view.cursor_row == before
        assert app.screen is app.board


async def test_a_signal_counts_before_the_loop_hears_of_it(handlers: None) -> None:
    async with board() as (app, pilot):
        await settled(app, pilot)
        before = app.board.view.cursor_row
        with app.life.guarded():
            os.kill(os.getpid(), signal.SIGTERM)
            app.board.on_key(Key("down", None))
            assert app.board.view.cursor_row == before
            await pilot.pause()
            assert app.life.told_to_end


async def test_what_was_never_needed_is_not_made_to_be_ended() -> None:
    async with board() as (app, pilot):
        await settled(app, pilot)
        vars(app).pop("operator", None)
        await app.life._leave()
        assert "operator" not in vars(app)


async def test_keys_on_a_line_that_takes_nothing_make_no_rows_until_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with board() as (app, pilot):
        await settled(app, pilot)
        shown, row = app.board.table.text(), app.board.view.cursor_row or 0
        with monkeypatch.context() as blocked:
            blocked.setattr(app, "_driver", SimpleNamespace(behind=True))
            app.board.on_key(Key("down", None))
            app.board.on_key(Key("down", None))
            assert app.board.view.cursor_row == row + 2
            assert app.board.table.text() == shown
        app.caught_up()
        assert app.board.table.text().splitlines()[1 + row + 2].startswith("▌")
