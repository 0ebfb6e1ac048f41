"""One report from the vendor into a part file: asks for the link, fetches, goes on after cuts.

Knows the network and the part; knows no ledger, no final name and no queue. A signed address lives in a local
variable only. All waiting is on the injected clock.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from reportdash.clock import Clock
from reportdash.engine import content
from reportdash.engine.core import Hide, reading
from reportdash.engine.files import Part
from reportdash.engine.folders import NoSpace, size_text
from reportdash.engine.names import UNKNOWN_EXTENSION, extension_of
from reportdash.engine.published import Source, pick_file
from reportdash.engine.ranges import continues, length, strong_etag
from reportdash.engine.watching import Limits, Stalled, Trouble, Watch, unbroken, watched
from reportdash.errors import BadPayload, CallFailed, Throttled, Unreachable
from reportdash.model import NO_ROWS, Body, Exchange, Job, LocalFile, Signed, Verified
from reportdash.net import storage
from reportdash.net import trace as tracing
from reportdash.net.guard import Guard
from reportdash.net.pacing import parse_retry_after
from reportdash.plain import clean
from reportdash.vendors.contract import Vendor

_REFUSED = frozenset({400, 401, 403, 404, 410})
TOLD = 3600.0
"""Seconds that a download nobody waits for may spend in pauses the vendor or the storage asks for."""
MOST_ROOM = 6
"""How many times longer than `disk_poll` is waited, at most, where one try after the other finds no room."""
_Begin: TypeAlias = Callable[[bytes], Awaitable[None]]


@dataclass(slots=True, frozen=True)
class Arrived:
    """A complete part: what it is, what it was checked against, and what the vendor or we note about it."""

    extension: str
    verified: Verified
    note: str | None = None


class TransferFailed(Exception):
    """The download ends here. `unreachable`: the network or the vendor gave no answer, nothing is wrong."""

    def __init__(self, text: str, *, unreachable: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.unreachable = unreachable


class _Again(Exception):
    """This attempt is over, the next may do better. `wait`: seconds the other side asked for."""

    def __init__(
        self,
        text: str,
        *,
        fresh_link: bool = False,
        refused: bool = False,
        wait: float | None = None,
        unreachable: bool = False,
        slow: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.fresh_link = fresh_link
        self.refused = refused
        self.wait = wait
        self.unreachable = unreachable
        self.slow = slow
        self.status = status


class Transfer:
    """`report(bytes, total)` is called as bytes come in; `waits(sentence or None)` when the disk is full.

    `stumbles` hears of each failure that is tried again; `keep` gets the request to the storage that ended in
    one, without its address; `hide` takes the account's secrets out of the vendor's words.
    """

    def __init__(
        self,
        job: Job,
        vendor: Vendor,
        part: Part,
        *,
        guard: Guard,
        ca_file: str | None,
        clock: Clock,
        limits: Limits,
        report: Callable[[int, int | None], None],
        waits: Callable[[str | None], None],
        stumbles: Callable[[Trouble], None] = lambda _: None,
        keep: Callable[[Exchange], Awaitable[object]] | None = None,
        hide: Hide = str,
    ) -> None:
        self.job = job
        self.vendor = vendor
        self.part = part
        self.guard = guard
        self.ca_file = ca_file
        self.clock = clock
        self.limits = limits
        self._report = report
        self._waits = waits
        self._stumbles = stumbles
        self._keep = keep
        self._hide = hide
        self._restarts = 0
        self._highest = part.size
        self._full_since: float | None = None
        self._fulls = 0

    async def run(self, patience: float, *, endless: Callable[[], bool]) -> Arrived:
        """Until the part is complete. `patience`: seconds without progress after which it is given up; while
        `endless()` a full disk is waited for without end, and a pause that is asked for counts as none.

        Raises TransferFailed, Problem (the folder), and what the vendor's call ended with when that is final:
        NoCredential, AuthFailed, NotFound, VendorRefused.
        """
        link: Signed | None = None
        refusals = failures = 0
        told = 0.0
        moved = self.clock.monotonic()
        while True:
            before, began, asked = self._highest, self.clock.monotonic(), None
            try:
                if self.part.complete:
                    return await self._check()
                if link is None:
                    with reading(self.job.account, f"the file of {self.job.id}", self._hide):
                        file = await self.vendor.artifact(self.job)
                    if isinstance(file, LocalFile):
                        return await self._local(file)
                    if isinstance(file, Body):
                        return await self._body(file)
                    link = file
                asked = link
                done = await self._attempt(link)
                if done is not None:
                    return done
                problem = _Again("the transfer ended early")
            except NoSpace as full:
                await self._room(full, patience, endless)
                moved = self.clock.monotonic()
                continue
            except _Again as again:
                problem = again
            except Stalled as stalled:
                problem = _Again(str(stalled), slow=True, unreachable=stalled.mute)
            except (Throttled, Unreachable, BadPayload) as error:
                problem = _retry(error)
            if problem.fresh_link:
                link = None
            gained = self._highest - before
            if gained >= self.limits.progress and not problem.slow:
                moved, self._full_since = self.clock.monotonic(), None
                refusals = failures = self._fulls = 0
                continue
            if problem.refused:
                refusals += 1
                if refusals > self.limits.refusals:
                    raise TransferFailed(problem.text)
            failures += 1
            if asked is not None and self._keep is not None:
                await self._keep(self._exchange(asked, problem, gained, self.clock.monotonic() - began))
            pause = problem.wait or self._backoff(failures, problem)  # asked to wait 0 s: as if not asked
            if problem.wait and told + pause <= TOLD and endless():
                told, moved = told + pause, moved + pause  # nobody waits for us: what is asked for is kept to
            if self.clock.monotonic() - moved + pause > patience:
                raise TransferFailed(problem.text, unreachable=problem.unreachable)
            if pause:
                self._stumbles(Trouble(problem.text, failures, self.clock.now() + pause))
            await self.clock.sleep(pause)

    def _exchange(self, link: Signed, problem: _Again, came: int, seconds: float) -> Exchange:
        """What may be kept of a request to the storage: where it went, never with which signature."""
        now, host = self.clock.now(), urlsplit(link.url).hostname or ""
        return Exchange(
            at=now - seconds,
            method="GET",
            url=f"{clean(host, 200)} {tracing.SIGNED}",
            status=problem.status,
            ms=round(seconds * 1000),
            size=max(came, 0),
            error=problem.text,
        )

    def _backoff(self, failures: int, problem: _Again) -> float:
        if failures == 1 and problem.fresh_link:
            return 0.0  # an expired link is no fault: the next one is asked for at once
        grown = min(self.limits.backoff * 2.0 ** min(failures - 1, 10), self.limits.backoff_max)
        return grown * (0.5 + random.random() / 2)  # noqa: S311 - spreads retries, guards nothing

    # signed links

    async def _attempt(self, link: Signed) -> Arrived | None:
        """One connection. None: bytes came, but not all."""
        part = self.part
        headers: dict[str, str] = {}
        if part.resumable:
            headers = {"Range": f"bytes={part.size}-", "If-Range": part.side.etag or ""}
        async with watched(self.clock, self.limits) as watch:
            door = storage.open(link.url, headers=headers, guard=self.guard, ca_file=self.ca_file)
            async with door as stream:
                watch.touch(0)
                begin = await self._judge(stream, link, ranged=bool(headers))
                await self._receive(stream.raw(), watch, begin)
                self._something(framed="transfer-encoding" in stream.headers)
        total = part.side.total
        if total is not None and part.size < total:
            return None
        return await self._check()

    async def _judge(self, stream: storage.Stream, link: Signed, *, ranged: bool) -> _Begin | None:
        """What status and headers say. Returns what is to happen to the first bytes of a new file.

        None: the answer is the exact rest of the part. Raises _Again or TransferFailed for everything else.
        """
        part, headers, status = self.part, stream.headers, stream.status
        if status == 206 and ranged and continues(headers, part, link):
            await unbroken(part.reserve)
            return None
        if status in (206, 416):
            await self._drop()
            raise _Again(f"the storage answered {status} to a request it does not fit")
        if status in _REFUSED:
            words = content.storage_words(await stream.start())
            said = f" ({words})" if words else ""
            text = f"the storage refuses the link: HTTP {status}{said}"
            raise _Again(text, fresh_link=True, refused=True, status=status)
        if status == 429 or status >= 500:
            wait = parse_retry_after(headers.get("retry-after"), self.clock.now())
            raise _Again(f"the storage answered HTTP {status}", wait=wait, unreachable=True, status=status)
        if status != 200:
            raise TransferFailed(f"the storage answered HTTP {status}")
        total = length(headers)
        if total is not None:
            self._too_large(total, None)
        spec, media = self.job.spec, headers.get("content-type")
        expected = content.expected_extension(
            headers, filename=link.filename, url=link.url, format_=spec.format if spec else None
        )
        strong = strong_etag(headers)
        extension = content.extension_for(expected, headers)

        async def begin(head: bytes) -> None:
            wrong = content.wrong_start(head, media, expected)
            if wrong is not None:
                raise _Again(wrong, fresh_link=True, refused=True)
            if part.size:
                self._restarted()
            await unbroken(
                lambda: part.restart(etag=strong, total=total, extension=extension, checksum=link.checksum)
            )

        return begin

    async def _receive(self, chunks: AsyncIterator[bytes], watch: Watch, begin: _Begin | None) -> None:
        """Write what comes in batches, in a thread; whatever ends it, what came before is kept."""
        part, limits = self.part, self.limits
        base = part.size if begin is None else 0
        pending: list[bytes] = []
        came = held = 0
        flushed = self.clock.monotonic()

        async def flush() -> None:
            nonlocal pending, held, begin, flushed
            batch = b"".join(pending)
            if begin is not None:
                await begin(batch[: content.HEAD])
                begin = None
            pending, held = [], 0
            if batch:
                await unbroken(lambda: part.append(batch))
            self._highest = max(self._highest, part.size)
            flushed = self.clock.monotonic()
            watch.rest()

        try:
            async for chunk in chunks:
                watch.touch(len(chunk))
                pending.append(chunk)
                came += len(chunk)
                held += len(chunk)
                total = part.side.total if begin is None else None
                self._too_large(base + came, total)
                self._report(base + came, total)
                overdue = self.clock.monotonic() - flushed >= 1.0
                if held >= limits.batch or (held >= content.HEAD and overdue):
                    await flush()
        except CallFailed as error:
            # A first piece too short to be judged is not worth keeping.
            if begin is None or held >= content.HEAD:
                await flush()
            if isinstance(error, Unreachable):
                raise _Again(error.text) from None
            raise
        except asyncio.CancelledError:
            if begin is None or held >= content.HEAD:
                with suppress(Exception):  # the end itself must not get lost
                    await flush()
            raise
        await flush()

    def _too_large(self, size: int, total: int | None) -> None:
        if total is not None and size > total:
            raise TransferFailed("more bytes came than were announced")
        most = self.limits.max_bytes
        if size > most:
            raise TransferFailed(f"the file is larger than {size_text(most)}; it is not fetched")

    def _something(self, *, framed: bool) -> None:
        """An answer without an end of its own that brings nothing was cut off, and is no empty report."""
        if not self.part.size and self.part.side.total is None and not framed:
            raise _Again("the connection was closed before a byte of the report came", unreachable=True)

    async def _drop(self) -> None:
        self._restarted()
        await unbroken(lambda: self.part.restart(etag=None, total=None, extension=None))

    def _restarted(self) -> None:
        self._restarts += 1
        if self._restarts > self.limits.restarts:
            raise TransferFailed(
                "the file at the vendor changes while it is fetched, or no rest of it is given"
            )

    # the other two ways

    async def _body(self, body: Body) -> Arrived:
        part = self.part
        extension = extension_of(f"x.{body.extension}") or UNKNOWN_EXTENSION

        async def begin(_: bytes) -> None:
            await unbroken(
                lambda: part.restart(etag=None, total=body.total, extension=extension, checksum=body.checksum)
            )

        try:
            async with watched(self.clock, self.limits) as watch:
                await self._receive(body.chunks, watch, begin)
        finally:
            close = getattr(body.chunks, "aclose", None)
            if close is not None:
                await close()
        self._something(framed=body.framed)
        if body.framed and body.total is None:
            part.came_whole()
        if body.total is not None and part.size != body.total:
            raise _Again("the report in the answer was cut", refused=True)
        return await self._check(note=body.note, judge=False)

    async def _local(self, file: LocalFile) -> Arrived:
        part, job = self.part, self.job
        since = None if job.tracked or job.submitted_at is None else job.submitted_at
        source = await unbroken(lambda: pick_file(file.pattern, since), lost=Source.close)
        try:
            if self.clock.now() - source.mtime < 2.0:
                await self.clock.sleep(1.0)  # perhaps it is still being written
            self._too_large(source.size, None)
            extension = extension_of(source.path.name) or UNKNOWN_EXTENSION
            await unbroken(lambda: part.restart(etag=None, total=source.size, extension=extension))
            while await unbroken(lambda: _copy(source, part, 4 * self.limits.batch)):
                self._too_large(part.size, None)
                self._report(part.size, source.size)
            if part.size != source.size or await unbroken(source.changed):
                raise _Again(f"{source.path} was still being written")
        finally:
            source.close()
        return await self._check(judge=False)

    # the end

    async def _check(self, *, note: str | None = None, judge: bool = True) -> Arrived:
        """Length, the vendor's checksum if there is one, for a small file a look at the whole; to disk."""
        part = self.part
        extension = part.side.extension
        verified = Verified.NONE if part.side.total is None else Verified.LENGTH
        matches = part.checksum_matches()
        if matches is not None:
            if not matches:
                await self._drop()
                text = "the file does not have the checksum the vendor gives"
                raise _Again(text, fresh_link=True, refused=True)
            verified = Verified.CHECKSUM
        if part.size <= content.WHOLE:
            whole = await unbroken(lambda: part.head(content.WHOLE))
            wrong = content.wrong_whole(whole, extension) if judge else None
            if wrong is not None:
                await self._drop()
                raise _Again(wrong, fresh_link=True, refused=True)
            if note is None and content.no_rows(whole, extension):
                note = NO_ROWS
        await unbroken(part.sync)  # where that fails, what is missing is fetched once more
        return Arrived(extension or UNKNOWN_EXTENSION, verified, note)

    async def _room(self, full: NoSpace, patience: float, endless: Callable[[], bool]) -> None:
        """Wait until the disk has room, for `patience` or as long as it takes. Raises TransferFailed."""
        needed = full.needed
        if not self.part.resumable and self.part.size:
            needed += self.part.size  # it starts again from nothing, and as much as this was not enough
            with suppress(NoSpace):  # the part is empty then, and its new sidecar can wait as well
                await unbroken(lambda: self.part.restart(etag=None, total=None, extension=None))
        now = self.clock.monotonic()
        self._full_since = now if self._full_since is None else self._full_since
        # A quota, or a thin volume, is full where there seems to be room: all is not fetched again at once.
        pause = self.limits.disk_poll * min(2**self._fulls, MOST_ROOM)
        self._fulls += 1
        self._waits(f"{full}; downloads wait for it")
        try:
            while True:
                waited = self.clock.monotonic() - self._full_since
                if waited >= patience and not endless():
                    raise TransferFailed(f"{full}; what came so far is kept and gone on with")
                left = max(patience - waited, self.limits.disk_poll)
                await self.clock.sleep(pause if endless() else min(pause, left))
                pause = self.limits.disk_poll
                if await unbroken(lambda: self.part.room(needed)):
                    return
        finally:
            self._waits(None)


def _retry(error: CallFailed) -> _Again:
    """A failed call that may go better the next time."""
    text = clean(error.text)
    if isinstance(error, Throttled):
        return _Again(text, wait=error.retry_after, unreachable=True)
    if isinstance(error, Unreachable):
        return _Again(text, unreachable=True)
    return _Again(text, fresh_link=True, refused=True)


def _copy(source: Source, part: Part, size: int) -> int:
    block = source.read(size)
    if block:
        part.append(block)
    return len(block)
