"""Whether the disk under a folder answers: asked beside the loop, for a network file system may not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from reportdash.net.offloop import aside

PATIENCE = 5.0
"""Seconds without an answer after which the disk is said to hang."""
EVERY = 1.0
"""Seconds between two questions."""


class Answering:
    """Asks one folder's file system, once at a time, for as long as `needed` holds."""

    def __init__(self, folder: Path, needed: Callable[[], bool]) -> None:
        self._folder = folder
        self._needed = needed
        self._asking: asyncio.Task[None] | None = None
        self._since: float | None = None

    def begin(self) -> None:
        """Ask from now on."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())

    @property
    def hangs(self) -> bool:
        """Whether a question has had no answer for too long."""
        return self._since is not None and asyncio.get_running_loop().time() - self._since >= PATIENCE

    def stop(self) -> None:
        """Wait for no answer any more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        while self._needed():
            self._since = loop.time()
            try:
                # Not stat, which a network file system answers from what it remembers. An error is an answer.
                with suppress(OSError):
                    await aside(lambda: os.statvfs(self._folder))
            finally:
                self._since = None
            await asyncio.sleep(EVERY)
