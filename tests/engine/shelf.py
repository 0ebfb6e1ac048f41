"""What download tests stand on: a storage with ranges and faults, a vendor that lends files, a ledger."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from reportdash.clock import Clock, SystemClock
from reportdash.engine.download import Downloads
from reportdash.engine.watching import Limits
from reportdash.ledger import Ledger
from reportdash.model import Body, Job, JobState, Signed, Spec
from reportdash.vendors.contract import (
    AccountSettings,
    Action,
    Can,
    File,
    No,
    PollPolicy,
    Vendor,
    Yes,
)
from tests.net.lying import Asked, Liar, Peer

AT = 1_767_225_600.0  # 2026-01-01 00:00 UTC
QUICK = Limits(idle=30.0, slow_window=60.0, backoff=0.01, backoff_max=0.05, disk_poll=0.05, progress=1024)
"""What only a test waits for takes moments; a connection is given up no sooner than on a busy machine."""
IMPATIENT = replace(QUICK, idle=0.6, slow_window=1.2)
"""For connections that are to be given up."""


def data(size: int, seed: int = 1) -> bytes:
    """`size` bytes that no shift of themselves equals, and that look like no web page."""
    block = b"".join(b"%d,%d,row\n" % (seed, n) for n in range(size // 6 + 1))
    return block[:size]


@dataclass
class Shelf:
    """A storage behind one address. `cut`: bytes of body after which each connection breaks."""

    body: bytes = b""
    etag: str | None = '"v1"'
    ranges: bool = True
    cut: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)  # answered first, one a request
    before: Callable[[Asked, Peer], Awaitable[bool]] | None = None  # True: answered already
    sent: int = 0  # bytes of body that left

    async def __call__(self, asked: Asked, peer: Peer) -> None:
        if self.before is not None and await self.before(asked, peer):
            return
        if self.statuses:
            error = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            await peer.answer(self.statuses.pop(0), error, {"Content-Type": "application/xml"})
            return
        body, status = self.body, 200
        headers = {"Content-Type": "text/csv"}
        if self.etag is not None:
            headers["ETag"] = self.etag
        wanted = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
        if wanted and self.ranges and asked.headers.get("if-range") == self.etag:
            start = int(wanted[1])
            if start >= len(body):
                await peer.answer(416, b"", {"Content-Range": f"bytes */{len(body)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        headers |= {"Content-Length": str(len(body))} | self.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        await peer.raw(f"HTTP/1.1 {status} Word\r\n{head}\r\n".encode())
        piece = body if self.cut is None else body[: self.cut]
        self.sent += len(piece)
        await peer.raw(piece)
        if len(piece) < len(body):
            peer.close()


class LenderAccount(AccountSettings):
    """An account of a vendor that only hands out files."""


class Lender(Vendor):
    """Hands out whatever `files` gives; errors in it are raised."""

    name: ClassVar[str] = "lender"
    title: ClassVar[str] = "Lender"
    Account = LenderAccount
    policy: ClassVar[PollPolicy] = PollPolicy(5.0, 30.0, ttl=86_400.0)

    def __init__(self, account: AccountSettings, give: Callable[[Job], Any]) -> None:
        super().__init__(account, None)  # type: ignore[arg-type]
        self.give = give
        self.asked: list[str] = []
        self.no: str | None = None

    def can(self, action: Action, job: Job | None = None) -> Can:
        return No(self.no) if self.no else Yes()

    @classmethod
    def reference(cls, text: str) -> str:
        return text

    async def sign_in(self, credential: Any, old: Any, bare: Any) -> Any:
        raise NotImplementedError

    def sign(self, request: Any, session: Any) -> Any:
        raise NotImplementedError

    async def status(self, job: Job) -> Any:
        raise NotImplementedError

    async def artifact(self, job: Job) -> File:
        self.asked.append(job.id)
        found = self.give(job)
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]


@dataclass
class Seat:
    name: str
    settings: AccountSettings
    vendor: Vendor

    def hide(self, text: str) -> str:
        return text


@dataclass
class Bench:
    """A ledger, its downloads, and the vendor they ask."""

    ledger: Ledger
    downloads: Downloads
    vendor: Lender
    folder: Path
    clock: Clock
    seat: Seat

    async def job(self, id: str = "aaaaaa", **more: Any) -> Job:
        """A ready job in the ledger."""
        values: dict[str, Any] = {
            "account": "main",
            "vendor": "lender",
            "name": "balances",
            "reference": f"ref-{id}",
            "state": JobState.READY,
            "submitted_at": AT,
            "spec": Spec("balances", format="csv"),
        }
        job, _ = await self.ledger.add(Job(id=id, **(values | more)))
        return job

    def files(self) -> list[str]:
        """Names in the download folder, hidden ones too."""
        return sorted(p.name for p in self.folder.iterdir()) if self.folder.exists() else []


@asynccontextmanager
async def bench(
    tmp_path: Path,
    give: Callable[[Job], Any],
    *,
    clock: Clock | None = None,
    limits: Limits = QUICK,
    owner: str | None = None,
    **settings: Any,
) -> AsyncIterator[Bench]:
    clock = clock or SystemClock()
    values: dict[str, Any] = {"vendor": "lender", "base_url": "http://127.0.0.1:9"}
    account = LenderAccount(**(values | settings))
    vendor = Lender(account, give)
    seat = Seat("main", account, vendor)
    ledger = await Ledger.open(tmp_path / "data" / "ledger.db", clock=clock, owner=owner)
    await ledger.ensure_accounts({"main": "lender", "other": "lender", "third": "lender"})
    folder = tmp_path / "reports"
    downloads = Downloads(ledger, lambda name: seat, folder, clock, ledger.owner, limits=limits)
    try:
        yield Bench(ledger, downloads, vendor, folder, clock, seat)
    finally:
        await downloads.stop()
        await ledger.close()


@asynccontextmanager
async def lending(
    tmp_path: Path, shelf: Shelf, path: str = "/report.csv?sig=canary%7E", **more: Any
) -> AsyncIterator[tuple[Bench, Liar]]:
    """A bench whose vendor signs links to `shelf`."""
    async with Liar(shelf) as liar, bench(tmp_path, lambda job: Signed(liar.base + path), **more) as made:
        yield made, liar


async def body(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def inline(content: bytes, **more: Any) -> Body:
    """A report that comes in the answer itself."""
    return Body(body(content), "json", **({"total": len(content)} | more))
