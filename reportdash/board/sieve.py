"""Which jobs pass the filter: a query over records, the words of each job kept for the next letter. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportdash.board.records import Records

if TYPE_CHECKING:
    # The language is read when the first filter comes.
    from reportdash.board.terms import Query


class Sieve:
    """A query, None for everything, and what it is asked of."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._hays: dict[int, str] = {}
        self.query: Query | None = None

    def set(self, query: Query | None) -> None:
        """Another query."""
        self.query = query or None
        if self.query is None or not self.query.by_words:
            self._hays = {}

    @property
    def by_time(self) -> bool:
        """Whether the passing of time alone can change what passes."""
        return self.query is not None and self.query.by_time

    @property
    def by_health(self) -> bool:
        """Whether the health of an account can change what passes."""
        return self.query is not None and self.query.by_health

    def changed(self, slot: int) -> None:
        """The job of a slot is another one now."""
        self._hays.pop(slot, None)

    def passes(self, slot: int, now: float) -> bool:
        """Whether the job of a slot passes."""
        if self.query is None:
            return True
        job = self._records.job(slot)
        hay = None
        if self.query.by_words:
            hay = self._hays.get(slot)
            if hay is None:
                from reportdash.board.fields import haystack

                hay = self._hays[slot] = haystack(job)
        return self.query.matches(job, self._records.health(job), now, hay)
