"""A client at an address, without an account around it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from reportdash.clock import Clock, SystemClock
from reportdash.net.client import Client
from reportdash.net.pacing import Pacer


@asynccontextmanager
async def client_at(base: str, clock: Clock | None = None, **more: Any) -> AsyncIterator[Client]:
    """Closed after the block. Nothing is signed in for: only public requests go."""

    async def nobody() -> None:
        return None

    clock = clock or SystemClock()
    client = Client(
        account="main",
        base_url=base,
        credential=nobody,
        trace=lambda job, exchange: None,
        clock=clock,
        pacer=Pacer(clock, rate=math.inf),
        **more,
    )
    try:
        yield client
    finally:
        await client.aclose()
