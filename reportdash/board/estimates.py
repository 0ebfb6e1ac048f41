"""When a working job will be ready, and whether it takes too long: from what others of its report took.

Pure, in memory. Fewer finished jobs than twenty say nothing.
"""

from __future__ import annotations

from collections import deque

from reportdash.durations import FEWEST, KEPT, Took, Usual, report_of, usual
from reportdash.model import Job

LONG = 3.0
"""Times the median after which a job is said to take longer than usual."""


class Estimates:
    """The usual duration of each report."""

    def __init__(self) -> None:
        self._took: dict[tuple[str, str], deque[Took]] = {}
        self._usual: dict[tuple[str, str], Usual | None] = {}
        self._learnt: set[str] = set()

    def learn(self, job: Job) -> bool:
        """Take in what a finished job took, once. Whether that told anything new."""
        key = report_of(job)
        if key is None or job.took is None or job.id in self._learnt:
            return False
        self._learnt.add(job.id)
        self._took.setdefault(key, deque(maxlen=KEPT)).append(job.took)
        self._usual.pop(key, None)
        return True

    def forget(self, job: Job) -> None:
        """The job is gone; what it took stays."""
        self._learnt.discard(job.id)

    def of(self, job: Job) -> Usual | None:
        """What is usual for such a job; None when too few have finished to say."""
        key = report_of(job)
        took = self._took.get(key) if key is not None else None
        if key is None or took is None or len(took) < FEWEST:
            return None
        if key not in self._usual:
            self._usual[key] = usual(took)
        return self._usual[key]

    def moment(self, job: Job, now: float) -> float | None:
        """When `job` will probably be ready (seconds since the epoch), or None when there is no telling.

        Half of the jobs of this report that have got as old as this one were done by then.
        """
        known = self.of(job)
        if known is None or job.submitted_at is None:
            return None
        return now + known.remaining(now - job.submitted_at)

    def times_usual(self, job: Job, now: float) -> int:
        """How many times as long as usual the job takes already, from 3 on; 0 below, or when not known."""
        known = self.of(job)
        if known is None or job.submitted_at is None:
            return 0
        times = (now - job.submitted_at) / known.median
        return int(times) if times >= LONG else 0
