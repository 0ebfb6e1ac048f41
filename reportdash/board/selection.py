"""Which jobs an action takes. Ids, not rows: the selection survives filters and orders. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Selection:
    """A set of job ids, and the one a range starts from."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}
        self.anchor: str | None = None

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        """In the order in which they were selected."""
        return iter(self._ids)

    def toggle(self, job_id: str) -> bool:
        """Select or unselect one; whether it is selected now."""
        self.anchor = job_id
        if job_id in self._ids:
            del self._ids[job_id]
            return False
        self._ids[job_id] = None
        return True

    def add(self, job_ids: Iterable[str]) -> None:
        """Select several."""
        self._ids.update(dict.fromkeys(job_ids))

    def discard(self, job_id: str) -> None:
        """Unselect one, if it was selected."""
        self._ids.pop(job_id, None)
        if self.anchor == job_id:
            self.anchor = None

    def clear(self) -> None:
        """Unselect all."""
        self._ids.clear()
        self.anchor = None
