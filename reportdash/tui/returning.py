"""The line that says what changed since the operator last looked, and the filter that shows just that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from reportdash.board.facts import Run
from reportdash.board.news import News, news
from reportdash.clock import rfc3339
from reportdash.errors import Problem

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard
    from reportdash.tui.ports import EnginePort

NAMED = 200
"""Jobs of the news that are named one by one in the filter."""


class Returning:
    """Tells the news once there are some, and keeps the line true until the next key."""

    def __init__(self, app: Dashboard) -> None:
        self.app = app
        self.board = app.board
        self._task: asyncio.Task[None] | None = None
        self._news: News | None = None
        self._unread: tuple[Run, ...] = ()
        self.held: tuple[Run, ...] = ()
        """The line, while a warning stands in its place."""

    def tasks(self) -> list[asyncio.Task[None]]:
        """What is under way."""
        return [self._task] if self._task is not None else []

    def tell(self, since: float) -> None:
        """Say in a line what changed since a moment; the line is kept true until the next key."""
        engine = self.app.engine
        if engine is not None:
            if self._task is not None:
                self._task.cancel()
            self._task = asyncio.create_task(self._tell(engine, since))
            self._task.add_done_callback(self._told)

    def _told(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.app.fail(error)

    def keep_true(self) -> None:
        """The ledger has changed: so has the line, as long as it stands there."""
        idle = self._task is None or self._task.done()
        if idle and self._news is not None and self.board.status.notice == self._unread:
            self.tell(self._news.since)

    async def _tell(self, engine: EnginePort, since: float) -> None:
        try:
            then = await engine.ledger.states_at(since)
        except (Problem, OSError):
            return
        records = self.board.view.records
        slots = [records.slot_of[job_id] for job_id in then if job_id in records.slot_of]
        self._news = news(then, map(records.job, slots), since)
        line = self._news.line(self.app.clock.now(), self.board.look.keymap.named("news"))
        if self.board.status.notice in ((), self._unread):
            self.board.say(*line)
            self.held = ()
        else:
            # A warning stands there: the news come after it.
            self.held = line
        self._unread = line

    def tell_held(self) -> None:
        """The line is free: say the news that waited for it."""
        if self.held:
            self.board.say(*self.held)
            self.held = ()

    @property
    def has_any(self) -> bool:
        """Whether anything changed since the operator last looked."""
        return self._news is not None and bool(self._news.jobs)

    def show(self) -> None:
        """Filter the table down to the jobs of the last line of news."""
        found = self._news
        if found is None:
            return
        if len(found.jobs) <= NAMED:
            query = f"id:{'|'.join(found.jobs)}"
        else:
            # More ids than a query holds: what was touched since is near enough.
            query = f"updated_at>{rfc3339(found.since)}"
        self.board.filter.edit.set(query)
        self.board.refilter()
