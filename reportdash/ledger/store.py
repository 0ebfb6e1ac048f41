"""The ledger, synchronous: one SQLite connection, used by one thread at a time. Imports no asyncio.

One-shot commands use it as it is; `Ledger` runs it in a thread of its own.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from reportdash.clock import Clock, SystemClock
from reportdash.errors import Problem
from reportdash.ledger import logbook, opening
from reportdash.ledger.leases import Leases
from reportdash.ledger.owner import this_process
from reportdash.ledger.problems import SQLITE_ERRORS, disk_full, explain, primary, replaced
from reportdash.ledger.reads import Reads
from reportdash.ledger.verbs import Verbs
from reportdash.model import Job
from reportdash.plain import clean

T = TypeVar("T")


@dataclass(slots=True, frozen=True)
class Failed:
    """What one change of a batch ended with instead of a value."""

    error: Exception


class Store(Reads):
    """The ledger's file. Reading is inherited; writing goes through `commit`."""

    def __init__(
        self, db: sqlite3.Connection, path: Path, *, clock: Clock, owner: str, breathe: bool = False
    ) -> None:
        super().__init__(db, breathe=breathe)
        self.path = path
        self.owner = owner
        self.readonly = False
        self.as_it_lies = False
        """There was no room to open the file for writing: it is shown as the disk has it."""
        self.verbs = Verbs(self, clock)
        self.leases = Leases(self.verbs, clock, owner)
        self.networked = ""
        """The kind of the network file system it lies on; empty: none, or open for reading only."""
        self._file = self._identity()
        self._clock = clock
        self._synced: bool | None = None
        self._first_rev = 0

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        readonly: bool = False,
        clock: Clock | None = None,
        owner: str | None = None,
        breathe: bool = False,
        fresh: bool = False,
    ) -> Store:
        """Open the ledger at `path`. Raises Problem.

        One that is not there is made; `readonly`, it is taken for an empty one and nothing is made. `fresh`:
        one is made although this folder has had another.
        On a full disk it may open for reading alone (`as_it_lies`); the next write tries again.
        """
        clock = clock or SystemClock()
        if readonly:
            db, as_it_lies = opening.connect_readonly(path, clock.now())
        else:
            db, as_it_lies = opening.connect(path, clock.now(), fresh=fresh)
        store = cls(db, path, clock=clock, owner=owner or this_process(), breathe=breathe)
        store.readonly, store.as_it_lies = readonly, as_it_lies
        if not readonly:
            store.networked = opening.networked(path)
        return store

    def close(self) -> None:
        self.db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def commit(
        self, changes: Sequence[Callable[[], Any]], *, durable: bool = False, ahead: Sequence[str] = ()
    ) -> list[Any]:
        """Run the changes in one transaction; the value of each, or Failed for one that raised.

        One that raises leaves its neighbours alone. `durable`: on the disk, not only with the system, when
        this returns. `ahead`: jobs whose rows the changes will ask for.
        Raises Problem when nothing of it could be kept (disk full, locked, damaged).
        """
        if self.readonly:
            raise Problem(f"the ledger {clean(self.path, 300)} is open for reading only.")
        if self.as_it_lies:
            self._open_again()
        self.check_place()
        try:
            results = self._run(changes, durable, ahead)
            if results is None:  # once more, each behind a savepoint
                results = self._run(changes, durable, savepoints=True)
        except SQLITE_ERRORS as error:
            self._rollback()
            raise self._explained(error) from error
        except BaseException:
            self._rollback()
            raise
        self.check_place()
        return results or []

    def check_place(self) -> None:
        """Raises ReplacedLedger when the file that is open is not the ledger any more."""
        # A network file system may give one file several numbers.
        if not self.networked and self._file != self._identity():
            raise replaced(self.path)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - before and after each commit: the quicker one
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _explained(self, error: Exception) -> Problem:
        problem = explain(error, self.path)
        if primary(error) in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
            with suppress(OSError):  # a journal that could not even be begun
                if not shutil.disk_usage(self.path.parent).free:
                    return disk_full(self.path)
        return problem

    def write(self, change: Callable[[], T], *, durable: bool = True) -> T:
        """One change in a transaction of its own; raises what it raises."""
        result = self.commit([change], durable=durable)[0]
        if isinstance(result, Failed):
            raise result.error
        return result  # type: ignore[no-any-return]

    def add(self, job: Job, *, who: str = "operator", what: str = "tracked") -> tuple[Job, bool]:
        """`Verbs.add`, on the disk when it returns."""
        return self.write(lambda: self.verbs.add(job, who=who, what=what))

    def add_many(self, jobs: Iterable[Job]) -> int:
        """`Verbs.add_many`, in one transaction."""
        many = list(jobs)  # a change may be run twice
        return self.write(lambda: self.verbs.add_many(many), durable=False)

    def change(self, job_id: str, fn: Callable[[Job], Job | None], **how: Any) -> Job:
        """`Verbs.change`, on the disk when it returns."""
        return self.write(lambda: self.verbs.change(job_id, fn, **how))

    def _begin(self, durable: bool, ahead: Sequence[str]) -> None:
        if self._synced is not durable:
            # NORMAL keeps every commit through a kill; FULL through a power cut as well.
            self.db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._synced = durable
        self.db.execute("BEGIN IMMEDIATE")
        self._first_rev = self.rev()
        self.verbs.begin(self._first_rev, ahead)

    def _run(
        self,
        changes: Sequence[Callable[[], Any]],
        durable: bool,
        ahead: Sequence[str] = (),
        *,
        savepoints: bool = False,
    ) -> list[Any] | None:
        """One transaction with all changes; None when one failed half done and there was no savepoint.

        Nearly every change that fails does so before it has written (a stale fence, no such job), so a
        savepoint around each would be paid for nothing.
        """
        self._begin(durable, ahead)
        results: list[Any] = []
        for change in changes:
            noted, written = len(self.verbs.noted), self.db.total_changes
            if savepoints:
                self.db.execute("SAVEPOINT change")
            try:
                results.append(change())
            except Exception as error:
                if not self.db.in_transaction:
                    raise  # SQLite undid the whole of it (disk full): no neighbour is left to save
                if savepoints:
                    self.db.execute("ROLLBACK TO change")
                elif self.db.total_changes != written:
                    self._rollback()
                    return None
                del self.verbs.noted[noted:]
                known = isinstance(error, SQLITE_ERRORS)
                results.append(Failed(explain(error, self.path) if known else error))
            if savepoints:
                self.db.execute("RELEASE change")
        self._end()
        return results

    def _end(self) -> None:
        if self.verbs.last_rev != self._first_rev:
            self.db.execute("UPDATE meta SET rev = ?", (self.verbs.last_rev,))
        self.db.execute("COMMIT")
        if self.verbs.noted:
            logbook.append(self.path.parent, self.verbs.noted, synced=bool(self._synced))

    def _rollback(self) -> None:
        if self.db.in_transaction:
            with suppress(sqlite3.Error):  # the file's journal undoes it, now or at the next opening
                self.db.execute("ROLLBACK")

    def _open_again(self) -> None:
        """There was no room to open the file for writing; perhaps there is now. Raises Problem if not."""
        db, still = opening.connect(self.path, self._clock.now())
        if still:
            db.close()
            raise disk_full(self.path)
        self.db.close()
        self.db, self.as_it_lies, self._synced = db, False, None
        self._file = self._identity()
