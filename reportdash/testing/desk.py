"""A vendor at work in a test: bound to an account, over our real client, with time standing still."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reportdash.clock import ManualClock
from reportdash.model import Body, Credential, Exchange, Job, JobState, LocalFile, Signed
from reportdash.net import storage
from reportdash.net.client import Client
from reportdash.net.guard import Guard
from reportdash.net.pacing import Pacer
from reportdash.vendors.contract import AccountSettings, File, Vendor

START = 1_790_000_000.0
"""When a desk's clock stands, seconds since the epoch."""


@dataclass
class Desk:
    """`vendor` bound to `client`, the Api that signs in, paces and records. `exchanges` has what the ledger
    would keep: redacted, of calls that named their job.
    """

    vendor: Vendor
    settings: AccountSettings
    client: Client
    clock: ManualClock
    exchanges: list[Exchange] = field(default_factory=list)

    def job(self, reference: str | None, state: JobState = JobState.RUNNING, **more: Any) -> Job:
        """Our row of a job the vendor knows as `reference`; `more`: other fields of `model.Job`."""
        fields: dict[str, Any] = {
            "id": "abc234",
            "name": "a report",
            "submitted_at": self.clock.now(),
            **more,
        }
        return Job(
            account=self.client.account, vendor=self.vendor.name, reference=reference, state=state, **fields
        )


@asynccontextmanager
async def desk(
    kind: type[Vendor],
    settings: Mapping[str, Any],
    secrets: Mapping[str, str],
    *,
    account: str = "test",
    clock: ManualClock | None = None,
) -> AsyncIterator[Desk]:
    """`kind` with an account of these settings (as in the config, without `vendor`) and secret fields.

    Requests are not paced. Raises pydantic's ValidationError for settings the account refuses.
    """
    clock = clock if clock is not None else ManualClock(START)
    config = kind.Account.model_validate({"vendor": kind.name, **settings})
    exchanges: list[Exchange] = []

    async def credential() -> Credential:
        return Credential(dict(secrets), None, "memory")

    client = Client(
        account=account,
        base_url=config.base_url,
        extra_origins=config.origins()[1:],
        ca_file=config.ca_file,
        allow_insecure=config.allow_insecure,
        credential=credential,
        trace=lambda job, exchange: exchanges.append(exchange),
        clock=clock,
        pacer=Pacer(clock, rate=math.inf),
    )
    try:
        vendor = kind(config, client)
        client.bind(vendor)
        yield Desk(vendor, config, client, clock, exchanges)
    finally:
        await client.aclose()


class NoReport(Exception):
    """There is no report where the vendor says it is."""


async def content_of(file: File) -> bytes:
    """The report's bytes, however the vendor hands them out. Raises NoReport."""
    match file:
        case Body():
            return b"".join([chunk async for chunk in file.chunks])
        case LocalFile():
            found = sorted(Path("/").glob(file.pattern.lstrip("/")))
            if len(found) != 1:
                raise NoReport(f"{len(found)} files match {file.pattern}")
            return found[0].read_bytes()
        case Signed():
            async with storage.open(file.url, headers={}, guard=Guard((), loopback=True)) as stream:
                if stream.status != 200:
                    raise NoReport(f"the link is answered with {stream.status}")
                return b"".join([chunk async for chunk in stream.raw()])
