"""What each account's finished jobs tell of the next ones: kept in memory, seeded from the ledger."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from reportdash.durations import KEPT, Took, Usual, report_of, usual
from reportdash.model import Job, JobState

_COURSE = (JobState.QUEUED, JobState.RUNNING)
"""States in which a job is on its usual way; one that is being finalized will not be long."""


class Habits:
    """How long each report of each account usually takes."""

    def __init__(self) -> None:
        self._took: dict[tuple[str, str], deque[Took]] = {}
        self._usual: dict[tuple[str, str], Usual | None] = {}

    def seed(self, account: str, took: Iterable[tuple[str, Took]]) -> None:
        """What the ledger knows of this account: (report, span) with the newest first."""
        for key in [key for key in self._took if key[0] == account]:
            del self._took[key]
            self._usual.pop(key, None)
        for report, span in took:
            known = self._took.setdefault((account, report), deque(maxlen=KEPT))
            if len(known) < KEPT:
                known.append(span)

    def learn(self, before: Job, after: Job) -> None:
        """A look found `after` where the last one had found `before`."""
        key = report_of(after)
        if key is None or after.took is None or after.took == before.took:
            return
        self._took.setdefault(key, deque(maxlen=KEPT)).appendleft(after.took)
        self._usual.pop(key, None)

    def of(self, job: Job) -> Usual | None:
        """What is expected of this job; None where nothing can be said."""
        key = report_of(job)
        if key is None or job.state not in _COURSE or key not in self._took:
            return None
        if key not in self._usual:
            self._usual[key] = usual(self._took[key])
        return self._usual[key]
