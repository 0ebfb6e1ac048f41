"""What is closed costs nothing any more: no dialog leaves its painted lines behind."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from textual import events
from textual.strip import Strip

from reportdash.clock import ManualClock
from reportdash.tui import collector
from reportdash.tui.intake import Intake
from tests.tui import rows
from tests.tui.boards import board


def strips() -> int:
    """Lines that are kept anywhere."""
    gc.collect()
    return sum(type(one) is Strip for one in gc.get_objects())


@pytest.mark.parametrize(
    ("key", "size"),
    [("question_mark", (140, 40)), ("ctrl+p", (140, 40)), ("question_mark", (80, 24)), ("enter", (80, 24))],
)
async def test_a_screen_that_was_open_ten_times_keeps_no_line(key: str, size: tuple[int, int]) -> None:
    async with board(size) as (app, pilot):
        gc.callbacks.clear()  # nothing is left out of the count

        async def open_and_close(times: int) -> None:
            for _ in range(times):
                await pilot.press(key)
                assert len(app.screen_stack) == 2
                await pilot.press("escape")
                assert len(app.screen_stack) == 1

        await open_and_close(3)
        before = strips()
        await open_and_close(10)
        assert strips() - before < 10 * size[1] // 4  # kept, they were all lines of ten screens


async def test_hands_that_never_rest_put_the_collector_off_for_a_minute_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[float] = []
    clock = ManualClock(rows.NOW)
    monkeypatch.setattr(collector, "look_through", lambda: looked.append(clock.now()))
    monkeypatch.setattr(Intake, "holds", True)  # a key at every moment
    async with board(clock=clock) as (_, pilot):
        for _ in range(4):
            await clock.advance(60.05)
            await pilot.pause()
        assert len(looked) == 2


@pytest.mark.parametrize("key", ["question_mark", "ctrl+p"])
async def test_a_closed_dialog_is_freed_though_no_key_and_no_message_follows(key: str) -> None:
    async with board((140, 40)) as (app, pilot):
        gc.callbacks.clear()  # nothing is left out of the count
        await pilot.press(key)
        shown = weakref.ref(app.screen)
        await pilot.pause()
        app.post_message(events.Key("escape", None))  # no pilot: it sends the app messages of its own
        async with asyncio.timeout(120):
            while shown() is not None:
                await asyncio.sleep(0.01)
                gc.collect()
