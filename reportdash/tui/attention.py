"""The bell and the window's title when something becomes ready: escape sequences, and numbers of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reportdash.board.counts import Counts
from reportdash.board.facts import Run
from reportdash.board.records import Records
from reportdash.board.states import Role
from reportdash.board.units import digits, left
from reportdash.model import HAS_FILE, Job, JobState
from reportdash.tui.text import key_run, text_run

PUSH_TITLE = "\x1b[22;2t"
POP_TITLE = "\x1b[23;2t"
_NO_NEWS = (*HAS_FILE, JobState.DELETING)
"""States of a job that was ready before; a delete that the vendor refused brings none anew."""


class Attention:
    """Tells the terminal what the operator may not be looking at."""

    def __init__(self, records: Records, write: Callable[[str], None]) -> None:
        self._records = records
        self._write = write
        self._bell = self._title = False
        self._shown = ""

    def allow(self, *, bell: bool, title: bool) -> None:
        """What the config allows; the terminal's own title is kept for later."""
        if title and not self._title:
            self._write(PUSH_TITLE)
        self._bell, self._title = bell, title

    def stop(self) -> None:
        """Give the terminal its own title back."""
        if self._title:
            self._write(POP_TITLE)

    def arrivals(self, jobs: Iterable[Job]) -> bool:
        """Whether one of these, not yet taken in, has just become ready."""
        records = self._records
        for job in jobs:
            if (
                job.state not in HAS_FILE
                or job.saved
                or job.parent is not None
                or job.forgotten_at is not None
            ):
                continue
            slot = records.slot_of.get(job.id)
            if slot is not None and records.job(slot).state not in _NO_NEWS:
                return True
        return False

    def expiring(self, now: float, key: str) -> tuple[Run, ...]:
        """A notice for reports that are not saved and whose time runs out, once for each; rings with it.

        Empty when there is nothing new to say. `key` saves a report.
        """
        records = self._records
        jobs = [records.job(slot) for slot in records.warnings()]
        if not jobs:
            return ()
        if self._bell:
            self._write("\x07")
        first = min(jobs, key=lambda job: job.expires_at or now)
        time = left((first.expires_at or now) - now)
        if len(jobs) == 1:
            said = Run(f" is not saved and expires in {time}: ", Role.WARN)
            return text_run(first.name), said, key_run(key), text_run(" saves it")
        text = f"{len(jobs)} reports are not saved and expire soon, the first in {time}"
        return (Run(text, Role.WARN),)

    def tell(self, arrived: bool, counts: Counts) -> None:
        """Ring, and write the title if it says something new."""
        if arrived and self._bell:
            self._write("\x07")
        if not self._title:
            return
        parts = [(counts.failed, "failed"), (counts.look, "to look at"), (counts.save, "to save")]
        said = ", ".join(f"{digits(count)} {what}" for count, what in parts if count)
        title = f"reportdash: {said}" if said else "reportdash"
        if title != self._shown:
            self._shown = title
            self._write(f"\x1b]2;{title}\x07")
