"""When a working job will be ready, learned from what jobs of the same report took. Pure, in memory."""

from __future__ import annotations

import re
from bisect import insort
from collections import deque

from reportdash.model import HAS_FILE, Job, JobState

KEPT = 31
"""Durations kept for each report, the newest ones."""
FEWEST = 2
"""Below this many there is no estimate."""

_LOOSE = re.compile(r"[\d\W_]+")
_DONE = HAS_FILE | {JobState.EMPTY}


def report_of(job: Job) -> tuple[str, str]:
    """What makes two jobs the same kind of work: the account, and the report without dates and numbers."""
    name = job.spec.report if job.spec is not None else _LOOSE.sub(" ", job.name).strip()
    return job.account, name


class Estimates:
    """The usual duration of each report."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], deque[float]] = {}
        self._learned: set[str] = set()

    def learn(self, job: Job) -> bool:
        """Take a finished job's duration in, once. Whether it told anything new.

        A job started elsewhere tells nothing: when it began is not known.
        """
        if job.state not in _DONE or job.tracked or job.settled_at is None or job.submitted_at is None:
            return False
        if job.id in self._learned:
            return False
        self._learned.add(job.id)
        taken = self._taken.setdefault(report_of(job), deque(maxlen=KEPT))
        taken.append(max(0.0, job.settled_at - job.submitted_at))
        return True

    def moment(self, job: Job, now: float) -> float | None:
        """When `job` will probably be ready (seconds since the epoch), or None when there is no telling.

        The middle of what jobs of this report took that took longer than this one already has.
        """
        taken = self._taken.get(report_of(job))
        if taken is None or len(taken) < FEWEST or job.submitted_at is None:
            return None
        age = now - job.submitted_at
        longer: list[float] = []
        for seconds in taken:
            if seconds > age:
                insort(longer, seconds)
        return job.submitted_at + longer[(len(longer) - 1) // 2] if longer else None
