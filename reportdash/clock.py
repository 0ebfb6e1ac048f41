"""Time, injected: every room that needs "now" or a pause takes a Clock, so tests can own time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Wall time, seconds since the epoch, UTC. It can jump; it is what the ledger stores."""
        ...

    def monotonic(self) -> float:
        """Seconds awake, which never go back: for how long this process has tried or waited."""
        ...

    def boottime(self) -> float:
        """As `monotonic`, the machine's sleep included: for what goes on without us, as a token's life."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Pause the task; negative means zero."""
        ...


# Linux's CLOCK_MONOTONIC stops while the machine is suspended; elsewhere it goes on.
YEAR_10000 = 253_402_300_800.0
"""Seconds from the epoch to where calendars end."""
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime(self) -> float:
        return time.clock_gettime(_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        import asyncio  # here, because commands that only read the ledger need no event loop

        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """A clock that stands still until `advance` is called. Sleepers wake in the order of their times."""

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._now = start
        self._elapsed = 0.0
        self._asleep = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def boottime(self) -> float:
        return self.monotonic() + self._asleep

    async def sleep(self, seconds: float) -> None:
        import asyncio

        if seconds <= 0:
            await asyncio.sleep(0)
            return
        self._count += 1
        # No clock wakes sooner, and a shorter step would be lost in the seconds since the epoch.
        entry = (self._elapsed + max(seconds, 1e-6), self._count, asyncio.Event())
        self._sleepers.append(entry)
        try:
            await entry[2].wait()
        finally:
            if entry in self._sleepers:
                self._sleepers.remove(entry)

    def sleepers(self) -> int:
        """How many tasks wait for time to pass."""
        return len(self._sleepers)

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, as an NTP step or a wrong battery clock does."""
        self._now += seconds

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: sleepers still have their rest to go when it wakes."""
        self._now += seconds
        self._asleep += seconds

    async def advance(self, seconds: float) -> None:
        """Let time pass: wakes each sleeper at its own moment and lets the woken tasks run."""
        import asyncio

        target = self._elapsed + seconds
        while True:
            due = min((s for s in self._sleepers if s[0] <= target), default=None)
            if due is None:
                break
            self._now += due[0] - self._elapsed
            self._elapsed = due[0]
            self._sleepers.remove(due)
            due[2].set()
            for _ in range(5):
                await asyncio.sleep(0)
        self._now += target - self._elapsed
        self._elapsed = target
        for _ in range(5):
            await asyncio.sleep(0)


def rfc3339(at: float | None) -> str | None:
    """`at` (seconds since the epoch) as RFC 3339 in UTC with milliseconds dropped; None stays None."""
    if at is None:
        return None
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def on_calendar(at: float | None) -> float | None:
    """`at`, if a calendar has it; None for what nothing could show, as milliseconds told for seconds."""
    return at if at is not None and 0 <= at < YEAR_10000 else None


async def pause(clock: Clock, event: asyncio.Event, seconds: float | None) -> None:
    """Until the event is set or `seconds` of the clock have passed, whichever is first; None: the event."""
    import asyncio

    waits: set[asyncio.Future[object]] = {asyncio.ensure_future(event.wait())}
    if seconds is not None:
        waits.add(asyncio.ensure_future(clock.sleep(seconds)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
