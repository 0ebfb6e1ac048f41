"""Time that passes as fast as the work allows: it stands still while anything in this process is at work.

Engine and simulator share one clock in one loop. Whenever sockets, threads and the ledger have nothing left
to say, time moves on to the next moment somebody waits for. A slow machine makes such a run longer, never
different: no deadline passes because a processor was busy.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.ledger import thread

QUIET = 12
"""Turns of the loop without anything to do, after which nothing is on its way."""
BREATH = 0.001
TICKS = 1024


class SwiftClock(ManualClock):
    """A clock that moves by itself while `running`."""

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self.pending: set[asyncio.Future[Any]] = set()

    async def sleep(self, seconds: float) -> None:
        """Until the next whole tick: sums of ticks are exact, so no moment is a hair before another."""
        target = math.ceil((self.monotonic() + seconds) * TICKS) / TICKS
        await super().sleep(target - self.monotonic() if seconds > 0 else 0.0)

    async def move(self) -> None:
        """Let time pass until cancelled."""
        while True:
            quiet = 0
            while quiet < QUIET:
                await asyncio.sleep(0)
                if self._at_work():
                    quiet = 0
                    await asyncio.sleep(BREATH)
                else:
                    quiet += 1
            if not self._sleepers:
                await asyncio.sleep(BREATH)
                continue
            await self.advance(max(min(self._sleepers)[0] - self.monotonic(), 0.0))

    def _at_work(self) -> bool:
        return bool(self.pending) or any(one.name == "reportdash-aside" for one in threading.enumerate())


@asynccontextmanager
async def swift(clock: SwiftClock, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Let the clock run, and know of what is under way in the ledger's thread and in other threads."""
    real, loop = thread.LedgerThread._future, asyncio.get_running_loop()

    def watched(self: thread.LedgerThread) -> asyncio.Future[Any]:
        future = real(self)
        clock.pending.add(future)
        future.add_done_callback(clock.pending.discard)
        return future

    executor = loop.run_in_executor

    def run_in_executor(*args: Any) -> asyncio.Future[Any]:
        future = executor(*args)
        clock.pending.add(future)
        future.add_done_callback(clock.pending.discard)
        return future

    patch.setattr(thread.LedgerThread, "_future", watched)
    patch.setattr(thread, "BATCH_SECONDS", 0.002)  # real time: time stands still meanwhile
    patch.setattr(loop, "run_in_executor", run_in_executor)
    moving = asyncio.ensure_future(clock.move())
    try:
        yield
    finally:
        moving.cancel()
        await asyncio.wait({moving})
        if not moving.cancelled():
            moving.result()
