"""One running simulator, and for each of its accounts a desk: our vendor over our client, real HTTP between.

`simulator`, `clock` and `desk_at` are for every test that needs a vendor to talk to.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.model import Body, Credential, Exchange, Job, JobState, LocalFile, Signed
from reportdash.net import storage
from reportdash.net.client import Client
from reportdash.net.guard import Guard
from reportdash.net.pacing import Pacer
from reportdash.simulator import Simulator
from reportdash.vendors import registry
from reportdash.vendors.contract import File, Vendor


@dataclass
class Desk:
    """One account: its vendor, its client, and what was recorded of their talk."""

    sim: Simulator
    account: str
    vendor: Vendor
    client: Client
    secrets: dict[str, str]
    exchanges: list[Exchange] = field(default_factory=list)

    def job(self, reference: str, state: JobState = JobState.RUNNING, **more: Any) -> Job:
        """Our row of a job the vendor knows as `reference`."""
        fields: dict[str, Any] = {"id": "abc234", "name": "a report", "submitted_at": self.sim.world.now()}
        return Job(
            account=self.account,
            vendor=self.vendor.name,
            reference=reference,
            state=state,
            **{**fields, **more},
        )

    def calls(self, method: str | None = None, path: str | None = None) -> list[Any]:
        """What the vendor received from anyone, oldest first."""
        return self.sim.calls(self.vendor.name, method, path)


DeskAt = Callable[..., Awaitable[Desk]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_790_000_000.0)


@pytest.fixture
async def simulator(clock: ManualClock, tmp_path: Path) -> AsyncIterator[Simulator]:
    """The four vendors on loopback, on the test's clock; jobs move only by script or by that clock."""
    published = tmp_path / "published"
    published.mkdir()
    async with Simulator(seed=1, now=clock.now, published_dir=published) as running:
        yield running


@pytest.fixture
async def desk_at(simulator: Simulator, clock: ManualClock) -> AsyncIterator[DeskAt]:
    """Opens a desk for an account of the simulator; `settings` and `secrets` are laid over the right ones."""
    clients: list[Client] = []

    async def open_desk(
        account: str, settings: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None
    ) -> Desk:
        known = simulator.accounts()[account]
        own = {**known["secrets"], **(secrets or {})}
        kind = registry.load(known["vendor"])
        config = kind.Account(**{"vendor": known["vendor"], **known["settings"], **(settings or {})})
        exchanges: list[Exchange] = []

        async def credential() -> Credential:
            return Credential(own, None, "memory")

        client = Client(
            account=account,
            base_url=config.base_url,
            extra_origins=config.origins(),
            credential=credential,
            trace=lambda job, exchange: exchanges.append(exchange),
            clock=clock,
            pacer=Pacer(clock, rate=math.inf),
        )
        clients.append(client)
        vendor = kind(config, client)
        client.bind(vendor)
        return Desk(simulator, account, vendor, client, own, exchanges)

    yield open_desk
    for client in clients:
        await client.aclose()


async def content_of(file: File) -> bytes:
    """The report's bytes, however the vendor hands them out; a refused link raises."""
    match file:
        case Body():
            return b"".join([chunk async for chunk in file.chunks])
        case LocalFile():
            found = sorted(Path("/").glob(file.pattern.lstrip("/")))
            assert len(found) == 1, found
            return found[0].read_bytes()
        case Signed():
            async with storage.open(file.url, headers={}, guard=Guard((), loopback=True)) as stream:
                if stream.status != 200:
                    raise LinkRefused(stream.status)
                return b"".join([chunk async for chunk in stream.raw()])


class LinkRefused(Exception):
    """Storage did not hand the file out."""
