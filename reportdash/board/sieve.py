"""Which jobs pass the filter: a query over records. Pure.

Most fields have few values, whatever the number of jobs: what a term says of one is found out once.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from reportdash.board.records import Records

if TYPE_CHECKING:
    # The language is read when the first filter comes.
    from reportdash.board.terms import Field, Query, Term, Words

MOST = 5_000
"""Values of a field whose verdicts are kept."""

Sift: TypeAlias = Callable[[list[int], float], list[int]]


class _Verdicts(dict[Any, bool]):
    """What a term says of each value."""

    def __init__(self, judge: Callable[[Any], bool]) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, value: Any) -> bool:
        verdict = self._judge(value)
        if len(self) < MOST:
            self[value] = verdict
        return verdict


class Sieve:
    """A query, None for everything, and what it is asked of."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._sifts: list[Sift] = []
        self.query: Query | None = None

    def set(self, query: Query | None) -> None:
        """Another query."""
        self.query = query or None
        self._sifts = [self._sift(term) for term in self.query.terms] if self.query is not None else []

    @property
    def by_time(self) -> bool:
        """Whether the passing of time alone can change what passes."""
        return self.query is not None and self.query.by_time

    @property
    def by_health(self) -> bool:
        """Whether the health of an account can change what passes."""
        return self.query is not None and self.query.by_health

    def passes(self, slot: int, now: float) -> bool:
        """Whether the job of a slot passes."""
        if self.query is None:
            return True
        job = self._records.job(slot)
        return self.query.matches(job, self._records.health(job), now)

    def passing(self, start: int, end: int, now: float) -> bytes:
        """For each slot from `start` to `end`, 1 if there is a job in it that passes."""
        part = self._records.jobs[start:end]
        if not self._sifts:
            return bytes(job is not None for job in part)
        slots = [slot for slot, job in enumerate(part, start) if job is not None]
        for sift in self._sifts:
            slots = sift(slots, now)
        found = bytearray(len(part))
        for slot in slots:
            found[slot - start] = 1
        return bytes(found)

    def _sift(self, term: Term) -> Sift:
        """The slots of those given whose jobs a term lets pass."""
        from reportdash.board.fields import FIELDS
        from reportdash.board.terms import Field, Words

        if isinstance(term, Words):
            return self._by_words(term)
        if isinstance(term, Field) and FIELDS[term.name].attribute:
            return self._by_value(term, FIELDS[term.name].attribute)
        jobs: list[Any] = self._records.jobs
        health = self._records.health
        return lambda slots, now: [s for s in slots if term.holds(jobs[s], health(jobs[s]), now)]

    def _by_value(self, term: Field, attribute: str) -> Sift:
        jobs, value, passes = self._records.jobs, attrgetter(attribute), _Verdicts(term.passes)
        return lambda slots, now: [slot for slot in slots if passes[value(jobs[slot])]]

    def _by_words(self, term: Words) -> Sift:
        from reportdash.board.fields import FIELDS, SPOKEN

        def said(name: str) -> _Verdicts:
            spec = FIELDS[name]
            return _Verdicts(lambda value: term.stands_in(spec, value))

        jobs: list[Any] = self._records.jobs
        state, name, account, status, message, job_id, reference = map(said, SPOKEN)

        def sift(slots: list[int], now: float) -> list[int]:
            found = [
                state[(job := jobs[slot]).state]
                or name[job.name]
                or account[job.account]
                or status[job.vendor_status]
                or message[job.message]
                or job_id[job.id]
                or reference[job.reference]
                for slot in slots
            ]
            return [slot for slot, there in zip(slots, found, strict=True) if there is not term.negated]

        return sift
