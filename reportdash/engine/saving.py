"""Saving one job's report, or a group's: claim in the ledger, transfer, final name, the ledger's last word.

Order is the promise: the file is durable under its final name before the ledger says saved, and nothing here
deletes anything at a vendor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from reportdash.clock import Clock
from reportdash.engine.files import Finished, Part, PartBusy
from reportdash.engine.folders import NoSpace, folder_problem, is_there, part_size, size_text
from reportdash.engine.names import stem, with_extension
from reportdash.engine.outcome import Outcome
from reportdash.engine.refusals import why_none
from reportdash.engine.transfer import Arrived, Transfer, TransferFailed
from reportdash.engine.watching import Limits, Trouble, unbroken
from reportdash.errors import (
    AuthFailed,
    CallFailed,
    Exit,
    NoCredential,
    NotFound,
    Problem,
    Throttled,
    Unreachable,
    worst,
)
from reportdash.ledger import Ledger
from reportdash.lifecycle import fold_gone
from reportdash.model import (
    HAS_FILE,
    Artifact,
    ArtifactState,
    Exchange,
    Job,
    JobState,
    LastError,
    Verified,
    replace,
)
from reportdash.net.guard import Guard, Resolver, is_loopback
from reportdash.net.offloop import aside
from reportdash.plain import clean
from reportdash.vendors.contract import AccountSettings, Vendor

T = TypeVar("T")

_HOW = {
    Verified.CHECKSUM: "checksum verified",
    Verified.LENGTH: "length checked",
    Verified.NONE: "unverified: no length was announced",
}


class SeatLike(Protocol):
    """What a download needs of an account."""

    @property
    def name(self) -> str: ...
    @property
    def settings(self) -> AccountSettings: ...
    @property
    def vendor(self) -> Vendor: ...
    def hide(self, text: str) -> str: ...


class Saver:
    """One download, asked for by `who`. `endless()`: whether to wait for room on the disk without end
    (nobody waits for us).

    `report(bytes, total)` tells progress, `waits(sentence or None)` that the disk is full, `stumbles` what it
    is tried again for.
    """

    def __init__(
        self,
        ledger: Ledger,
        seat: SeatLike,
        folder: Path,
        clock: Clock,
        owner: str,
        *,
        limits: Limits,
        resolver: Resolver | None,
        patience: float,
        endless: Callable[[], bool],
        report: Callable[[int, int | None], None],
        waits: Callable[[str | None], None],
        stumbles: Callable[[Trouble], None],
        who: str = "operator",
    ) -> None:
        self._ledger = ledger
        self._seat = seat
        self._folder = folder
        self._clock = clock
        self._owner = owner
        self._limits = limits
        self._patience = patience
        self._endless = endless
        self._report = report
        self._waits = waits
        self._stumbles = stumbles
        self._who = who
        settings = seat.settings
        self._guard = Guard(
            settings.download_hosts,
            allow_private=settings.allow_private_hosts,
            loopback=is_loopback(settings.base_url),
            resolver=resolver,
        )

    async def save(self, job: Job) -> Outcome:
        """Save one report. Never raises for what can go wrong with a download: the outcome says it."""
        claimed = await self._claim(job)
        if isinstance(claimed, Outcome):
            return claimed
        part: Part | None = None
        finished: Finished | None = None
        try:
            part = await self._open(job)
            finished, note = await self._fill(job, part)
            row = await self._surely(partial(self._saved, job.id, finished, note))
            with suppress(OSError):  # what is left over is looked at, and taken away, by whoever is next
                await unbroken(part.forget)
            how = _HOW[Verified(finished.verified)]
            return Outcome(row, Exit.OK, f"saved {size_text(finished.size)}, {how}")
        except (CallFailed, TransferFailed, Problem, PartBusy) as error:
            return await self._failed(job.id, error, part)
        except OSError as error:  # a disk that breaks wherever it is read or written
            return await self._failed(job.id, folder_problem(self._folder, error), part)
        except (asyncio.CancelledError, Exception):
            with suppress(Exception):
                row = await self._interrupted(job.id, part)
                if part is not None and finished is not None and row.saved:
                    await unbroken(part.forget)  # the ledger's word was under way and stands
            raise
        finally:
            if part is not None:
                await self._leave(part)

    async def save_group(self, job: Job) -> Outcome:
        """Save each child's file; the group itself has no path, its bytes are all its files' together."""
        claimed = await self._claim(job)
        if isinstance(claimed, Outcome):
            return claimed
        try:
            return await self._save_children(job)
        except Problem as error:
            return await self._failed(job.id, error, None)
        except (asyncio.CancelledError, Exception):
            with suppress(Exception):
                await self._interrupted(job.id, None)
            raise

    async def _save_children(self, job: Job) -> Outcome:
        children = await self._ledger.children(job.id)
        wanted = [child for child in children if child.state in HAS_FILE]
        outcomes: list[Outcome] = []
        whole = 0
        report = self._report
        for child in wanted:
            if child.saved and await aside(partial(_lies, child)):
                outcomes.append(Outcome(child, Exit.OK, "already saved"))
            else:
                self._report = partial(_beyond, report, whole)
                outcomes.append(await self.save(child))
            artifact = outcomes[-1].job.artifact
            whole += artifact.bytes if outcomes[-1].ok and artifact is not None else 0
        saved = [outcome for outcome in outcomes if outcome.ok]
        text = f"{len(saved)} of {len(children)} saved"
        bad = [f"{o.job.name}: {o.text}" for o in outcomes if not o.ok]
        bad += [f"{c.name}: {why_none(c)}" for c in children if c.state not in HAS_FILE]
        if bad:
            text = clean("; ".join([text, *bad]))
        if not wanted or len(saved) < len(wanted):
            code = worst([outcome.exit_code for outcome in outcomes]) if wanted else Exit.FAILED
            row = await self._change_failed(job.id, text, whole, None)
            waits = code is Exit.UNREACHABLE or all(outcome.passing for outcome in outcomes if not outcome.ok)
            return Outcome(row, code or Exit.FAILED, text, bool(wanted) and waits)
        proofs = {o.job.artifact.verified for o in saved if o.job.artifact is not None}
        weakest = next((v for v in (Verified.NONE, Verified.LENGTH) if v in proofs), Verified.CHECKSUM)
        artifact = Artifact(ArtifactState.SAVED, bytes=whole, total=whole, verified=weakest)
        row = await self._change_saved(job.id, artifact, None, f"{text}, {size_text(whole)}")
        return Outcome(row, Exit.OK, text)

    # claiming

    async def _claim(self, job: Job) -> Outcome | None:
        """Write into the ledger that this process fetches the job. An Outcome: another one did it."""
        try:
            return await self._claimed(job)
        except BaseException:
            with suppress(Exception):  # what was asked of the ledger is done, waited for or not
                await self._interrupted(job.id, None)
            raise

    async def _claimed(self, job: Job) -> Outcome | None:
        while True:
            row = await self._ledger.job(job.id) or job
            artifact, dead = row.artifact, None
            if artifact is not None and row.saved and await aside(partial(_lies, row)):
                # Another process saved it while this download waited for its turn, or for that process.
                return Outcome(row, Exit.OK, f"saved {size_text(artifact.bytes)} by another reportdash")
            if artifact is not None and artifact.state is ArtifactState.FETCHING:
                dead = artifact.owner
                if dead not in (None, self._owner) and await self._ledger.owner_alive(dead):
                    outcome = await self._follow(row, dead)
                    if outcome is not None:
                        return outcome
                    continue
            taken = await self._ledger.change(job.id, partial(self._taken, looked=artifact, dead=dead))
            if taken.artifact is not None and taken.artifact.owner == self._owner:
                # Told only by the one of two processes that does it.
                await self._ledger.change(job.id, lambda row: row, who=self._who, what="download started")
                return None

    def _taken(self, row: Job, *, looked: Artifact | None, dead: str | None) -> Job | None:
        now = row.artifact
        if row.saved and now != looked:
            return None  # whoever was at it has just ended well
        fetched = now is not None and now.state is ArtifactState.FETCHING
        if now is not None and fetched and now.owner not in (None, self._owner, dead):
            return None
        fetching = Artifact(ArtifactState.FETCHING, owner=self._owner)
        return replace(row, artifact=fetching, updated_at=self._clock.now())

    async def _follow(self, job: Job, owner: str) -> Outcome | None:
        """Wait for the process that fetches the job. None: it ended one way or the other; look again."""
        size, moved = -1, self._clock.monotonic()
        while True:
            rev = await self._ledger.rev()
            row = await self._ledger.job(job.id) or job
            artifact = row.artifact
            if artifact is None or artifact.state is not ArtifactState.FETCHING or artifact.owner != owner:
                if artifact is not None and artifact.state is ArtifactState.FAILED:
                    return Outcome(row, Exit.FAILED, artifact.error or "the download failed elsewhere")
                return None
            if not await self._ledger.owner_alive(owner):
                return None
            now = self._clock.monotonic()
            grown = await aside(lambda: part_size(self._folder, job.id))
            if grown != size:
                size, moved = grown, now
            elif now - moved > self._patience:
                return Outcome(row, Exit.FAILED, "another reportdash downloads it and does not get on")
            await self._ledger.wait(rev, 1.0)

    # the file

    async def _open(self, job: Job) -> Part:
        folder, floor = self._folder, self._limits.floor
        for _ in range(20):
            try:
                return await self._with_room(
                    lambda: Part.open(folder, stem(job), job.id, floor=floor), lost=_put_back
                )
            except PartBusy:
                await self._clock.sleep(0.25)  # its last owner is just letting go
        raise PartBusy

    async def _fill(self, job: Job, part: Part) -> tuple[Finished, str | None]:
        finished = await self._with_room(part.recall)
        if finished is not None:
            return finished, None  # only the ledger's word was missing
        self._report(part.size, part.side.total)
        transfer = Transfer(
            job,
            self._seat.vendor,
            part,
            guard=self._guard,
            ca_file=self._seat.settings.ca_file,
            clock=self._clock,
            limits=self._limits,
            report=self._report,
            waits=self._waits,
            stumbles=self._stumbles,
            keep=partial(self._kept, job.id),
            hide=self._seat.hide,
        )
        arrived: Arrived = await transfer.run(self._patience, endless=self._endless)
        name = with_extension(stem(job), arrived.extension)
        finished = await self._with_room(lambda: part.finish(name, str(arrived.verified)))
        return finished, arrived.note

    async def _kept(self, job_id: str, exchange: Exchange) -> None:
        with suppress(Problem, KeyError):  # a full disk, or a job forgotten meanwhile
            await self._ledger.record(job_id, exchange)

    async def _with_room(self, work: Callable[[], T], lost: Callable[[T], None] | None = None) -> T:
        """Run `work` in a thread, again and again while the disk is full and there is patience."""
        started = self._clock.monotonic()
        while True:
            try:
                return await unbroken(work, lost)
            except NoSpace as full:
                if not self._endless() and self._clock.monotonic() - started >= self._patience:
                    raise TransferFailed(f"{full}; what came so far is kept and gone on with") from None
                self._waits(f"{full}; downloads wait for it")
                try:
                    await self._clock.sleep(self._limits.disk_poll)
                finally:
                    self._waits(None)

    async def _leave(self, part: Part) -> None:
        with suppress(OSError):
            await unbroken(lambda: _put_back(part))

    # the ledger's word

    async def _saved(self, job_id: str, finished: Finished, note: str | None) -> Job:
        artifact = Artifact(
            ArtifactState.SAVED,
            path=str(finished.path),
            bytes=finished.size,
            total=finished.size,
            sha256=finished.sha256,
            verified=Verified(finished.verified),
        )
        return await self._change_saved(job_id, artifact, note, f"saved {size_text(finished.size)}")

    async def _change_saved(self, job_id: str, artifact: Artifact, note: str | None, what: str) -> Job:
        last = await self._ledger.last_error(job_id)
        now = self._clock.now()

        def saved(row: Job) -> Job:
            # What the vendor says of a trouble is worth more than our note about the content.
            message = note if note and row.state is JobState.READY else row.message
            return replace(row, artifact=artifact, message=message, updated_at=now)

        over = last is not None and last.kind == "download"
        return await self._ledger.change(job_id, saved, durable=True, what=what, clear_error=over)

    async def _surely(self, write: Callable[[], Awaitable[Job]]) -> Job:
        """The file is final; the ledger must hear of it even if the disk is full just now."""
        started = self._clock.monotonic()
        while True:
            try:
                return await write()
            except Problem:
                if self._clock.monotonic() - started >= self._patience:
                    raise
                await self._clock.sleep(self._limits.disk_poll)

    async def _failed(self, job_id: str, error: Exception, part: Part | None) -> Outcome:
        # A refusal may stand at the end of a report that was already coming in.
        text = (
            clean(self._seat.hide(getattr(error, "text", "")))
            or "another program writes this download's part"
        )
        count, total = (part.size, part.side.total) if part is not None else (0, None)
        try:
            if isinstance(error, NotFound):
                row = await self._change_failed(job_id, text, count, total, gone=error)
                end = f"{row.state} now" if row.state not in HAS_FILE else "it is looked for again"
                return Outcome(row, Exit.FAILED, f"the vendor has no such report any more ({end}): {text}")
            row = await self._change_failed(job_id, text, count, total)
        except Problem as full:
            job = await self._ledger.job(job_id)
            assert job is not None
            return Outcome(job, full.exit_code, f"{text}; {full.text}")
        code = _code(error)
        # A folder that could not be opened, as of a share that is away, costs no request to look at again.
        return Outcome(
            row, code, text, code is Exit.UNREACHABLE or (part is None and isinstance(error, Problem))
        )

    async def _change_failed(
        self, job_id: str, text: str, count: int, total: int | None, gone: NotFound | None = None
    ) -> Job:
        now = self._clock.now()
        ttl = self._seat.vendor.policy.ttl

        def failed(row: Job) -> Job | None:
            if row.saved or (row.artifact is not None and row.artifact.owner not in (None, self._owner)):
                return None  # somebody thought us dead and took over, to the end perhaps
            if gone is not None:
                row = fold_gone(row, text, now, ttl=ttl, certain=gone.certain)
            artifact = Artifact(ArtifactState.FAILED, bytes=count, total=total, error=text)
            return replace(row, artifact=artifact, updated_at=now)

        error = LastError(at=now, kind="not_found" if gone else "download", text=text)
        return await self._ledger.change(job_id, failed, durable=True, what=f"not saved: {text}", error=error)

    async def _interrupted(self, job_id: str, part: Part | None) -> Job:
        """What was begun is given back, if it is still ours. The row after it."""
        count, total = (part.size, part.side.total) if part is not None and part.resumable else (0, None)

        def interrupted(row: Job) -> Job | None:
            if row.artifact is None or row.artifact.owner != self._owner:
                return None
            none = Artifact(ArtifactState.NONE, bytes=count, total=total)
            return replace(row, artifact=none, updated_at=self._clock.now())

        return await self._ledger.change(job_id, interrupted, what="download stopped", durable=True)


def _put_back(part: Part) -> None:
    """Close; what cannot be gone on with is taken away. Blocks."""
    try:
        if not part.worth_keeping:
            part.drop()
    finally:
        part.close()


def _beyond(report: Callable[[int, int | None], None], base: int, count: int, _: int | None) -> None:
    """Progress of a group: the bytes of its earlier files and of this one; the end is not known."""
    report(base + count, None)


def _lies(job: Job) -> bool:
    artifact = job.artifact
    return artifact is not None and artifact.path is not None and is_there(artifact.path, artifact.bytes)


def _code(error: Exception) -> Exit:
    if isinstance(error, NoCredential | AuthFailed):
        return Exit.CREDENTIALS
    if isinstance(error, Unreachable | Throttled) or (
        isinstance(error, TransferFailed) and error.unreachable
    ):
        return Exit.UNREACHABLE
    if isinstance(error, Problem):
        return error.exit_code
    return Exit.FAILED
