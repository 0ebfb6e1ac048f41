"""Long work beside the keys: in slices, and a key that came meanwhile is answered before the next one."""

from __future__ import annotations

import asyncio

TURNS = 2
"""Turns of the loop: one finds the key, in its course the board answers; dialogs take some more."""
STRETCH = 0.001
"""Seconds of work at a stretch; a key waits for one of them at most."""


async def give_way() -> None:
    """Let a key that has come be answered."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
