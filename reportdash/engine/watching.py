"""Keeping an eye on a running transfer: the figures it must keep to, and the stall that ends it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from reportdash.clock import Clock
from reportdash.engine.folders import FLOOR
from reportdash.net.offloop import aside

T = TypeVar("T")

HANGING = 1.5


@dataclass(slots=True, frozen=True)
class Limits:
    """The figures of a transfer; seconds and bytes. Tests make them small.

    `idle` without a byte, or under `slow_rate` bytes a second for `slow_window`: the connection is given up.
    More than `refusals` answers in a row that are no report, or `restarts` from the beginning: it fails.
    An attempt that brings less than `progress` bytes is none towards patience. Disk: see `Part`.
    """

    idle: float = 30.0
    slow_rate: float = 1024.0
    slow_window: float = 60.0
    backoff: float = 0.5
    backoff_max: float = 8.0
    refusals: int = 3
    restarts: int = 8
    batch: int = 256 * 1024
    progress: int = 16 * 1024
    max_bytes: int = 20 * 1024**3
    floor: int = FLOOR
    disk_poll: float = 5.0


@dataclass(slots=True, frozen=True)
class Trouble:
    """Why a download does not get on: the words, failures in a row, when it is tried again (epoch)."""

    text: str
    tries: int
    again_at: float


class Stalled(Exception):
    """The other side sends nothing, or next to nothing. `mute`: not one byte came over this connection."""

    def __init__(self, text: str, *, mute: bool) -> None:
        super().__init__(text)
        self.mute = mute


class Watch:
    """Counts what comes. The time the disk takes is not the network's fault: `rest` after each write."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._last = clock.monotonic()
        self._came = 0
        self._samples: deque[tuple[float, int]] = deque([(self._last, 0)])
        self.why: Stalled | None = None

    def touch(self, count: int) -> None:
        """`count` bytes came just now."""
        self._came += count
        self._last = self._clock.monotonic()

    def rest(self) -> None:
        """A write to the disk ended just now."""
        now = self._clock.monotonic()
        if now - self._last > 1.0:
            self._samples.clear()
        self._last = now

    async def run(self, scope: asyncio.Timeout) -> None:
        """Look once a second; on a stall, end what runs inside `scope`."""
        limits = self._limits
        while self.why is None:
            await self._clock.sleep(min(1.0, limits.idle / 4))
            now = self._clock.monotonic()
            self._samples.append((now, self._came))
            while len(self._samples) > 2 and now - self._samples[1][0] >= limits.slow_window:
                self._samples.popleft()
            since, count = self._samples[0]
            if now - self._last >= limits.idle:
                self.why = Stalled(f"no byte came for {limits.idle:.0f} s", mute=self._came == 0)
            elif (
                now - since >= limits.slow_window
                and self._came - count < limits.slow_rate * limits.slow_window
            ):
                self.why = Stalled(
                    f"less than {limits.slow_rate:.0f} bytes a second came for {limits.slow_window:.0f} s",
                    mute=self._came == 0,
                )
        scope.reschedule(asyncio.get_running_loop().time())


@asynccontextmanager
async def watched(clock: Clock, limits: Limits) -> AsyncIterator[Watch]:
    """Run a block under watch. Raises Stalled when it had to be ended."""
    watch = Watch(clock, limits)
    try:
        async with asyncio.timeout(None) as scope:
            watcher = asyncio.ensure_future(watch.run(scope))
            try:
                yield watch
            finally:
                watcher.cancel()
    except TimeoutError:
        if watch.why is None:
            raise
        raise watch.why from None


async def unbroken(work: Callable[[], T], lost: Callable[[T], None] | None = None) -> T:
    """Run blocking `work` in a thread and wait for its end even when cancelled.

    A file must not be closed under a thread that still writes to it. A disk that hangs is waited for no
    longer than `HANGING` seconds, or the program could not end. `lost` gets, in a thread too, what `work`
    gave when nobody takes it any more, as an open file.
    """
    running = asyncio.ensure_future(aside(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        loop = asyncio.get_running_loop()
        until = loop.time() + HANGING
        while not running.done() and loop.time() < until:
            with suppress(asyncio.CancelledError):
                await asyncio.wait({running}, timeout=until - loop.time())
        if lost is not None and not running.done():
            running.add_done_callback(partial(_late, lost))
        elif lost is not None and not running.cancelled() and not running.exception():
            result = running.result()
            await unbroken(lambda: lost(result))
        running.add_done_callback(_look_at)
        raise


def _late(lost: Callable[[T], None], done: asyncio.Future[T]) -> None:
    """The disk answers after all: what it gave is given back."""
    if not done.cancelled() and done.exception() is None:
        result = done.result()
        asyncio.ensure_future(aside(lambda: lost(result))).add_done_callback(_look_at)


def _look_at(done: asyncio.Future[T]) -> None:
    """So that an error nobody waits for any more is not reported as lost."""
    if not done.cancelled():
        done.exception()
