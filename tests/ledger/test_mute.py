"""A ledger whose file does not answer says so while it lasts: its disk hangs, or another process holds it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from reportdash.clock import SystemClock
from reportdash.ledger import Ledger, thread


@contextmanager
def disk_that_hangs(ledger: Ledger) -> Iterator[None]:
    gate = threading.Event()
    held = ledger._thread.read(gate.wait)
    try:
        yield
    finally:
        gate.set()
        held.cancel()


@contextmanager
def held_by_another(ledger: Ledger) -> Iterator[None]:
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("trouble", [disk_that_hangs, held_by_another])
async def test_a_ledger_that_does_not_answer_is_told_until_it_does(
    path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Callable[[Ledger], AbstractContextManager[None]]
) -> None:
    ledger = await Ledger.open(path, clock=SystemClock())
    told: asyncio.Queue[str | None] = asyncio.Queue()
    ledger.on_trouble = lambda: told.put_nowait(ledger.mute)
    # Only now: an opening that takes its time is not what this is about.
    monkeypatch.setattr(thread, "MUTE_SECONDS", 0.02)
    try:
        async with asyncio.timeout(120):
            await ledger.jobs()
            while ledger._thread._watch is not None:
                await asyncio.sleep(0.01)
            with trouble(ledger):
                waits = asyncio.ensure_future(ledger.flush())
                said = await told.get()
                assert said is not None and "does not answer" in said and str(path) in said
                assert not waits.done()
            await waits
            while ledger.mute is not None:
                assert (await told.get()) is None
    finally:
        await ledger.close()


async def test_a_ledger_that_gets_on_is_not_looked_at_when_nobody_asks(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread, "MUTE_SECONDS", 0.01)
    ledger = await Ledger.open(path, clock=SystemClock())
    try:
        await ledger.jobs()
        async with asyncio.timeout(120):
            while ledger._thread._watch is not None:
                await asyncio.sleep(0.01)
        assert ledger.mute is None
    finally:
        await ledger.close()
