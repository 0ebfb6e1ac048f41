"""The ledger for the event loop: every call runs in the ledger's own thread, none blocks the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reportdash.clock import Clock
from reportdash.errors import Problem
from reportdash.ledger.owner import this_process
from reportdash.ledger.problems import DamagedLedger, ReplacedLedger, mute
from reportdash.ledger.reads import Changes, Known
from reportdash.ledger.store import Store
from reportdash.ledger.thread import LedgerThread
from reportdash.model import Account, Event, Exchange, Fence, Job, JobState, LastError

if TYPE_CHECKING:
    from reportdash.ledger.rescue import Rescue


class Ledger:
    """One ledger, opened by one process. `owner` names this process in leases and intents."""

    store: Store

    def __init__(self, path: Path, *, clock: Clock, owner: str | None = None) -> None:
        self.path = path
        self.owner = owner or this_process()
        self.rescued: Rescue | None = None
        self.full: str | None = None
        """The sentence while the disk has no room for a change."""
        self.mute: str | None = None
        """The sentence while the file does not answer: its disk hangs, or another process holds it."""
        self.on_trouble: Callable[[], None] = lambda: None
        """Called when one of both begins or ends."""
        self._damage: DamagedLedger | None = None
        self._clock = clock
        self._rev = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self._thread = LedgerThread(
            lambda: Store.open(path, clock=clock, owner=self.owner, breathe=True),
            self._committed,
            self._damaged,
            self._room,
            self._muted,
        )

    @classmethod
    async def open(
        cls, path: Path, *, clock: Clock, owner: str | None = None, rescue: bool = False
    ) -> Ledger:
        """Raises Problem: unwritable folder, newer schema, damaged, not a ledger.

        `rescue`: a damaged one is set aside and its jobs brought back (`rescued` tells), instead.
        """
        if not rescue:
            return await cls._open(path, clock, owner)
        from reportdash.ledger import rescue as safety

        rescued = None
        if not await asyncio.to_thread(safety.sound, path):
            rescued = await asyncio.to_thread(safety.rescue, path, clock)
        try:
            ledger = await cls._open(path, clock, owner)
        except DamagedLedger:
            rescued = await asyncio.to_thread(safety.rescue, path, clock)
            ledger = await cls._open(path, clock, owner)
        ledger.rescued = rescued
        return ledger

    @classmethod
    async def _open(cls, path: Path, clock: Clock, owner: str | None) -> Ledger:
        ledger = cls(path, clock=clock, owner=owner)
        ledger.store = await ledger._thread.start()
        ledger._rev = await ledger._thread.read(ledger.store.rev)
        # Not waited for: on a full disk, or while another process writes, the table is shown all the same.
        beat = ledger._thread.write(ledger.store.leases.beat, durable=False)
        beat.add_done_callback(lambda done: done.cancelled() or done.exception())
        return ledger

    async def close(self) -> None:
        """Commit what waits, give back this owner's leases, close the file."""
        with suppress(Problem):  # leases that could not be given back run out by themselves
            await self._thread.stop(self.store.leases.release_all)

    # Reading.

    async def flush(self) -> None:
        """Commit at once what waits for its batch, and return when it is done."""
        await self._thread.write(lambda: None, durable=True)

    async def rev(self) -> int:
        """The rev of the newest write."""
        return await self._thread.read(self.store.rev)

    async def jobs(self, limit: int | None = None) -> list[Job]:
        """Not forgotten; newest submitted first; children after their parent in ordinal order."""
        return await self._thread.read(lambda: self.store.jobs(limit))

    async def job(self, job_id: str) -> Job | None:
        """By exact id; a forgotten one too."""
        return await self._thread.read(lambda: self.store.job(job_id))

    async def find(self, text: str) -> Job:
        """By exact id, unambiguous prefix or PARENT.n. Raises UsageProblem."""
        return await self._thread.read(lambda: self.store.find(text))

    async def by_reference(self, account: str, reference: str) -> Job | None:
        """The job with this reference, if it is not forgotten."""
        return await self._thread.read(lambda: self.store.by_reference(account, reference))

    async def children(self, parent: str) -> list[Job]:
        return await self._thread.read(lambda: self.store.children(parent))

    async def accounts(self) -> list[Account]:
        return await self._thread.read(self.store.accounts)

    async def account(self, name: str) -> Account:
        """Raises KeyError."""
        return await self._thread.read(lambda: self.store.account(name))

    async def changed_since(self, rev: int) -> Changes:
        """All jobs and accounts written after `rev`. Raises DamagedLedger for ever once the file is no longer
        what it was: whoever follows opens it anew, and it is set aside and its jobs brought back.
        """
        if self._damage is not None:
            raise self._damage
        return await self._thread.read(lambda: self.store.changed_since(rev))

    async def history(self, job_id: str) -> list[Event]:
        """Oldest first."""
        return await self._thread.read(lambda: self.store.history(job_id))

    async def states_at(self, moment: float) -> dict[str, JobState | None]:
        """Jobs with something in their history after `moment`, and their states then; None: not known."""
        return await self._thread.read(lambda: self.store.states_at(moment))

    async def exchanges(self, job_id: str) -> list[Exchange]:
        """The newest 20, oldest first."""
        return await self._thread.read(lambda: self.store.exchanges(job_id))

    async def last_error(self, job_id: str) -> LastError | None:
        return await self._thread.read(lambda: self.store.last_error(job_id))

    async def due(self, account: str, now: float, limit: int = 100) -> list[Job]:
        """Jobs to look at by `now`, the longest due first."""
        return await self._thread.read(lambda: self.store.due(account, now, limit))

    async def next_due(self, account: str) -> float | None:
        return await self._thread.read(lambda: self.store.next_due(account))

    async def known(self, account: str) -> dict[str, Known | None]:
        """Reference → what is known of it here, of every row but children; None for a forgotten one."""
        return await self._thread.read(lambda: self.store.known(account))

    async def durations(self, account: str, each: int = 50) -> list[tuple[str, tuple[float, float]]]:
        """(report, span of seconds from the submit in which it ended) of our own jobs, newest first."""
        return await self._thread.read(lambda: self.store.durations(account, each))

    async def outlived(
        self, now: float, limit: int = 100, accounts: Collection[str] | None = None
    ) -> list[Job]:
        """Settled jobs (of these accounts) whose result's life has ended by `now`, the earliest first."""
        return await self._thread.read(lambda: self.store.outlived(now, limit, accounts))

    async def fetching(self) -> list[Job]:
        """Jobs of which some process is, or was when it died, downloading the report; no children."""
        return await self._thread.read(self.store.fetching)

    async def unfetched(self) -> list[Job]:
        """Jobs whose report is ready, and whose download has not begun, or failed; no children."""
        return await self._thread.read(self.store.unfetched)

    async def open_intents(self, account: str | None = None) -> list[Job]:
        """Jobs with an intent, the oldest intent first."""
        return await self._thread.read(lambda: self.store.open_intents(account))

    async def slots_used(self, account: str) -> int:
        """Jobs at the vendor that hold a slot, and submits of any process that are or may be under way."""
        return await self._thread.read(lambda: self.store.slots_used(account))

    # Writing.

    async def add(self, job: Job, *, who: str = "operator", what: str = "tracked") -> tuple[Job, bool]:
        """A new row, durable. A known (account, reference) is not added: (that job, False)."""
        return await self._thread.write(lambda: self.store.verbs.add(job, who=who, what=what), durable=True)

    async def add_many(self, jobs: Sequence[Job]) -> int:
        """Many new rows in one transaction, without history; ids and references must differ already."""
        return await self._thread.write(lambda: self.store.verbs.add_many(jobs), durable=True)

    def change(
        self,
        job_id: str,
        fn: Callable[[Job], Job | None],
        *,
        fence: Fence | None = None,
        who: str = "reportdash",
        what: str | None = None,
        durable: bool = False,
        error: LastError | None = None,
        clear_error: bool = False,
        exchanges: Sequence[Exchange] = (),
    ) -> asyncio.Future[Job]:
        """Run `fn` on the fresh row inside the write transaction; None from it changes nothing.

        `fn` runs in the ledger's thread, perhaps twice: it must be pure. The future has the job when it is
        committed; durable: alone and synced. It is asked for at once, awaited or not.
        Raises LeaseLost, KeyError, Problem (disk full), and what `fn` raises. See `Verbs.change`.
        """
        return self._thread.write(
            partial(
                self.store.verbs.change,
                job_id,
                fn,
                fence=fence,
                who=who,
                what=what,
                error=error,
                clear_error=clear_error,
                exchanges=exchanges,
            ),
            durable=durable,
            job_id=job_id,
        )

    def change_group(
        self,
        parent_id: str,
        fn: Callable[[Job, list[Job]], tuple[Job, list[Job]]],
        *,
        fence: Fence | None = None,
        who: str = "reportdash",
        what: str | None = None,
        durable: bool = False,
        error: LastError | None = None,
        clear_error: bool = False,
        exchanges: Sequence[Exchange] = (),
    ) -> asyncio.Future[Job]:
        """As `change`, for a group and its children (matched by ordinal). Returns the parent."""
        return self._thread.write(
            partial(
                self.store.verbs.change_group,
                parent_id,
                fn,
                fence=fence,
                who=who,
                what=what,
                error=error,
                clear_error=clear_error,
                exchanges=exchanges,
            ),
            durable=durable,
            job_id=parent_id,
        )

    async def change_account(
        self,
        name: str,
        fn: Callable[[Account], Account | None],
        *,
        fence: Fence | None = None,
        durable: bool = False,
        who: str = "reportdash",
        what: str = "",
    ) -> Account:
        """Run `fn` on the fresh account; the lease in it is not `fn`'s to change. LeaseLost, KeyError.

        `what`: a line of history of its jobs at work. See `Verbs.change_account`.
        """
        return await self._thread.write(
            lambda: self.store.verbs.change_account(name, fn, fence=fence, who=who, what=what),
            durable=durable,
        )

    async def ensure_accounts(self, names: Mapping[str, str]) -> None:
        """Account name → vendor."""
        await self._thread.write(lambda: self.store.verbs.ensure_accounts(names), durable=True)

    async def record(self, job_id: str, exchange: Exchange) -> None:
        """Keep an exchange (newest 20 a job), in the next batch."""
        await self._thread.write(
            lambda: self.store.verbs.record(job_id, exchange), durable=False, job_id=job_id
        )

    async def forget(
        self,
        job_id: str,
        *,
        judged: Sequence[Job] | None = None,
        who: str = "operator",
        what: str = "forgotten",
    ) -> Job:
        """From the table, with its children; a tombstone stays. Durable. `judged`: see `Verbs.forget`."""
        return await self._thread.write(
            lambda: self.store.verbs.forget(job_id, judged=judged, who=who, what=what), durable=True
        )

    async def prune(self, before: float) -> int:
        """Take settled rows older than `before` away; see `Verbs.prune`."""
        return await self._thread.write(lambda: self.store.verbs.prune(before), durable=True)

    async def check(self) -> None:
        """Read the whole file, in a thread and on a connection of its own. Raises DamagedLedger."""
        from reportdash.ledger import rescue

        await asyncio.to_thread(rescue.check, self.path)

    async def back_up(self, older_than: float = 86_400.0) -> bool:
        """Make a backup unless there is one younger than `older_than` seconds; whether one was made.

        In a thread and on a connection of its own. Raises Problem, OSError; the old backup then stays.
        """
        from reportdash.ledger import rescue

        return await asyncio.to_thread(rescue.back_up, self.path, self._clock.now() - older_than)

    # Leases.

    async def take_lease(self, account: str, seconds: float = 30.0) -> Fence | None:
        """The right to poll the account; None while another live owner holds it."""
        return await self._thread.write(lambda: self.store.leases.take(account, seconds), durable=True)

    async def held_elsewhere(self, account: str) -> bool:
        """Whether another live process has the right to poll the account. Raises KeyError."""
        return await self._thread.read(lambda: self.store.leases.held_elsewhere(account))

    async def renew(self, fence: Fence, seconds: float = 30.0) -> None:
        """Raises LeaseLost."""
        await self._thread.write(lambda: self.store.leases.renew(fence, seconds), durable=False)

    async def release(self, fence: Fence) -> None:
        await self._thread.write(lambda: self.store.leases.release(fence), durable=True)

    async def owner_alive(self, owner: str) -> bool:
        """On this host by pid and start time, elsewhere by a heartbeat younger than 60 s."""
        now = self._clock.now()
        return await self._thread.read(lambda: self.store.owner_alive(owner, now))

    # Learning of changes.

    async def wait(self, rev: int, timeout: float) -> bool:
        """Whether there is a write newer than `rev`, at the latest after `timeout` seconds.

        True as well when the file was found damaged or replaced: `changed_since` says so.
        """
        if self._rev > rev or self._damage is not None:
            return True
        # A cancelled timer keeps its context until its time: not ours, which knows the dialog that waits.
        sleeper = asyncio.create_task(self._clock.sleep(timeout), context=Context())
        try:
            while self._rev <= rev and self._damage is None and not sleeper.done():
                woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiters.add(woken)
                try:
                    await asyncio.wait({woken, sleeper}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    self._waiters.discard(woken)
        finally:
            sleeper.cancel()
        return self._rev > rev or self._damage is not None

    @property
    def networked(self) -> str:
        """The kind of the network file system the ledger lies on; empty: none."""
        return self.store.networked

    async def rescued_at(self) -> float | None:
        """When a damaged ledger was last replaced by this one."""
        return await self._thread.read(self.store.rescued_at)

    def _damaged(self, problem: DamagedLedger) -> None:
        if not isinstance(problem, ReplacedLedger):
            from reportdash.ledger import rescue

            rescue.suspect(self.path)
        self._damage = problem
        self._wake()

    def _room(self, full: str | None) -> None:
        self.full = full
        self.on_trouble()

    def _muted(self, muted: bool) -> None:
        self.mute = mute(self.path) if muted else None
        self.on_trouble()

    def _committed(self, rev: int) -> None:
        self._rev = max(self._rev, rev)
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
