"""What is read beside the rows: the history of the job under the cursor, and what its files begin with.

A key never waits for either; both begin when the cursor rests. Then the rows that one key reaches are read as
well: their details are painted once, and not a second time with another row of tabs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reportdash.errors import Problem
from reportdash.model import Job, JobState
from reportdash.tui.details import Known
from reportdash.tui.turns import give_way

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard
    from reportdash.tui.ports import EnginePort

REST = 0.08
"""Seconds the cursor rests on a job before anything is read."""
REMEMBERED = 24
"""Jobs whose history, and files whose first rows, are kept in memory: a group's files, and some more."""
SLICE = 5_000
"""Jobs looked through at a stretch: a millisecond."""
MOST_FILES = 20
"""Files of a group whose first rows are read."""


class Reading:
    """One task each for the details and the files; the next one ends the one before."""

    def __init__(self, app: Dashboard) -> None:
        self.app = app
        self.board = app.board
        self._detail: asyncio.Task[None] | None = None
        self._files: asyncio.Task[None] | None = None

    def tasks(self) -> list[asyncio.Task[None]]:
        """What is under way."""
        return [task for task in (self._detail, self._files) if task is not None]

    def details(self, job: Job | None) -> None:
        """Read the history of a job once the cursor rests on it."""
        if self._detail is not None:
            self._detail.cancel()
            self._detail = None
        if job is not None and self.app.engine is not None:
            self._detail = asyncio.create_task(self._read(job, self.app.engine))
            self._detail.add_done_callback(self._ended)

    async def _read(self, job: Job, engine: EnginePort) -> None:
        await asyncio.sleep(REST)
        try:
            await self._keep(job, engine)
            self.app.details_changed(job.id)
            for near in self._near():
                if near.id not in self.board.known:
                    await self._keep(near, engine)
        except (Problem, OSError):
            return

    async def _keep(self, job: Job, engine: EnginePort) -> None:
        ledger, kept = engine.ledger, self.board.known
        known = Known(
            tuple(await ledger.history(job.id)),
            tuple(await ledger.exchanges(job.id)),
            await ledger.last_error(job.id),
            await self._same_error(job),
        )
        kept.pop(job.id, None)
        kept[job.id] = known
        while len(kept) > REMEMBERED:
            del kept[next(iter(kept))]

    def _near(self) -> list[Job]:
        """The jobs that one key brings under the cursor."""
        view, page = self.board.view, self.board.table.page
        row = view.cursor_row
        if row is None:
            return []
        last = len(view.rows) - 1
        targets = (min(max(row + by, 0), last) for by in (1, -1, page, -page))
        return [view.job_at(target) for target in dict.fromkeys(targets)]

    def files(self, paths: Sequence[str]) -> None:
        """Read what saved files begin with, once the cursor rests on their job."""
        if self._files is not None:
            self._files.cancel()
            self._files = None
        if paths:
            self._files = asyncio.create_task(self._preview(list(paths)[:MOST_FILES]))
            self._files.add_done_callback(self._ended)

    async def _preview(self, paths: Sequence[str]) -> None:
        await asyncio.sleep(REST)
        from reportdash.engine.preview import read_all

        kept = self.board.previews
        found = await read_all(paths, kept)
        for path in found:
            kept.pop(path, None)
        kept.update(found)
        while len(kept) > REMEMBERED:
            del kept[next(iter(kept))]
        self.app.details_changed()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.app.fail(error)

    async def _same_error(self, job: Job) -> int:
        """Failed jobs of this account with the same words in the last day, this one included."""
        if job.state is not JobState.FAILED or not job.message:
            return 0
        since = self.app.clock.now() - 86_400
        found, jobs = 0, self.board.view.records.jobs
        for start in range(0, len(jobs), SLICE):
            found += sum(
                other is not None
                and other.state is JobState.FAILED
                and other.message == job.message
                and (other.settled_at or 0) > since
                and other.account == job.account
                for other in jobs[start : start + SLICE]
            )
            await give_way()
        return found
