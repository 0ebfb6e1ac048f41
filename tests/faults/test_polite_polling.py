"""Politeness of a whole engine, counted at the vendor: starts, limits, and a sick account among healthy ones.

Real HTTP on loopback, time by a clock that stands still unless told. `REPORTDASH_POLITE_MINUTES` (5) and
`REPORTDASH_DUE_JOBS` (200) set the size; what is promised is an hour and a thousand jobs.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import socket
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.model import Health, Job, JobState, new_id, replace
from reportdash.simulator import Reply, Simulator
from tests.engine.rig import START, Rig, guid

MINUTES = int(os.environ.get("REPORTDASH_POLITE_MINUTES", "5"))
DUE = int(os.environ.get("REPORTDASH_DUE_JOBS", "200"))
Serve = Callable[[], Awaitable[Any]]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    clock = ManualClock(START)
    (tmp_path / "published").mkdir()
    async with Simulator(now=clock.now, published_dir=tmp_path / "published", log=100_000) as sim:
        made = Rig(sim, clock, tmp_path, stuck_after=20.0)
        yield made
        await made.close()


def peak(times: Iterable[float], seconds: float) -> int:
    """The most of `times` within any `seconds`."""
    ordered = sorted(times)
    return max(bisect_left(ordered, at + seconds - 1e-4) - nth for nth, at in enumerate(ordered))


# A start with many jobs due.


async def due(rig: Rig, count: int) -> None:
    """So many jobs that have been due for a while, as after a night without a dashboard."""
    now = rig.clock.now()
    references = [rig.at_vendor(number) for number in range(1, count + 1)]
    jobs = [
        Job(
            id=new_id(),
            account="main",
            vendor="7g",
            name=reference,
            reference=reference,
            state=JobState.QUEUED,
            submitted_at=now - 3600,
            updated_at=now - 3600,
            next_poll_at=now - 600,
            tracked=True,
        )
        for reference in references
    ]
    await rig.ledger.add_many(list({job.id: job for job in jobs}.values()))


@pytest.mark.parametrize(
    ("every", "per_minute", "most"),
    [
        pytest.param(DUE / 100, 1200.0, 20.0, id="as-fast-as-the-vendor-allows"),
        pytest.param(DUE / 100, None, 10.0, id="as-fast-as-we-go-by-ourselves"),
        pytest.param(DUE / 10, 6000.0, 10.0, id="as-slow-as-the-interval-allows"),
    ],
)
async def test_many_due_jobs_at_the_start_stay_below_the_vendors_rate(
    rig: Rig, every: float, per_minute: float | None, most: float
) -> None:
    rig.account("main", poll_min=every, poll_max=every, requests_per_minute=per_minute)
    engine = await rig.start()
    await due(rig, DUE)
    started = rig.clock.now()
    engine.poll()
    seconds = DUE / most
    await rig.passes(seconds * 1.15 + 2)
    calls = rig.sim.calls("7g")
    first = [call.at - started for call in calls]
    assert peak(first, 1.0) <= most * 1.1
    assert len({call.raw for call in rig.looks()}) >= 0.97 * DUE, "and none is forgotten meanwhile"


# A vendor that counts.


@dataclass
class Counting:
    """A limit of so many calls in each minute of the clock, told by a Retry-After or by headers, or both."""

    limit: int
    now: Callable[[], float]
    retry_after: bool = False
    headers: bool = False
    reset: bool = False
    taken: Counter[int] = field(default_factory=Counter)
    refused: list[float] = field(default_factory=list)

    def __call__(self, request: Any) -> Any:
        minute, into = divmod(self.now(), 60)
        ends = math.ceil(60 - into)
        self.taken[int(minute)] += 1
        left = self.limit - self.taken[int(minute)]
        more: dict[str, str] = {}
        if self.headers:
            more |= {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(max(left, 0))}
        if self.reset:
            more["X-RateLimit-Reset"] = str(ends)
        if left < 0:
            self.refused.append(self.now())
            wait = {"Retry-After": str(ends)} if self.retry_after else {}
            return Reply(429, b'{"message": "Too many requests"}', {**wait, **more})

        async def answer(request: Any, serve: Serve) -> Any:
            reply = await serve()
            return replace(reply, headers={**reply.headers, **more})

        return answer


TOLD = {
    "by-one-429": (True, False, False),
    "by-headers": (False, True, False),
    "by-headers-with-a-reset": (False, True, True),
}


@pytest.mark.parametrize("told", TOLD.values(), ids=list(TOLD))
@pytest.mark.parametrize("begun", [0, 47])
async def test_a_limit_that_was_told_is_not_run_into_again(
    rig: Rig, told: tuple[bool, bool, bool], begun: int
) -> None:
    """A 429 is avoidable once the vendor has told its limit: by headers, from the first answer on; else by
    the Retry-After of the first 429, whose echoes are the requests that were under way with it.
    """
    rig.account("main", poll_min=1, poll_max=2)
    vendor = Counting(30, rig.clock.now, *told)
    rig.sim.weather = vendor
    rig.clock.jump(60 - START % 60 + begun)
    engine = await rig.start()
    for number in range(1, 41):
        await rig.follow(number)
    engine.poll()
    for _ in range(MINUTES):
        await rig.passes(60)
    known = vendor.refused[0] + 1 if vendor.refused and not vendor.headers else 0.0
    assert [at for at in vendor.refused if at > known] == []
    assert len(vendor.refused) <= 10, "no more than what was under way"
    whole = [vendor.taken[minute] for minute in sorted(vendor.taken)][2:-1]
    assert sum(whole) >= 0.5 * 30 * len(whole), "and what the vendor allows is made use of"
    assert len({call.raw for call in rig.looks()}) == 40


# One sick account of eight.


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """The port of one that takes connections and never says a word."""
    open_: set[asyncio.StreamWriter] = set()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.add(writer)
        while await reader.read(1024):
            pass

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in open_:
            writer.transport.abort()


@asynccontextmanager
async def deaf() -> AsyncIterator[int]:
    """The port of one whose queue of connections is full and never taken from: not even a handshake ends."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        queued = [socket.socket() for _ in range(4)]
        try:
            for one in queued:
                one.setblocking(False)
                one.connect_ex(listener.getsockname())
            yield listener.getsockname()[1]
        finally:
            for one in queued:
                one.close()


async def longest_pauses(rig: Rig, base_url: str) -> dict[str, float]:
    """Of eight accounts, the first at `base_url`: the others' longest pauses between looks at one job."""
    names = [f"fund{number}" for number in range(8)]
    for name in names:
        rig.sim.add_account("7g", name)
        rig.account(name, poll_min=5, poll_max=5)
    rig.account(names[0], base_url=base_url, poll_min=5, poll_max=5)
    engine = await rig.start()
    numbers = {name: range(100 * nth + 1, 100 * nth + 5) for nth, name in enumerate(names)}
    for name in names:
        for number in numbers[name]:
            await rig.follow(number, account=name)
    engine.poll()
    await rig.passes(120)
    assert engine.accounts[names[0]].client.requests, "the sick one was asked"
    longest: dict[str, float] = {}
    for name in names[1:]:
        for number in numbers[name]:
            times = [call.at for call in rig.looks(guid(number))]
            assert len(times) >= 20
            step = max(two - one for one, two in itertools.pairwise(times))
            longest[name] = max(longest.get(name, 0.0), step)
        assert (await rig.row(name)).health is Health.OK
    return longest


@pytest.mark.parametrize("hole", [silent, deaf])
async def test_one_black_hole_of_eight_accounts_delays_no_other(rig: Rig, hole: Callable[[], Any]) -> None:
    rig.stuck_after = 1.0
    async with hole() as port:
        longest = await longest_pauses(rig, f"http://127.0.0.1:{port}")
    assert len(longest) == 7
    assert max(longest.values()) <= 5.0 * 1.05
