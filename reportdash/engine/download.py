"""Downloads: which job's report is fetched when, and what the ledger and the operator learn of it.

The only room that puts a report under its final name. A job is fetched by one process at a time: the ledger
names the owner, the part file is locked. Only after the file is durable does the ledger say saved.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reportdash.clock import Clock, pause
from reportdash.engine.answering import Answering
from reportdash.engine.folders import is_there, size_text
from reportdash.engine.outcome import Outcome
from reportdash.engine.refusals import refused
from reportdash.engine.saving import Saver, SeatLike
from reportdash.engine.turns import Turns
from reportdash.engine.watching import Limits, Trouble
from reportdash.errors import Exit, UsageProblem
from reportdash.ledger import Ledger
from reportdash.model import HAS_FILE, ArtifactState, Job
from reportdash.net.guard import Resolver
from reportdash.net.offloop import aside
from reportdash.plain import clean

AT_ONCE = 4
PER_ACCOUNT = 2
REPAINT_SECONDS = 0.1
RETRY = 300.0
"""Seconds after which a download that nobody waits for is tried again, where nobody answered."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class Progress:
    """How far one download is. `total` None: unknown. `place` in the queue from 1; None: it runs.

    `trouble`: what it is tried again for; None once bytes come. `rests`: given up for now, until then.
    """

    bytes: int
    total: int | None
    place: int | None
    trouble: Trouble | None = None
    rests: bool = False

    @property
    def queued_place(self) -> int | None:
        return self.place


@dataclass(slots=True, eq=False)
class _Flight:
    """One download under way in this process."""

    task: asyncio.Task[Outcome]
    background: bool
    who: str = "operator"
    waiters: int = 0
    bytes: int = 0
    total: int | None = None
    trouble: Trouble | None = None
    given_up: int = 0
    wake: asyncio.Event | None = None  # while it rests


class Downloads:
    """All downloads of this process.

    `seat_of` raises for an unknown account. `folder` is the download_dir. `limits` are the figures of a
    transfer, `resolver` looks names up; tests replace both.
    """

    def __init__(
        self,
        ledger: Ledger,
        seat_of: Callable[[str], SeatLike],
        folder: Path,
        clock: Clock,
        owner: str,
        *,
        limits: Limits | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._ledger = ledger
        self._seat_of = seat_of
        self._folder = folder
        self._clock = clock
        self._owner = owner
        self._limits = limits or Limits()
        self._resolver = resolver
        self._flights: dict[str, _Flight] = {}
        self._turns = Turns(AT_ONCE, PER_ACCOUNT, self._moved)
        self._listeners: list[Callable[[], None]] = []
        self._ringing: asyncio.TimerHandle | None = None
        self._full: dict[str, str] = {}
        self._disk = Answering(folder, lambda: bool(self._flights))
        self.rev = 0

    # what the screen asks

    def progress(self) -> Mapping[str, Progress]:
        """Job id → how far, for every download of this process that waits or runs."""
        return {job: self._progress(job, flight) for job, flight in self._flights.items()}

    def _progress(self, job: str, flight: _Flight) -> Progress:
        place, rests = self._turns.place(job), flight.wake is not None
        return Progress(flight.bytes, flight.total, place, flight.trouble, rests)

    def busy(self) -> int:
        """Downloads that wait for their turn or run."""
        return sum(flight.wake is None for flight in self._flights.values())

    @property
    def notice(self) -> str | None:
        """One sentence while downloads wait for room on the disk."""
        return next(iter(self._full.values()), None)

    @property
    def hangs(self) -> str | None:
        """One sentence while the disk of the reports' folder does not answer."""
        if not self._flights or not self._disk.hangs:
            return None
        return f"{clean(self._folder, 300)} does not answer: its disk hangs; downloads go on when it does"

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` on the loop after progress, at most ten times a second. Returns the way out."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    def intact(self, job: Job, children: Sequence[Job] = ()) -> bool:
        """Whether our file lies at its path with its size; a group: each file its `children` could give.

        Blocks for a look at the disk; `is_intact` does not, and finds a group's children itself.
        """
        if job.artifact is None or job.artifact.state is not ArtifactState.SAVED:
            return False
        if job.is_group:
            files = [child for child in children if child.state in HAS_FILE or child.saved]
            return bool(files) and all(self.intact(child) for child in files)
        return job.artifact.path is not None and is_there(job.artifact.path, job.artifact.bytes)

    async def is_intact(self, job: Job) -> bool:
        """`intact`, beside the loop."""
        children = await self._ledger.children(job.id) if job.is_group else []
        return await aside(lambda: self.intact(job, children))

    async def paths(self, job: Job) -> list[Path]:
        """Where the job's saved files are: one, or one for each saved child of a group."""
        rows = await self._ledger.children(job.id) if job.is_group else [job]
        found = [row.artifact.path for row in rows if row.saved and row.artifact is not None]
        return [Path(path) for path in found if path is not None]

    # what it does

    async def fetch(self, job_id: str, *, to: Path | None = None, patience: float = 60.0) -> Outcome:
        """Save the job's report and wait for it. Joins a download of it that runs already.

        `patience`: seconds without progress (or without room on the disk) after which it is given up; what
        came so far stays. Raises UsageProblem for an unknown job or account.
        """
        flight = self._flights.get(job_id) or self._fly(job_id, to, patience, background=False)
        flight.waiters += 1
        if flight.wake is not None:
            flight.wake.set()
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            if flight.task.cancelled() and not _being_cancelled():
                return await self._stopped(job_id)
            if flight.waiters == 1 and not flight.background:
                flight.task.cancel()
                await asyncio.wait({flight.task})
            raise
        finally:
            flight.waiters -= 1

    def start(self, job_id: str, *, who: str = "operator") -> None:
        """Save the job's report in the background; the ledger tells how it ends. Twice is once.

        One that ends without an answer of vendor or storage rests and is tried again, at once when it is
        started anew. `who` asked for it, for the history.
        """
        flight = self._flights.get(job_id)
        if flight is None:
            self._fly(job_id, None, 60.0, background=True, who=who)
            return
        flight.background = True
        if flight.wake is not None:
            flight.wake.set()

    async def recover(self) -> list[str]:
        """Go on with downloads whose process died. Returns their job ids."""
        found = []
        for job in await self._ledger.fetching():
            if await self._orphaned(job):
                self.start(job.id, who="reportdash")
                found.append(job.id)
        return found

    async def stop(self) -> None:
        """End all downloads; parts stay and are gone on with the next time."""
        tasks = {flight.task for flight in self._flights.values()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=10.0)
        self._disk.stop()
        if self._ringing is not None:
            self._ringing.cancel()
            self._ringing = None

    # flights

    def _fly(
        self, job_id: str, to: Path | None, patience: float, *, background: bool, who: str = "operator"
    ) -> _Flight:
        task = asyncio.ensure_future(self._run(job_id, to, patience))
        flight = _Flight(task, background, who)
        self._flights[job_id] = flight
        self._disk.begin()
        task.add_done_callback(lambda done: self._landed(job_id, done))
        self._moved()
        return flight

    def _landed(self, job_id: str, task: asyncio.Task[Outcome]) -> None:
        flight = self._flights.pop(job_id, None)
        self._full.pop(job_id, None)
        self._moved()
        error = None if task.cancelled() else task.exception()
        if error is not None and flight is not None and flight.background:
            # Its words may quote anything; the kind is enough to look for.
            _log.error("download of %s ended unexpectedly: %s", job_id, type(error).__name__)

    def _moved(self) -> None:
        self.rev += 1
        if self._listeners and self._ringing is None:
            loop = asyncio.get_running_loop()
            self._ringing = loop.call_later(REPAINT_SECONDS, self._ring)

    def _ring(self) -> None:
        self._ringing = None
        for listener in list(self._listeners):
            listener()

    # one flight

    async def _run(self, job_id: str, to: Path | None, patience: float) -> Outcome:
        job = await self._ledger.job(job_id)
        if job is None:
            raise UsageProblem(f"there is no job {clean(job_id, 40)}; `reportdash jobs` lists them")
        seat = self._seat_of(job.account)
        folder = _absolute(to or self._folder)
        if await self.is_intact(job):
            return Outcome(job, Exit.OK, f"already saved, {size_text(_bytes(job))}")
        refusal = refused(job, seat.vendor)
        if refusal is not None:
            return refusal
        saver = Saver(
            self._ledger,
            seat,
            folder,
            self._clock,
            self._owner,
            limits=self._limits,
            resolver=self._resolver,
            patience=patience,
            endless=lambda: self._flights[job_id].background,
            report=lambda count, total: self._report(job_id, count, total),
            waits=lambda sentence: self._wait_shown(job_id, sentence),
            stumbles=lambda trouble: self._stumbled(job_id, trouble),
            who=self._flights[job_id].who,
        )
        while True:
            async with self._turns.turn(job_id, job.account):
                outcome = await (saver.save_group(job) if job.is_group else saver.save(job))
            if not await self._rest(job_id, outcome):
                return outcome
            job = await self._ledger.job(job_id) or job
            refusal = refused(job, seat.vendor)
            if refusal is not None or job.forgotten_at is not None:
                return refusal or outcome

    async def _rest(self, job_id: str, outcome: Outcome) -> bool:
        """Where nobody waits, and nobody answered or the folder is away: rest, without a place among those
        that run, then True.
        """
        flight = self._flights[job_id]
        if not outcome.passing or not flight.background or flight.waiters:
            return False
        flight.given_up += 1
        flight.bytes = _bytes(outcome.job)
        flight.trouble = Trouble(outcome.text, flight.given_up, self._clock.now() + RETRY)
        flight.wake = asyncio.Event()
        self._moved()
        try:
            await pause(self._clock, flight.wake, RETRY)
        finally:
            flight.wake = None
        return True

    def _report(self, job_id: str, count: int, total: int | None) -> None:
        flight = self._flights.get(job_id)
        if flight is not None:
            if count != flight.bytes:
                flight.trouble = None
            flight.bytes, flight.total = count, total
            self._moved()

    def _stumbled(self, job_id: str, trouble: Trouble) -> None:
        flight = self._flights.get(job_id)
        if flight is not None:
            flight.trouble = trouble
            self._moved()

    def _wait_shown(self, job_id: str, sentence: str | None) -> None:
        if sentence is None:
            self._full.pop(job_id, None)
        else:
            self._full[job_id] = sentence
        self._moved()

    async def _orphaned(self, job: Job) -> bool:
        artifact = job.artifact
        if artifact is None or artifact.state is not ArtifactState.FETCHING or job.id in self._flights:
            return False
        return artifact.owner is None or not await self._ledger.owner_alive(artifact.owner)

    async def _stopped(self, job_id: str) -> Outcome:
        job = await self._ledger.job(job_id)
        assert job is not None
        return Outcome(job, Exit.FAILED, "stopped; what came so far is kept and gone on with")


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _bytes(job: Job) -> int:
    return job.artifact.bytes if job.artifact is not None else 0
