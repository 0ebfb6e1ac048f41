"""What is closed costs nothing any more: no dialog leaves its painted lines behind."""

from __future__ import annotations

import gc

import pytest
from textual.strip import Strip

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
        assert strips() - before < 10
