"""How long each report usually takes, learnt from the jobs we submitted: it saves the looks nobody needs.

A report that takes forty minutes each time need not be looked at each half minute from the start. Pure memory
and arithmetic; times are seconds.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from reportdash.model import HAS_FILE, Job, JobState

FEWEST = 4
"""Jobs of a report that must have ended before anything is concluded."""
KEPT = 30
LONGEST_SILENCE = 600.0
EARLY_LOOK = 30.0
"""Before a long silence one look is made at this age, so that a wrong parameter shows soon."""
LONG = 120.0
TIGHTER = 0.93
"""Looks after the silence come this much closer together: they make up for those who were done early."""

_QUIET_IN = (JobState.QUEUED, JobState.RUNNING)
_PRIOR_SPREAD = 0.5
_ENDS = HAS_FILE | {JobState.EMPTY}


@dataclass(slots=True, frozen=True)
class Habit:
    """What is expected of one report: nothing before `quiet` seconds of age."""

    quiet: float

    def next_look(self, age: float, step: float) -> float:
        """Seconds from now to the next look at a job of this age, where `step` is the usual interval."""
        if age < 0.8 * EARLY_LOOK and self.quiet > LONG:
            return EARLY_LOOK - age
        step *= TIGHTER
        return min(max(step, self.quiet - age), max(LONGEST_SILENCE, step))


class Habits:
    """The durations of each account's reports."""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, str], deque[float]] = {}

    def seed(self, account: str, durations: Iterable[tuple[str, float]]) -> None:
        """Durations from the ledger, (report, seconds) with the newest first."""
        for key in [key for key in self._logs if key[0] == account]:
            del self._logs[key]
        for report, seconds in durations:
            logs = self._logs.setdefault((account, report), deque(maxlen=KEPT))
            if seconds > 0 and len(logs) < KEPT:
                logs.appendleft(math.log(seconds))

    def learn(self, before: Job, after: Job, now: float) -> None:
        """A look found `after` where the last one had found `before`: it ended somewhere in between."""
        key = _key(after)
        if key is None or before.settled or after.state not in _ENDS or after.submitted_at is None:
            return
        last = before.seen_at if before.seen_at is not None else after.submitted_at
        seconds = (last + now) / 2 - after.submitted_at
        if seconds > 0:
            self._logs.setdefault(key, deque(maxlen=KEPT)).append(math.log(seconds))

    def of(self, job: Job) -> Habit | None:
        """What is expected of this job; None where nothing can be said."""
        key = _key(job)
        if key is None or job.state not in _QUIET_IN:
            return None
        logs = self._logs.get(key)
        return Habit(_quiet(logs)) if logs is not None and len(logs) >= FEWEST else None


def _key(job: Job) -> tuple[str, str] | None:
    # A job started elsewhere: nobody here knows when.
    return (job.account, job.spec.report) if job.spec is not None and not job.tracked else None


def _quiet(logs: Iterable[float]) -> float:
    """An age before which few jobs end, from a log-normal fit; the fewer or more scattered, the earlier."""
    values = list(logs)
    count = len(values)
    mean = sum(values) / count
    scatter = sum((value - mean) ** 2 for value in values) + _PRIOR_SPREAD**2
    spread = math.sqrt(scatter / count) * math.sqrt(1 + 1 / count)
    steps = min(max(1.28 + (spread - 0.3) * 2.0, 1.28), 1.9)
    return math.exp(mean - steps * spread)
