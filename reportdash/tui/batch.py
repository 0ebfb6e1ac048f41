"""One act on several jobs: those it was agreed to, how each ended, and what is said of it in a line."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from enum import IntEnum
from typing import NamedTuple

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.board.units import digits
from reportdash.errors import Problem
from reportdash.model import Job
from reportdash.tui.text import key_run


class How(IntEnum):
    """How the act ended for one job, the most urgent first."""

    FAILED = 0  # refused or gone wrong: it can be tried again
    UNSURE = 1  # sent, not confirmed: the engine goes on by itself
    GOES_ON = 2  # not ended yet
    DONE = 3


class End(NamedTuple):
    """`word` counts in the line, as in `3 deleted`; `text` is the sentence of this job."""

    how: How
    word: str
    text: str = ""


class Batch:
    """An act under way or over. `changed` is called after each end, as long as somebody looks."""

    def __init__(self, verb: str, jobs: Sequence[Job]) -> None:
        self.verb = verb
        self.jobs = tuple(jobs)
        self.ends: dict[str, End] = {}
        self.changed: Callable[[], None] = lambda: None

    def how(self, job: Job) -> How:
        end = self.ends.get(job.id)
        return How.GOES_ON if end is None else end.how

    def those(self, how: How) -> list[Job]:
        """The jobs that ended like this, in the order in which they were chosen."""
        return [job for job in self.jobs if self.how(job) is how]

    async def carry_out(self, act: Callable[[Job], Awaitable[End]], *, at_once: int | None = None) -> None:
        """Do it to every job, `at_once` for each account (None: the engine sees to that)."""
        turns: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(at_once or len(self.jobs) or 1)
        )

        async def one(job: Job) -> None:
            async with turns[job.account]:
                try:
                    end = await act(job)
                except Problem as problem:
                    end = End(How.FAILED, "refused", problem.text)
            self.ends[job.id] = end
            self.changed()

        await asyncio.gather(*(one(job) for job in self.jobs))

    def told(self, key: str) -> list[Run]:
        """The end of it in one line: `3 deleted, 1 refused: TransactionSummary (c9j4ea): …`."""
        counts: dict[str, int] = {}
        for end in sorted(self.ends.values(), key=lambda end: -end.how):
            counts[end.word] = counts.get(end.word, 0) + 1
        text = ", ".join(f"{digits(count)} {word}" for word, count in counts.items())
        amiss = [job for job in self.jobs if self.how(job) in (How.FAILED, How.UNSURE)]
        if not amiss:
            return [Run(text, Role.MUTED)]
        first = amiss[0]
        named = f"{first.name} ({first.id}): {words_of(self.ends[first.id].text, first)}"
        if len(self.jobs) == 1:
            return [Run(f"{text}: {named}", Role.WARN)]
        if len(amiss) > 1:
            named += f"; and {digits(len(amiss) - 1)} more"
        more = [Run("  ", Role.TEXT), key_run(key), Run(" shows each", Role.TEXT)] if key else []
        return [Run(text, Role.WARN), *more, Run(f"  {named}", Role.WARN)]


def words_of(said: str, job: Job) -> str:
    """An engine's sentence without what stands beside it already: id, verb, and commands for a shell."""
    bare = said.partition(": `reportdash ")[0].removeprefix(f"{job.id} ")
    return bare.removeprefix("delete refused: ").removeprefix("delete ")
