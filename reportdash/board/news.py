"""What changed while nobody looked, in one line. Pure: the states of then and the rows of now come in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reportdash.board.facts import Run
from reportdash.board.states import FACES, Kind, Role, Weight
from reportdash.board.units import clock_text, digits
from reportdash.model import Job, JobState


class News(NamedTuple):
    """`jobs`: ids of the rows in another state than then, the most urgent first; `new`: how many came to work
    since, as new rows or once more."""

    since: float
    states: Mapping[JobState, int]
    saved: int
    new: int
    jobs: tuple[str, ...]

    def line(self, now: float, key: str) -> tuple[Run, ...]:
        """`Since Tue 18:02: ✗ 1 failed, ✓ 3 ready, 2 of them saved, 4 new  c shows them`."""
        at = clock_text(self.since, now)
        if not self.jobs:
            return (Run(f"Nothing has changed since {at}.", Role.MUTED),)
        runs = [Run(f"Since {at}: ", Role.TEXT)]
        for state in sorted(FACES, key=lambda state: FACES[state].kind):
            count = self.states.get(state, 0)
            if not count:
                continue
            face = FACES[state]
            saved = self.saved if state is JobState.READY else 0
            heavy = face.weight is Weight.NEEDS_YOU and saved < count
            role = face.role if heavy else Role.TEXT
            runs += _comma(runs)
            runs.append(Run(f"{face.glyph} {digits(count)} {face.word}", role, bold=heavy))
            if saved:
                which = ", saved" if saved == count else f", {digits(saved)} of them saved"
                runs.append(Run(which, Role.TEXT))
        if self.new:
            runs += [*_comma(runs), Run(f"{digits(self.new)} new at work", Role.TEXT)]
        if key:
            runs += [Run("  ", Role.TEXT), Run(key, Role.ACCENT, bold=True), Run(" shows them", Role.TEXT)]
        return tuple(runs)


def _comma(runs: list[Run]) -> list[Run]:
    return [Run(", ", Role.TEXT)] if len(runs) > 1 else []


def news(then: Mapping[str, JobState | None], jobs: Iterable[Job], since: float) -> News:
    """What is to be told of `jobs`, rows of now, given their states `then`.

    A job that only went from one stage of the work to the next is no news; parts of groups are their group's.
    """
    found: list[Job] = []
    for job in jobs:
        if job.parent is None and job.id in then and then[job.id] is not job.state:
            before = then[job.id]
            went_on = before is not None and FACES[before].kind is Kind.WORKING
            if FACES[job.state].kind is not Kind.WORKING or not went_on:
                found.append(job)
    found.sort(key=lambda job: FACES[job.state].kind)
    settled = [job for job in found if FACES[job.state].kind is not Kind.WORKING]
    return News(
        since,
        Counter(job.state for job in settled),
        sum(job.state is JobState.READY and job.saved for job in settled),
        len(found) - len(settled),
        tuple(job.id for job in found),
    )
