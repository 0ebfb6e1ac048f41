"""A running simulator with a clock in the test's hand, and a client that follows nothing by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from reportdash.simulator import Simulator


class Clock:
    """Epoch seconds that move only when told."""

    def __init__(self) -> None:
        self.at = 1_790_000_000.0

    def __call__(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sim(clock: Clock) -> AsyncIterator[Simulator]:
    async with Simulator(seed=1, now=clock) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        yield client
