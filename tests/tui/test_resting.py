"""The details follow a cursor that rests; the rows it passes on its way cost nothing but themselves."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from reportdash.tui import resting
from tests.tui.boards import board, screen_text
from tests.tui.screens import on_screen, plain_jobs, settled


async def test_a_single_step_is_followed_at_once() -> None:
    async with board() as (app, pilot):
        await pilot.press("down")
        await pilot.pause()
        job = app.board.view.cursor_job
        assert job is not None
        assert app.board.detail.subject is not None
        assert app.board.detail.subject.job is job


async def test_a_cursor_on_its_way_leaves_the_details_where_they_were_until_it_rests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resting, "REST", 3600.0)
    async with board() as (app, pilot):
        read: list[object] = []
        app.board.on_cursor = read.append
        app.board.resting._moved = monotonic()
        await pilot.press("down", "down", "down")
        await pilot.pause()
        assert app.board.resting.waits
        assert read == [], "nothing is read for rows that are only passed"
        app.board.resting.now()
        assert read == [app.board.view.cursor_job]


async def test_it_does_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "REST", 0.01)
    async with board() as (app, pilot):
        app.board.resting._moved = monotonic()
        app.board.move_cursor(2)
        async with asyncio.timeout(120):
            while app.board.resting.waits:
                await pilot.pause()
        job = app.board.view.cursor_job
        assert job is not None
        assert job.id in screen_text(app)


async def test_a_key_that_looks_at_the_details_finds_those_of_the_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resting, "REST", 3600.0)
    async with board() as (app, pilot):
        app.board.resting._moved = monotonic()
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        assert app.board.detail.active
        assert app.board.detail.subject is not None
        assert app.board.detail.subject.job is app.board.view.cursor_job


async def test_of_a_row_passed_by_nothing_is_sent_but_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "REST", 3600.0)
    async with on_screen(jobs=plain_jobs()) as (app, pilot, driver):
        await pilot.press("down")
        await settled(app, pilot)
        before = driver.screen.cells()
        await pilot.press("down")
        await pilot.pause()
        after = driver.screen.cells()
        changed = [y for y in range(40) if before[y] != after[y]]
        top = app.board.table.region.y + 1
        assert changed == [top + 1, top + 2]
