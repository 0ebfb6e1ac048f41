"""Every change one can make to the ledger. Each method runs inside the write transaction of `Store.commit`.

Every write stamps its row with the next `rev`. What a method raises undoes that one change alone.
"""
# ruff: noqa: S608 - the SQL is put together from constants of this room alone; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from reportdash.clock import Clock
from reportdash.errors import LeaseLost
from reportdash.ledger import logbook
from reportdash.ledger.reads import Reads
from reportdash.ledger.rows import (
    ACCOUNT_COLUMNS,
    JOB,
    JOB_COLUMNS,
    Row,
    account_of,
    account_row,
    differences,
    exchange_row,
    job_of,
    row_of,
    safe,
    safe_job_row,
)
from reportdash.model import Account, ArtifactState, Exchange, Fence, Job, LastError, new_id, replace

KEPT_EXCHANGES = 20
KEPT_EVENTS = 200
SILENT = 3
"""Failed looks in a row from which the history tells of them: one now and then is nothing."""
_INSERT_JOB = f"INSERT INTO jobs ({JOB}, added_at) VALUES ({', '.join('?' * (len(JOB_COLUMNS) + 1))})"
_INSERT_EVENT = (
    "INSERT INTO history (job, at, what, who, state, vendor_status, message) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_TELL_ALL = (
    "INSERT INTO history (job, at, what, who, state, vendor_status, message) "
    "SELECT id, ?, ?, ?, state, vendor_status, message FROM jobs WHERE account = ? AND parent IS NULL "
    "AND forgotten_at IS NULL AND state IN ('submitting', 'queued', 'running', 'finalizing', 'unknown')"
)
_INSERT_EXCHANGE = (
    "INSERT INTO exchanges (job, n, at, method, url, status, ms, request, response, size, error) "
    "SELECT ?, coalesce(max(n), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM exchanges WHERE job = ?"
)
_DROP_EXCHANGES = (
    "DELETE FROM exchanges WHERE job = ?1 AND n <= (SELECT max(n) FROM exchanges WHERE job = ?1) - ?2"
)
_LOGGED = frozenset({"reference", "forgotten_at", "children_total"})


class Verbs:
    """The ledger's writing side. `next_rev` is set by the transaction around it."""

    def __init__(self, reads: Reads, clock: Clock) -> None:
        self.reads = reads
        self.clock = clock
        self.last_rev = 0
        self.noted: list[str] = []
        """Lines for jobs.log, written after the commit."""
        self._ahead: dict[str, Row] = {}

    @property
    def db(self) -> sqlite3.Connection:
        return self.reads.db

    def next_rev(self) -> int:
        self.last_rev += 1
        return self.last_rev

    def begin(self, rev: int, ahead: Sequence[str] = ()) -> None:
        """A transaction has begun, with the ledger at `rev`. `ahead`: jobs that will be asked for.

        Their rows are read at once: a question of its own for each costs more than the write.
        """
        self.noted.clear()
        self.last_rev = rev
        self._ahead = self.reads.rows(ahead) if len(ahead) > 1 else {}

    def add(self, job: Job, *, who: str = "operator", what: str = "tracked") -> tuple[Job, bool]:
        """A new row, with an id; a known (account, reference) is not added: (that job, False)."""
        if job.reference is not None:
            known = self.reads.by_reference(job.account, job.reference)
            if known is not None:
                return known, False
        added = self._insert(job)
        self._event(added, what, who)
        return added, True

    def add_many(self, jobs: Iterable[Job]) -> int:
        """Many new rows at once, without history; ids and references are the caller's to keep apart."""
        now = self.clock.now()
        rows = [(*safe_job_row(row_of(replace(job, rev=self.next_rev()))), now) for job in jobs]
        self.db.executemany(_INSERT_JOB, rows)
        self.ensure_accounts({row[1]: row[2] for row in rows})
        return len(rows)

    def change(
        self,
        job_id: str,
        fn: Callable[[Job], Job | None],
        *,
        fence: Fence | None = None,
        who: str = "reportdash",
        what: str | None = None,
        error: LastError | None = None,
        clear_error: bool = False,
        exchanges: Sequence[Exchange] = (),
    ) -> Job:
        """Run `fn` on the fresh row and keep what it returns; None changes nothing.

        `what` is the history line; None: what the change itself calls for; empty: none. Where
        `fn` gives None what was meant to happen did not, and is not told; the row as it is tells it alone.
        Raises LeaseLost for a stale fence, KeyError for no such job. A reference that another live row of the
        account has folds this row into that one, which is returned.
        """
        self.check(fence)
        old = self._job(job_id)
        new = fn(old)
        if what is None and error is not None and new is not None and new.attempts == SILENT:
            what = f"{SILENT} looks in a row failed: {error.text}"
        if new is None:
            what = None if error is None else ""
        job = self._update(old, new if new is not None else old, who, what, touched=error is not None)
        if job.id == job_id:
            self._errors(job_id, error, clear_error)
        self._exchanges(job.id, exchanges)
        return job

    def change_group(
        self,
        parent_id: str,
        fn: Callable[[Job, list[Job]], tuple[Job, list[Job]]],
        *,
        fence: Fence | None = None,
        who: str = "reportdash",
        what: str | None = None,
        error: LastError | None = None,
        clear_error: bool = False,
        exchanges: Sequence[Exchange] = (),
    ) -> Job:
        """As `change`, for a group: children matched by `ordinal`; new ones get ids, none is taken away."""
        self.check(fence)
        old = self._job(parent_id)
        family = {child.ordinal: child for child in self.reads.children(parent_id)}
        new, children = fn(old, list(family.values()))
        parent = self._update(old, new, who, what, touched=error is not None)
        if parent.id != parent_id or parent.forgotten_at is not None:
            return parent
        for child in children:
            self._put_child(parent, family.get(child.ordinal), child, who)
        self._errors(parent_id, error, clear_error)
        self._exchanges(parent_id, exchanges)
        return parent

    def change_account(
        self,
        name: str,
        fn: Callable[[Account], Account | None],
        *,
        fence: Fence | None = None,
        who: str = "reportdash",
        what: str = "",
    ) -> Account:
        """Run `fn` on the fresh account; owner, epoch and lease stay as they are. KeyError: none such.

        `what`: if that changes anything, a line of history of each of its jobs that is still at work.
        """
        self.check(fence)
        old = self.reads.account(name)
        new = fn(old)
        if new is None:
            return old
        new = replace(
            new, name=old.name, owner=old.owner, epoch=old.epoch, lease_until=old.lease_until, rev=old.rev
        )
        if new == old:
            return old
        if what:
            self.db.execute(_TELL_ALL, (self.clock.now(), safe(what), safe(who), name))
        return self.put_account(new)

    def ensure_accounts(self, names: Mapping[str, str]) -> None:
        """Account name → vendor: rows for those that have none yet."""
        for name, vendor in names.items():
            row = self.db.execute("SELECT vendor FROM accounts WHERE name = ?", (name,)).fetchone()
            if row is None:
                self.db.execute(
                    "INSERT INTO accounts (name, vendor, rev) VALUES (?, ?, ?)",
                    (name, vendor, self.next_rev()),
                )
            elif row[0] != vendor:
                self.db.execute(
                    "UPDATE accounts SET vendor = ?, rev = ? WHERE name = ?", (vendor, self.next_rev(), name)
                )

    def record(self, job_id: str, exchange: Exchange) -> None:
        """Keep an exchange; the newest 20 stay. Raises KeyError for no such job."""
        self._job(job_id)
        self._exchanges(job_id, (exchange,))

    def forget(
        self,
        job_id: str,
        *,
        judged: Sequence[Job] | None = None,
        who: str = "operator",
        what: str = "forgotten",
    ) -> Job:
        """Make a tombstone of the job, and of its children.

        `judged`: the job and its children as the rules were applied to them; where one of them has moved on
        since, nothing is forgotten, and the row as it is now is returned.
        """
        now = self.clock.now()

        def change(job: Job) -> Job | None:
            if job.forgotten_at is not None:
                return None
            if judged is not None and _facts([job, *self.reads.children(job_id)]) != _facts(judged):
                return None
            return replace(job, forgotten_at=now, next_poll_at=None)

        return self.change(job_id, change, who=who, what=what)

    def prune(self, before: float) -> int:
        """Take settled rows older than `before` from the table; returns how many.

        They become bare tombstones, so that readers learn of it and nothing is adopted twice. A report
        that is still to be had and not saved, and a row with an intent, stay whatever their age.
        """
        unsaved = (
            "state IN ('ready', 'ready_with_warnings', 'notify_failed') AND artifact_state IS NOT 'saved'"
        )
        found = self.db.execute(
            "SELECT id FROM jobs WHERE settled_at < ? AND parent IS NULL AND forgotten_at IS NULL "
            "AND intent IS NULL AND artifact_state IS NOT 'fetching' "
            f"AND state NOT IN ('submitting', 'queued', 'running', 'finalizing', 'deleting', 'unknown') "
            f"AND NOT ({unsaved}) AND NOT EXISTS (SELECT 1 FROM jobs AS child WHERE child.parent = jobs.id "
            "AND child.forgotten_at IS NULL AND child.artifact_state IS 'fetching')",
            (before,),
        ).fetchall()
        for (job_id,) in found:
            family = [job_id, *(child.id for child in self.reads.children(job_id))]
            self.forget(job_id, who="reportdash", what="older than keep_days")
            for one in family:
                for table in ("history", "last_errors", "exchanges"):
                    self.db.execute(f"DELETE FROM {table} WHERE job = ?", (one,))
        return len(found)

    def check(self, fence: Fence | None) -> None:
        """Raises LeaseLost unless the account's row still has this owner and this epoch."""
        if fence is None:
            return
        row = self.db.execute("SELECT owner, epoch FROM accounts WHERE name = ?", (fence.account,)).fetchone()
        if row is None or row[0] != fence.owner or row[1] != fence.epoch:
            raise LeaseLost(fence.account)

    def put_account(self, account: Account) -> Account:
        """Write an account's row whole, with a new rev."""
        values = [safe(value) for value in account_row(replace(account, rev=self.next_rev()))]
        columns = ", ".join(f"{column} = ?" for column in ACCOUNT_COLUMNS)
        self.db.execute(f"UPDATE accounts SET {columns} WHERE name = ?", (*values, account.name))
        return account_of(tuple(values))

    def _job(self, job_id: str) -> Job:
        row = self._ahead.pop(job_id, None) or self.reads.row(job_id)
        if row is None:
            raise KeyError(job_id)
        return job_of(row)

    def _insert(self, job: Job) -> Job:
        job_id = job.id or new_id()
        while self.db.execute("SELECT 1 FROM jobs WHERE id = ?", (job_id,)).fetchone():
            job_id = new_id()
        row = safe_job_row(row_of(replace(job, id=job_id, rev=self.next_rev())))
        self.db.execute(_INSERT_JOB, (*row, self.clock.now()))
        added = job_of(row)
        if job.parent is None:
            self.ensure_accounts({job.account: job.vendor})
            self._note(added)
        return added

    def _update(self, old: Job, wanted: Job, who: str, what: str | None, *, touched: bool = False) -> Job:
        """Write the columns that differ, the history line they call for, and the new rev."""
        columns, mended = differences(old, wanted)
        if not columns and what is None and not touched:
            return old
        reference = columns.get("reference")
        if reference is not None and wanted.forgotten_at is None:
            other = self.reads.by_reference(wanted.account, reference)
            if other is not None and other.id != old.id:
                return self._fold(old, wanted, other, who)
        job = replace(wanted, id=old.id, rev=self.next_rev(), **mended)
        self._ahead.pop(old.id, None)  # it was read before this
        self.db.execute(_update_of(tuple(columns)), (*columns.values(), job.rev, old.id))
        if what is None:
            what = _told(old, job)
        if what:
            self._event(job, what, who)
        saved = columns.get("artifact_state") == ArtifactState.SAVED
        if job.parent is None and (saved or not _LOGGED.isdisjoint(columns)):
            self._note(job)
        if "forgotten_at" in columns and job.forgotten_at is not None:
            for child in self.reads.children(job.id):
                gone = replace(child, forgotten_at=job.forgotten_at, next_poll_at=None)
                self._update(child, gone, who, "forgotten with its group")
        return job

    def _put_child(self, parent: Job, old: Job | None, child: Job, who: str) -> None:
        reference = child.reference
        if reference is not None and (old is None or old.reference != reference):
            # Somebody may follow the child as a job of its own: then that row has the reference.
            taken = self.reads.by_reference(parent.account, reference)
            reference = None if taken is not None else reference
        kept = replace(
            child,
            id=old.id if old is not None else "",
            parent=parent.id,
            account=parent.account,
            vendor=parent.vendor,
            reference=reference,
        )
        if old is None:
            self._event(self._insert(kept), "seen in its group", who)
        else:
            self._update(old, kept, who, None)

    def _fold(self, old: Job, wanted: Job, other: Job, who: str) -> Job:
        """The vendor answered with a reference we follow already: one row of the two stays."""
        tomb = replace(
            wanted,
            intent=None,
            next_poll_at=None,
            forgotten_at=self.clock.now(),
            note=f"same as {other.id}",
        )
        self._update(old, tomb, who, f"the vendor gave the report of {other.id}")
        told = f"asked for again ({old.id}): the vendor gave this report"
        richer = _richer(other, wanted)
        if richer is not other:
            return self._update(other, richer, who, told)
        self._event(other, told, who)
        return other

    def _note(self, job: Job) -> None:
        self.noted.append(logbook.line(job, self.clock.now()))

    def _event(self, job: Job, what: str, who: str) -> None:
        line = (
            job.id,
            self.clock.now(),
            safe(what),
            safe(who),
            str(job.state),
            job.vendor_status,
            job.message,
        )
        added = self.db.execute(_INSERT_EVENT, line).lastrowid or 0
        if added % 16 == 0:  # now and then is often enough to keep it bounded
            self.db.execute(
                "DELETE FROM history WHERE job = ?1 AND seq <= "
                "(SELECT seq FROM history WHERE job = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
                (job.id, KEPT_EVENTS),
            )

    def _errors(self, job_id: str, error: LastError | None, clear: bool) -> None:
        if error is not None:
            values = (
                job_id,
                error.at,
                safe(error.kind),
                safe(error.text),
                safe(error.status),
                safe(error.code),
            )
            self.db.execute("INSERT OR REPLACE INTO last_errors VALUES (?, ?, ?, ?, ?, ?)", values)
        elif clear:
            self.db.execute("DELETE FROM last_errors WHERE job = ?", (job_id,))

    def _exchanges(self, job_id: str, exchanges: Sequence[Exchange]) -> None:
        for exchange in exchanges[-KEPT_EXCHANGES:]:
            values = (job_id, *exchange_row(exchange), job_id)
            self.db.execute(_INSERT_EXCHANGE, values)
        if exchanges:
            self.db.execute(_DROP_EXCHANGES, (job_id, KEPT_EXCHANGES))


def _richer(known: Job, sent: Job) -> Job:
    """A row that a list brought, perhaps before our own submit was answered, with what only that knows."""
    if known.spec is not None or sent.spec is None:
        return known
    given = sent.name not in (sent.spec.report, sent.reference)
    stands_in = known.adopted or known.name == known.reference
    return replace(known, spec=sent.spec, name=sent.name if given and stands_in else known.name)


def _facts(family: Sequence[Job]) -> list[tuple[object, ...]]:
    """What the rules for forgetting judge a job and its children by."""
    return [(job.id, job.state, job.intent, job.artifact) for job in family]


@cache
def _update_of(columns: tuple[str, ...]) -> str:
    """The statement that writes these columns: a job changes in few ways, so they are few."""
    return f"UPDATE jobs SET {''.join(f'{name} = ?, ' for name in columns)}rev = ? WHERE id = ?"


def _told(old: Job, new: Job) -> str | None:
    """The history line for what changed by itself; None when nobody needs one."""
    if old.state is not new.state:
        return f"{old.state} → {new.state}"
    if old.vendor_status != new.vendor_status:
        return f"{old.vendor_status or '–'} → {new.vendor_status or '–'}"
    if old.message != new.message:
        return "new message"
    well = old.attempts >= SILENT and new.attempts == 0
    return f"answers again, after {old.attempts} looks that failed" if well else None
