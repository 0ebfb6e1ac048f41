"""All accounts' workers of one process, and the one task that tells them what changed in the ledger."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from reportdash import lifecycle
from reportdash.engine.core import Core, tell_if_broken
from reportdash.engine.download import Downloads
from reportdash.engine.seat import Seat
from reportdash.engine.worker import STUMBLE, Worker
from reportdash.errors import Problem
from reportdash.ledger import Changes
from reportdash.model import ArtifactState, Fence, Job, JobState
from reportdash.vendors.contract import Action

log = logging.getLogger(__name__)

LOOK = 5.0
"""Seconds after which the ledger is asked again although nobody said that it changed."""
EXPIRE_EVERY = 60.0
BATCH = 500
PRUNE_EVERY = 6 * 3600.0
DAY = 86_400.0
RATE_WINDOW = 60.0
_FETCHED = frozenset({JobState.READY, JobState.READY_WITH_WARNINGS})


class Poller:
    """Starts and stops workers; wakes them when the ledger changes, whoever changed it.

    `wanted` says which ready jobs are downloaded by themselves beside those of `auto_download` accounts.
    """

    def __init__(
        self,
        core: Core,
        seats: Mapping[str, Seat],
        downloads: Downloads,
        make_worker: Callable[[Seat], Worker],
        *,
        keep_days: int,
        wanted: Callable[[Job], bool] | None,
    ) -> None:
        self._core = core
        self._seats = seats
        self._downloads = downloads
        self._make_worker = make_worker
        self._keep_days = keep_days
        self._wanted = wanted
        self._workers: dict[str, Worker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._watch: list[asyncio.Task[None]] = []
        self._changed: deque[tuple[float, int]] = deque()
        self._last_updated: dict[str, float | None] = {}
        self._offered: set[str] = set()  # jobs whose download was started by itself once
        self._passed_over: dict[str, str] = {}  # job → account: another process was to save it by itself
        self._told: int | None = None

    def start(self, accounts: Iterable[str] | None = None) -> None:
        """Poll these accounts (all, by default); those that are polled already go on."""
        for name in self._seats if accounts is None else accounts:
            if name not in self._tasks:
                worker = self._workers[name] = self._make_worker(self._seats[name])
                self._tasks[name] = self._run(worker.run())
        if not self._watch:
            self._watch = [self._run(self._follow()), self._run(self._housekeep())]

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        task.add_done_callback(tell_if_broken)
        return task

    @property
    def running(self) -> bool:
        """Whether accounts are polled, or followed."""
        return bool(self._watch)

    async def stop(self) -> None:
        """End every worker; leases are given back."""
        tasks = [*self._watch, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.5)
        self._watch, self._tasks, self._workers = [], {}, {}

    def leading(self) -> set[str]:
        """Accounts whose lease this process holds."""
        return {name for name, worker in self._workers.items() if worker.leads}

    def fence(self, account: str) -> Fence | None:
        worker = self._workers.get(account)
        return worker.fence if worker is not None else None

    def refused(self) -> dict[str, str]:
        """Accounts this process would poll but has no working credential for → why."""
        return {name: worker.refusal for name, worker in self._workers.items() if worker.refusal is not None}

    def told(self, rev: int) -> bool:
        """Whether every change up to `rev` has been looked at: what it starts by itself is under way."""
        return self._told is not None and self._told >= rev

    def wake(self, account: str) -> None:
        worker = self._workers.get(account)
        if worker is not None:
            worker.wake.set()

    def changes_per_second(self) -> float:
        """Job rows visibly changed, by whomever, as a mean over the last minute (or since the start)."""
        now = self._core.clock.monotonic()
        self._forget_old(now)
        if not self._changed:
            return 0.0
        span = max(now - self._changed[0][0], 1.0)
        return sum(count for _, count in self._changed) / span

    def _forget_old(self, now: float) -> None:
        while self._changed and now - self._changed[0][0] > RATE_WINDOW:
            self._changed.popleft()

    # learning of changes

    async def _follow(self) -> None:
        ledger = self._core.ledger
        rev: int | None = None
        while True:
            try:
                if rev is None:
                    now = await ledger.rev()
                    await self._catch_up()
                    self._told = rev = now
                await ledger.wait(rev, LOOK)
                changes = await ledger.changed_since(rev)
                rev = changes.rev
                self._tell(changes)
                await self._take_over()
                self._told = rev
            except Exception as error:  # the ledger is out of reach for a moment: a full disk, a lock
                if not isinstance(error, (Problem, OSError)):
                    log.exception("following the ledger stumbled")
                await self._core.clock.sleep(STUMBLE)

    def _tell(self, changes: Changes) -> None:
        # `updated_at` moves only with what an operator can see, not with every look.
        seen = [job for job in changes.jobs if self._last_updated.get(job.id) != job.updated_at]
        if seen:
            self._last_updated.update((job.id, job.updated_at) for job in seen)
            now = self._core.clock.monotonic()
            self._changed.append((now, len(seen)))
            self._forget_old(now)
        for job in changes.jobs:
            if job.forgotten_at is not None:
                self._last_updated.pop(job.id, None)
            worker = self._workers.get(job.account)
            if worker is not None:
                # An intent came, moved on or ended, or a slot came free.
                if job.intent is not None or job.settled:
                    worker.intents_changed = True
                worker.wake.set()
            self._offer(job)
        for account in changes.accounts:
            self.wake(account.name)

    async def _catch_up(self) -> None:
        """Downloads whose process died, and ready jobs that nobody has fetched while no process ran."""
        await self._downloads.recover()
        if self._wanted is None and not any(seat.settings.auto_download for seat in self._seats.values()):
            return
        for job in await self._core.ledger.unfetched():
            self._offer(job, waited=True)

    def _offer(self, job: Job, *, waited: bool = False) -> None:
        """Download a report that became ready, once, if that is wanted and nobody is at it.

        Of an `auto_download` account: whoever polls it; what `waited` since before, whoever finds it, and
        so what could not be saved then: nobody may be there to ask for it before it is gone.
        """
        if job.state not in _FETCHED or job.parent is not None or job.forgotten_at is not None:
            self._offered.discard(job.id)
            self._passed_over.pop(job.id, None)
            return
        had = job.artifact.state if job.artifact is not None else ArtifactState.NONE
        untouched = had is ArtifactState.NONE or (waited and had is ArtifactState.FAILED)
        self._passed_over.pop(job.id, None)
        seat = self._seats.get(job.account)
        if seat is None or not untouched or job.id in self._offered:
            return
        asked_for = self._wanted is not None and self._wanted(job)
        own = seat.settings.auto_download and (waited or self.fence(job.account) is not None)
        if (asked_for or own) and seat.vendor.can(Action.DOWNLOAD, job):
            self._offered.add(job.id)
            self._downloads.start(job.id, who="reportdash")
        elif seat.settings.auto_download and not own:
            self._passed_over[job.id] = job.account

    async def _take_over(self) -> None:
        """What the last poller of an account left untouched when it ended, now that we poll it."""
        led = [job_id for job_id, account in self._passed_over.items() if self.fence(account) is not None]
        for job_id in led:
            job = await self._core.ledger.job(job_id)
            if job is not None:
                self._offer(job)
            self._passed_over.pop(job_id, None)

    # what only time brings

    async def _housekeep(self) -> None:
        clock, ledger = self._core.clock, self._core.ledger
        next_prune = clock.monotonic()
        while True:
            try:
                await self._expire()
                if clock.monotonic() >= next_prune:
                    next_prune = clock.monotonic() + PRUNE_EVERY
                    await ledger.prune(clock.now() - self._keep_days * DAY)
                    await ledger.back_up()
            except (Problem, OSError) as error:
                log.warning("housekeeping stumbled: %s", error)
            except Exception:
                log.exception("housekeeping stumbled")
            await clock.sleep(EXPIRE_EVERY)

    async def _expire(self) -> None:
        """Results whose life has ended are expired by time alone, without a request."""
        now, ledger = self._core.clock.now(), self._core.ledger
        while jobs := await ledger.outlived(now, BATCH, list(self._workers)):
            await asyncio.gather(
                *(ledger.change(job.id, lambda row: lifecycle.fold_expiry(row, now)) for job in jobs)
            )
            if len(jobs) < BATCH:
                break
