"""What follows the cursor (the details of its row) comes after the row itself, and only where it rests.

A key held down passes many rows: on a slow line their details, ten times the bytes of the row, would be what
everybody waits for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

REST = 0.1
"""Seconds; a cursor that moves again within them is on its way."""


class Resting:
    """`moved` puts `work` off until the cursor rests; a single step is followed at once, after its row."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._moved = 0.0
        self._due: asyncio.TimerHandle | asyncio.Handle | None = None

    @property
    def waits(self) -> bool:
        """Whether the work is still to be done."""
        return self._due is not None

    def moved(self) -> None:
        """The cursor has moved."""
        on_its_way = monotonic() - self._moved < REST
        self._moved = monotonic()
        self.done()
        loop = asyncio.get_running_loop()
        self._due = loop.call_later(REST, self.now) if on_its_way else loop.call_soon(self.now)

    def now(self) -> None:
        """Do the work, if it waits: somebody is about to look at it."""
        if self.waits:
            self.done()
            self._work()

    def done(self) -> None:
        """The work was done otherwise, or is no longer wanted."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
