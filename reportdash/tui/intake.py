"""Changes into the board: of the ledger, of time, of downloads, of the filter and the order.

Much at once is taken in by slices, keys answered between. Rows stand still for a moment after each key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from reportdash.board.delta import Delta
from reportdash.board.facts import Fetch
from reportdash.model import Account, Job
from reportdash.tui.paint import paint_now
from reportdash.tui.turns import STRETCH, give_way

if TYPE_CHECKING:
    from reportdash.tui.screens.board import BoardScreen

HOLD = 2.0
"""Seconds after a key in which no row moves by itself."""
QUICK = 0.004
"""Seconds a new filter or order may take at once; what takes longer goes on beside the keys."""
REBUILT = 0.003
"""Seconds of it at a stretch."""
PORTION = 10
"""Changes taken in between two looks at the clock."""


class Intake:
    """Works on the board's View, then has the board show what is new."""

    def __init__(self, board: BoardScreen) -> None:
        self.board = board
        self.view = board.view
        self.table = board.table
        self._settling = False

    def take(self, jobs: Iterable[Job], accounts: Iterable[Account]) -> None:
        """Changes of the ledger: show what they changed."""
        line = self.table.cursor_line
        delta = self.view.apply(jobs, accounts, self.board.now, hold=self.holds)
        self._after(delta, line)
        self._settle_later()

    async def take_many(self, jobs: Sequence[Job], accounts: Sequence[Account]) -> None:
        """The same for one flush of changes, keys answered between; the screen shows them when all are in."""
        whole, until = Delta(), monotonic() + STRETCH
        for start in range(0, max(1, len(jobs)), PORTION):
            line = self.table.cursor_line
            part = jobs[start : start + PORTION]
            delta = self.view.apply(part, () if start else accounts, self.board.now, hold=self.holds)
            if delta.moved:
                self.table.keep_line(line)
            whole.add(delta)
            if monotonic() > until:
                await give_way()
                until = monotonic() + STRETCH
        await give_way()
        self._after(whole, self.table.cursor_line)
        self._settle_later()

    @property
    def holds(self) -> bool:
        """Whether no row may move by itself: a key came a moment ago."""
        return monotonic() - self.board.pressed < HOLD

    def tick(self) -> None:
        """A minute has passed: ages, expiries, filters by time."""
        line = self.table.cursor_line
        delta = self.view.tick(self.board.now, hold=self.holds)
        self._after(delta, line, every=True)

    def settle(self) -> None:
        """Let the rows move that were held while keys came, if no key came of late."""
        self._settling = False
        if self.holds:
            self._settle_later()
        elif self.view.holding:
            line = self.table.cursor_line
            self._after(self.view.settle(), line)

    def _settle_later(self) -> None:
        if self.view.holding and not self._settling:
            self._settling = True
            self.board.set_timer(max(0.05, HOLD - (monotonic() - self.board.pressed)), self.settle)

    async def flood(self, jobs: Sequence[Job], accounts: Sequence[Account]) -> None:
        """Very many changes at once: taken in by slices, keys answered between."""
        line = self.table.cursor_line
        await self._slices(self.view.flood(jobs, accounts, self.board.now), line)

    def fetches(self, fetches: dict[str, Fetch]) -> None:
        """The downloads of this process, by job id."""
        records = self.view.records
        old = records.fetches
        if fetches == old:
            return
        records.fetches = fetches
        ids = old.keys() | fetches.keys()
        slots = {records.slot_of[job_id] for job_id in ids if job_id in records.slot_of}
        if fetches.keys() != old.keys():
            jobs = [records.job(slot) for slot in slots]
            self.take(jobs, ())
        else:
            self._after(Delta(touched=slots | {self.view.group_of(slot) for slot in slots}), None)

    def _after(self, delta: Delta, line: int | None, *, every: bool = False) -> None:
        if delta.rebuild:
            self.rebuild()
        if delta.moved:
            self.table.keep_line(line)
        self.board.show_changes(None if every else delta.touched)

    def rebuild(self, *, keep_cursor: bool = True) -> None:
        """Filter and sort anew: at once when that is quick, else in slices with keys answered between."""
        line = self.table.cursor_line if keep_cursor else None
        steps = self.view.rebuild()
        if not self._steps(steps, QUICK):
            self._built(line)
        else:
            self.board.run_worker(self._slices(steps, line), group="rebuild", exclusive=True)

    def _steps(self, steps: Iterator[None], seconds: float = REBUILT) -> bool:
        """Work for so long; whether there is more to do."""
        until = monotonic() + seconds
        return any(monotonic() > until for _ in steps)

    async def _slices(self, steps: Iterator[None], line: int | None) -> None:
        while self._steps(steps):
            await give_way()
        self._built(line)

    def _built(self, line: int | None) -> None:
        self.table.keep_line(line)
        self.board.rearrange()
        self.board.show_all()
        paint_now(self.board, self.board.lines)
