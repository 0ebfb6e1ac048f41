"""What keeps the board true: opens the engine after the first paint, then follows the ledger.

Data is flushed at most ten times a second; a minute's tick brings the ages on; downloads are looked at only
while some run. Everything here runs on the screen's loop and waits on the ledger's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from reportdash.board.facts import Fetch
from reportdash.board.states import Kind, Role
from reportdash.board.units import byte_rate
from reportdash.clock import pause
from reportdash.errors import Problem, UsageProblem
from reportdash.ledger.problems import DamagedLedger, ReplacedLedger
from reportdash.model import Job, replace
from reportdash.tui import collector
from reportdash.tui.reading import Reading
from reportdash.tui.returning import Returning
from reportdash.tui.stores import Stores
from reportdash.tui.trouble import MUTE, Trouble, trouble
from reportdash.tui.turns import give_way
from reportdash.tui.widgets.accounts import Slots
from reportdash.tui.widgets.header import NOT_POLLING, Mode

if TYPE_CHECKING:
    from reportdash.ledger.reads import Changes
    from reportdash.tui.app import Dashboard
    from reportdash.tui.below import ProgressPort
    from reportdash.tui.ports import EnginePort, OpenEngine

FLUSH = 0.1
"""Seconds between two flushes of data, at least."""
PROGRESS = 0.5
"""Seconds between two looks at running downloads."""
RATE = 10.0
"""Seconds between two figures of the requests, and of the bytes sent."""
CONFIG = 2.0
"""Seconds between two looks for a config on the first run."""
STUMBLE = 1.0
"""Seconds after a ledger that could not be read."""
OPEN_AGAIN = 5.0
"""Seconds between two tries to open a ledger that has no room or is locked."""
DAMAGED = "the ledger is damaged: it is set aside and opened anew"
REPLACED = "the ledger was damaged; another process has set it aside: it was opened anew"
MANY = 1000
"""Changes at once that are taken in by slices: the rest of a large ledger after the first paint."""


def _fetch(progress: ProgressPort) -> Fetch:
    """A download as a row shows it."""
    trouble = progress.trouble
    if trouble is None:
        return Fetch(progress.bytes, progress.total, progress.place)
    more = (trouble.text, trouble.tries, trouble.again_at)
    return Fetch(progress.bytes, progress.total, progress.place, *more)


class Live:
    """The tasks behind the board."""

    def __init__(self, app: Dashboard, open_engine: OpenEngine | None, rev: int) -> None:
        self.app = app
        self.board = app.board
        self.clock = app.clock
        self.engine: EnginePort | None = None
        self.problem = ""
        self.rev = rev
        self._open = open_engine
        self._open_engine = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._trouble: Trouble | None = None
        self._anew = False
        self._downloads = asyncio.Event()
        self.reading = Reading(app)
        self.returning = Returning(app)
        self.stores = Stores(app)
        self._again = asyncio.Event()
        self._new: dict[str, Any] = {}

    def start(self) -> None:
        """After the first paint."""
        self.board.on_cursor = self.reading.details
        self._spawn(self._minutes())
        self._spawn(self._learn())
        if self.board.look.show_bytes:
            self._spawn(self._bytes())
        if self._open is not None:
            self._spawn(self._run(self._open))
        else:
            collector.start()

    async def stop(self) -> None:
        """End every task, then the engine."""
        tasks = [*self._tasks, *self.reading.tasks(), *self.returning.tasks()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.engine = None
        await self._open_engine.aclose()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A task that dies silently would leave a board that looks alive and is not.
            self.app.fail(error)

    # The engine.

    async def _run(self, open_engine: OpenEngine) -> None:
        while (engine := await self._opened(open_engine)) is not None:
            self.engine = engine
            try:
                await self._join(engine)
            except Problem as problem:
                # The ledger does not take it now; at the next start it will.
                self.board.say(problem.text, role=Role.WARN)
            self.board.configured = True
            self._meet(engine)
            beside = (
                self._spawn(self._progress(engine)),
                self._spawn(self._rates(engine)),
                self._spawn(self.stores.follow(engine)),
            )
            found = await self._follow(engine)
            for task in beside:
                task.cancel()
            words = REPLACED if isinstance(found, ReplacedLedger) else DAMAGED
            self.board.say(words, role=Role.WARN)
            self.engine, self._anew, self.rev = None, True, 0
            await self._open_engine.aclose()

    async def _opened(self, open_engine: OpenEngine) -> EnginePort | None:
        """The engine, as soon as there is one to open; None where an operator has to do something first."""
        while True:
            try:
                engine: EnginePort | None = await self._open_engine.enter_async_context(open_engine())
            except Problem as problem:
                collector.ensure()
                if problem.text != self.problem:
                    self.problem = problem.text
                    self.board.mode = NOT_POLLING
                    self.board.say(problem.text)
                    self.board.show_frame()
                if isinstance(problem, UsageProblem):
                    return None
                await self.clock.sleep(OPEN_AGAIN)  # no room, or a lock that somebody holds for long
                continue
            self.problem = ""
            if engine is not None:
                return engine
            collector.ensure()
            await self._open_engine.aclose()
            self.board.configured = False
            self.board.rearrange()
            self.board.show_frame()
            await self._look_later()

    async def _look_later(self) -> None:
        """Until it is time to look for a config again, or somebody says that there is one."""
        await pause(self.clock, self._again, CONFIG)
        self._again.clear()

    async def add_account(self, name: str, settings: Any) -> None:
        """An account that the config has got just now: into the engine, or into the one that is opened next.

        Raises Problem when the ledger does not take it.
        """
        self._new[name] = settings
        if self.engine is not None:
            await self._join(self.engine)
        else:
            # Ticked at once; whether there really is one is found out by the look.
            self.board.configured = True
            self.board.show_all()
            self._again.set()

    async def _join(self, engine: EnginePort) -> None:
        while self._new:
            name, settings = self._new.popitem()
            # The config may have been read before it was written.
            if name not in engine.accounts:
                await engine.join(name, settings)
                vendor = engine.accounts[name].vendor
                self.board.titles[vendor.name] = vendor.title

    def _meet(self, engine: EnginePort) -> None:
        """What only the engine knows: vendors' names, which of them hand out files, who polls."""
        for seat in engine.accounts.values():
            self.board.titles[seat.vendor.name] = seat.vendor.title
        self.board.left_out = tuple(engine.settings.left_out)
        if not engine.read_only:
            # Of the whole dashboard the word stands in line 1.
            self.board.read_only = [n for n, seat in engine.accounts.items() if seat.settings.read_only]
        self.board.view.records.savable = self._savable
        self.app.attention.allow(bell=engine.settings.bell, title=engine.settings.title)
        # Only now is it known which results no vendor hands out: those ask for nothing.
        records = self.board.view.records
        ready = [records.job(slot) for slot, kind in enumerate(records.kinds) if kind == Kind.SAVE]
        self.board.intake.take([job for job in ready if not self._savable(job)], ())
        self.app.attention.tell(False, self.board.view.counts())
        self._warn()
        engine.ledger.on_trouble = lambda: self._mode(engine)
        self._mode(engine)
        self.board.rearrange()
        self.board.detail.on_files = self.reading.files
        self.board.show_all()
        self.reading.details(self.board.view.cursor_job)
        if self.board.look.memory.looked_at:
            self.returning.tell(self.board.look.memory.looked_at)

    def _savable(self, job: Job) -> bool:
        """Whether the vendor hands out a file of this job, as far as its seat knows."""
        seat = self.engine.accounts.get(job.account) if self.engine is not None else None
        if seat is None:
            return True
        from reportdash.vendors.contract import Action

        return bool(seat.vendor.can(Action.DOWNLOAD, job))

    async def _follow(self, engine: EnginePort) -> DamagedLedger:
        """Until the ledger has to be opened anew: why."""
        while True:
            try:
                await self._flush(engine)
            except DamagedLedger as problem:
                collector.ensure()
                return problem
            except (Problem, OSError) as error:
                collector.ensure()
                # A full disk or a long lock: the rows stay, and it is tried again.
                self.board.say(str(error), role=Role.WARN)
                await asyncio.sleep(STUMBLE)

    async def _flush(self, engine: EnginePort) -> None:
        """Take in what changed, then wait for the next change."""
        ledger, first = engine.ledger, True
        while True:
            changes = await ledger.changed_since(self.rev)
            self.rev = max(self.rev, changes.rev)
            if self._anew:
                changes.jobs.extend(self._gone(changes))
                self._anew = False
            if len(changes.jobs) > MANY:
                collector.pause()
                try:
                    await self.board.intake.flood(changes.jobs, changes.accounts)
                finally:
                    collector.start()
                await self._count_slots(engine, changes)
                self._warn()
            elif changes.jobs or changes.accounts:
                await self.take(changes)
                await self._count_slots(engine, changes)
                del changes
                collector.tidy()
            if first:
                # All that is heavy is imported, and the rows are in.
                collector.start()
                first = False
                await asyncio.to_thread(collector.give_back)
            self._mode(engine)
            await asyncio.sleep(FLUSH)
            while not await ledger.wait(self.rev, timeout=30.0):
                self._mode(engine)

    def _gone(self, changes: Changes) -> list[Job]:
        """Rows on the board that the ledger, opened anew, has no more."""
        there, now = {job.id for job in changes.jobs}, self.clock.now()
        shown = self.board.view.records.jobs
        return [replace(job, forgotten_at=now) for job in shown if job is not None and job.id not in there]

    async def take(self, changes: Changes) -> None:
        """One flush of changes."""
        known = self.board.view.records.accounts
        paused = {
            account.name
            for account in changes.accounts
            if account.name in known and known[account.name].paused is not account.paused
        }
        self.stores.heed(changes.accounts)
        ready = self.app.attention.arrivals(changes.jobs)
        await self.board.intake.take_many(changes.jobs, changes.accounts)
        self.app.attention.tell(ready, self.board.view.counts())
        self._warn()
        job = self.board.view.cursor_job
        # A pause of its account is a line of its history as well.
        if job is not None and (
            any(changed.id == job.id for changed in changes.jobs) or job.account in paused
        ):
            self.reading.details(job)
        if any(job.artifact is not None for job in changes.jobs):
            self._downloads.set()
        self.returning.keep_true()

    def _warn(self) -> None:
        """Say once of each report that it is not saved and its time runs out."""
        notice = self.app.attention.expiring(self.clock.now(), self.board.look.keymap.named("download"))
        if notice:
            self.board.say(*notice)

    def hangs(self) -> None:
        """The ledger does not even open."""
        self._tell(MUTE)
        self.board.mode = MUTE.mode
        self.board.show_frame()

    def _mode(self, engine: EnginePort) -> None:
        found = trouble(engine)
        self._tell(found)
        if found is not None:
            mode = found.mode
        elif engine.read_only:
            mode = Mode("read-only")
        elif not engine.accounts or engine.polled_here():
            mode = Mode("live")
        else:
            mode = Mode("viewing")
        if mode != self.board.mode:
            self.board.mode = mode
            self.board.show_frame()

    def _tell(self, found: Trouble | None) -> None:
        over, self._trouble = self._trouble, found
        if found is not None and found != over:
            self.board.say(found.words, role=Role.WARN)
        elif found is None and over is not None and over.after:
            self.board.say(over.after)

    async def _count_slots(self, engine: EnginePort, changes: Changes) -> None:
        names = {job.account for job in changes.jobs} | {account.name for account in changes.accounts}
        found = dict(self.board.slots)
        for name in names:
            seat = engine.accounts.get(name)
            limit = seat.slots if seat is not None else None
            if limit is not None:
                found[name] = Slots(await engine.ledger.slots_used(name), limit)
        if found != self.board.slots:
            self.board.slots = found
            self.board.show_frame()

    # Time.

    async def _minutes(self) -> None:
        waits = False
        while True:
            now = self.clock.now()
            await self.clock.sleep(60.0 - now % 60.0 + 0.05)
            self.board.intake.tick()
            self._warn()
            # Somebody is at the keys: not now, but not for ever either.
            waits = self.board.intake.holds and not waits
            if not waits:
                collector.look_through()
            if self.engine is not None:
                await self.app.remembering.keep()

    async def _learn(self) -> None:
        """How long reports usually take, from those that are finished; beside the keys."""
        for _ in self.board.view.records.learn():
            await give_way()
        self.board.show_all()

    async def _rates(self, engine: EnginePort) -> None:
        while True:
            if self.board.look.show_changes:
                rate = f"{engine.changes_per_second():.0f} changes/s"
            else:
                rate = f"{engine.requests_per_minute()} req/min"
            if rate != self.board.rate:
                self.board.rate = rate
                self.board.show_frame()
            await asyncio.sleep(RATE)

    async def _bytes(self) -> None:
        """How much goes to the terminal; the figure is coarse, so that it costs next to nothing itself."""
        before = self.app.bytes_sent
        while True:
            await self.clock.sleep(RATE)
            sent = self.app.bytes_sent
            # As wide whatever it says, so that nothing else moves.
            said = byte_rate((sent - before) / RATE).rjust(9)
            before = sent
            if said != self.board.sent:
                self.board.sent = said
                self.board.show_frame()

    async def _progress(self, engine: EnginePort) -> None:
        """While downloads run, their bars."""
        while True:
            running = {job_id: _fetch(progress) for job_id, progress in engine.downloads.progress().items()}
            self.board.intake.fetches(running)
            self._mode(engine)
            if running:
                await asyncio.sleep(PROGRESS)
            else:
                self._downloads.clear()
                await self._downloads.wait()

    def downloads_started(self) -> None:
        """A download was just set going here."""
        self._downloads.set()
