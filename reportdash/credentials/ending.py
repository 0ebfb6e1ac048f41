"""The end of a helper process, and of the pipes to it, which a helper of its own may still hold."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

PATIENCE = 1.0
"""Seconds to wait for a process that was told to end; not for ever, for the pipe may outlive it."""


async def let_go(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a process that was told to end, then close our side of its pipes."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    # asyncio has no public way; left open, the pipe would be found by the collector after the loop has ended.
    transport: Any = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()
