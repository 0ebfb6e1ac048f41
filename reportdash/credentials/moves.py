"""Moving a credential: one session at a time, and, once it has begun, to its end.

Broken off in the middle, a store would have a key that no choice names, a choice would name a store without
it, or a copy in plain text would stay that nobody looks for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from reportdash.credentials import files

T = TypeVar("T")

ENDING = 1.0
"""Seconds a move is waited for when whoever asked for it has to leave."""


class Moves:
    """Those of one process. `folder`: where the sessions take turns; None: there is nobody else."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._tasks: set[asyncio.Task[Any]] = set()

    async def whole(self, move: Callable[[], Awaitable[T]]) -> T:
        """Wait for a turn, then carry the move through, though whoever asked is cancelled meanwhile."""
        async with contextlib.AsyncExitStack() as stack:
            if self._folder is not None:
                await stack.enter_async_context(files.turn(self._folder))
            held = stack.pop_all()
        task = asyncio.create_task(_moved(held, move))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=ENDING)
            raise

    async def aclose(self) -> None:
        """Wait for what is under way, not for ever."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=ENDING)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, should nobody wait any more


async def _moved(held: contextlib.AsyncExitStack, move: Callable[[], Awaitable[T]]) -> T:
    async with held:
        return await move()
