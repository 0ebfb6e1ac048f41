"""The real screen on a real engine, ledger and simulator; keys go in, requests and rows come out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from reportdash.clock import ManualClock, SystemClock
from reportdash.engine.runtime import Engine
from reportdash.ledger.problems import ReplacedLedger
from reportdash.model import Job, JobState, replace
from reportdash.simulator import Simulator
from reportdash.tui import theme
from reportdash.tui.actions import Keymap
from reportdash.tui.app import Dashboard
from reportdash.tui.ports import Look
from reportdash.tui.screens.dialog import Dialog
from tests.engine.rig import START, Rig
from tests.tui.boards import screen_text

PATIENCE = 500
"""Rounds until something that has to come true is given up."""


class ScreenClock(SystemClock):
    """The engine's time, but real pauses: what the screen waits for in between is not under test."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now()


@dataclass
class Desk:
    """A dashboard with one 7G account `main`, and the rig below it."""

    rig: Rig
    app: Dashboard
    pilot: Pilot[int]
    may_open: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether an engine that has to be opened anew can be."""

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def write(self, text: str) -> None:
        await self.press(*text)

    async def until(
        self, holds: Callable[[], Any] | Callable[[], Awaitable[Any]], *, time: bool = True
    ) -> Any:
        """Let the network answer, the engine's time pass and the screen paint, until `holds` is true."""
        for _ in range(PATIENCE):
            value = holds()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.004)
            if time:
                await self.rig.clock.advance(0.05)
            await self.pilot.pause()
        raise AssertionError(f"did not come true; the screen:\n{self.text}")

    async def ask(self, key: str) -> Dialog[Any]:
        """Press a key that opens a dialog; gives the dialog."""
        await self.press(key)
        await self.until(lambda: isinstance(self.app.screen, Dialog))
        await self.pilot.pause()
        dialog = self.app.screen
        assert isinstance(dialog, Dialog)
        return dialog

    async def shows(self, text: str) -> None:
        """Wait for these words on the screen."""
        await self.until(lambda: text in self.text)

    async def rows(self, count: int) -> None:
        """Wait until the board has told of so many jobs."""
        await self.until(lambda: len(self.app.board.view.records.slot_of) == count)
        await self.pilot.pause()

    async def row(self, job: Job) -> Job:
        return await self.rig.job(job)

    async def state(self, job: Job, state: JobState) -> None:
        async def there() -> bool:
            return (await self.rig.job(job)).state is state

        await self.until(there)

    async def on_board(self, job: Job, **fields: Any) -> None:
        """Wait until the board shows the job with these fields."""
        records = self.app.board.view.records

        def shown() -> bool:
            slot = records.slot_of.get(job.id)
            return slot is not None and all(getattr(records.job(slot), k) == v for k, v in fields.items())

        await self.until(shown)

    async def set_aside(self) -> None:
        """Another process puts a new ledger in the place of this one, with the same jobs: the engine ends."""
        self.may_open.clear()
        self.rig.ledger._damaged(ReplacedLedger("it was replaced"))
        await self.until(lambda: self.app.engine is None and self.rig.ledger._thread._ended)

    async def open_anew(self) -> None:
        """The new ledger has an engine."""
        self.may_open.set()
        await self.until(lambda: self.app.engine is not None)

    async def details_read(self) -> None:
        """Wait until the details of the job under the cursor are as the ledger has them."""

        async def read() -> bool:
            job = self.app.board.view.cursor_job
            known = self.app.board.known.get(job.id) if job is not None else None
            if job is None or known is None:
                return False
            return len(known.history) == len(await self.rig.ledger.history(job.id))

        await self.until(read, time=False)

    @property
    def asking(self) -> bool:
        """Whether a dialog is on the screen."""
        return isinstance(self.app.screen, Dialog)

    def select(self, *jobs: Job) -> None:
        self.app.board.view.selection.add(job.id for job in jobs)

    @property
    def text(self) -> str:
        return screen_text(self.app)

    @property
    def notice(self) -> str:
        return "".join(run.text for run in self.app.board.status.notice)

    @property
    def deletes(self) -> list[Any]:
        return self.rig.deletes()


Furnish = Callable[[Rig], Awaitable[Any]]


@asynccontextmanager
async def desk(
    folder: Path,
    *,
    size: tuple[int, int] = (140, 40),
    accounts: tuple[str, ...] = ("main",),
    furnish: Furnish | None = None,
    **keys: Any,
) -> AsyncIterator[Desk]:
    """A desk without jobs; `keys` are laid over each account's settings. `furnish`: what there is before the
    engine starts."""
    clock = ManualClock(START)
    async with Simulator(now=clock.now, published_dir=folder / "published") as sim:
        rig = Rig(sim, clock, folder)
        for name in accounts:
            rig.account(name, **keys)
        if furnish is not None:
            await furnish(rig)
        engines = [await rig.start()]
        may_open = asyncio.Event()
        may_open.set()

        @asynccontextmanager
        async def open_engine() -> AsyncIterator[Engine]:
            await may_open.wait()
            engine = engines.pop() if engines else await rig.start()
            try:
                yield engine
            finally:
                await engine.stop()
                await engine.ledger.close()

        look = Look(theme.load(theme.DEFAULT), "unicode", Keymap({}))
        app = Dashboard(look, None, open_engine, clock=ScreenClock(clock))
        try:
            async with app.run_test(size=size) as pilot:
                await pilot.pause()
                made = Desk(rig, app, pilot, may_open)
                await made.until(lambda: app.engine is not None)
                yield made
                app.leave()
        finally:
            await rig.close()


async def job_in(desk: Desk, number: int, state: JobState, stage: str = "ready", **more: Any) -> Job:
    """A 7G job that stands in `state` in the ledger, in `stage` at the vendor, shown on the board."""
    tracked = await desk.rig.follow(number, stage)
    fields = {"settled_at": desk.rig.clock.now(), "tracked": False, **more}
    row = await desk.rig.seen(tracked, state, **fields)
    await desk.on_board(row, state=state)
    return row


async def saved_job(desk: Desk, number: int) -> Job:
    """A ready job whose report really was saved."""
    row = await job_in(desk, number, JobState.READY)
    task = asyncio.ensure_future(desk.rig.engine.downloads.fetch(row.id))
    await desk.until(task.done)
    outcome = task.result()
    assert outcome.ok, outcome.text
    await desk.on_board(row, artifact=outcome.job.artifact)
    return replace(outcome.job)
