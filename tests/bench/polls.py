"""Our CPU for one poll, over the CPU of a bare httpx client on the same transport, in the same run.

A poll is all that a look does but for the ledger: the turn of the pacer, signing, sending, reading, the
redacted exchange, parsing, the fold into the row and the time of the next look. Both sides talk to the same
server in another process; only this process's CPU counts, and rounds of both alternate, so that a noisy
machine disturbs both alike.
"""

from __future__ import annotations

import asyncio
import math
import random
import statistics
import time
from collections.abc import Awaitable, Callable

import httpx
from httpx_aiohttp import AiohttpTransport

from reportdash import lifecycle
from reportdash.clock import SystemClock
from reportdash.engine import schedule
from reportdash.model import Credential, Exchange, Job, JobState
from reportdash.net.client import Client
from reportdash.net.pacing import Pacer
from reportdash.vendors.seveng import SevenG, SevenGAccount
from tests.bench.server_process import vendor

IN_FLIGHT = (1, 16, 64, 256)
GUID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"


async def _many(poll: Callable[[], Awaitable[None]], count: int, in_flight: int) -> float:
    """CPU seconds of this process for `count` polls, so many at a time."""
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await poll()

    start = time.process_time()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return time.process_time() - start


async def _compare(port: int, in_flight: int, polls: int, rounds: int) -> tuple[float, float, float]:
    base = f"http://127.0.0.1:{port}"
    clock = SystemClock()
    kept: list[Exchange] = []

    async def credential() -> Credential:
        return Credential({"username": "bench", "password": "bench-secret"}, None, "memory")

    def trace(_: str, exchange: Exchange) -> None:
        kept[:] = [exchange]

    account = SevenGAccount(vendor="7g", base_url=base)
    client = Client(
        account="bench",
        base_url=base,
        credential=credential,
        trace=trace,
        clock=clock,
        pacer=Pacer(clock, rate=math.inf),
    )
    seven = SevenG(account, client)
    client.bind(seven)
    row = Job(
        id="abc234",
        account="bench",
        vendor="7g",
        name="n",
        reference=GUID,
        state=JobState.RUNNING,
        submitted_at=clock.now() - 60,
        seen_at=clock.now() - 5,
    )

    async def ours() -> None:
        seen = await seven.status(row)
        now = clock.now()
        schedule.after_look(
            lifecycle.fold(row, seen, now, seven.policy.ttl), seven.policy, now, random.random
        )

    async with httpx.AsyncClient(transport=AiohttpTransport()) as bare_client:
        url = f"{base}/Report/Status?reference={GUID}"
        headers = {"Authorization": "bench-token", "Version": "2.0"}

        async def bare() -> None:
            (await bare_client.get(url, headers=headers)).json()

        for warm in (ours, bare):
            await _many(warm, in_flight * 2 + 50, in_flight)
        pairs = []
        for number in range(rounds):
            order = (ours, bare) if number % 2 else (bare, ours)
            took = {poll: await _many(poll, polls, in_flight) for poll in order}
            pairs.append((took[ours], took[bare]))
    await client.aclose()
    ratio = statistics.median(one / other for one, other in pairs)
    each = [statistics.median(pair[side] for pair in pairs) / polls * 1e6 for side in (0, 1)]
    return ratio, each[0], each[1]


def cpu_per_poll(in_flight: int, *, polls: int, rounds: int) -> tuple[float, float, float]:
    """(ratio, our microseconds a poll, the bare client's), medians over the rounds."""
    with vendor() as port:
        return asyncio.run(_compare(port, in_flight, polls, rounds))
