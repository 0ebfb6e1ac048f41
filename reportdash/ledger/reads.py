"""Every question one can ask the ledger. Reads only; the connection is handed in."""
# ruff: noqa: S608 - the SQL is put together from constants of this room alone; values are always bound

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from reportdash.clock import rfc3339
from reportdash.errors import UsageProblem
from reportdash.ledger import owner as owners
from reportdash.ledger.lines import json_lines
from reportdash.ledger.rows import (
    ACCOUNT,
    JOB,
    Row,
    account_of,
    error_of,
    event_of,
    exchange_of,
    intent_of,
    job_of,
    safe,
)
from reportdash.model import (
    OCCUPIES_SLOT,
    Account,
    Event,
    Exchange,
    Health,
    IntentKind,
    Job,
    JobState,
    LastError,
    Stage,
)
from reportdash.plain import clean

CHUNK = 500
"""Rows made into records in one go: a few milliseconds, after which other threads get their turn."""

_LIVE = "forgotten_at IS NULL"
_NEWEST = "coalesce(submitted_at, added_at) DESC, seq DESC"
_SLOT_STATES = "state IN ('queued', 'running', 'finalizing')"  # as the index jobs_slots has it
_EXPIRING = (  # as the index jobs_expiring has it
    "state IN ('ready', 'ready_with_warnings', 'notify_failed', 'empty', 'failed')"
)
_TOGETHER = 20
"""Questions for many rows ask for a multiple of so many, so that there are few statements to prepare."""
_CHILD = re.compile(r"(.+)\.(\d{1,6})\Z")


class Changes(NamedTuple):
    """What is newer than a rev. Forgotten jobs come too, with `forgotten_at` set."""

    rev: int
    jobs: list[Job]
    accounts: list[Account]


class Known(NamedTuple):
    """As much of a row as holding a vendor's list against it takes. `busy`: an act is open."""

    id: str
    state: JobState
    vendor_status: str | None
    drift: str | None
    submitted_at: float | None
    busy: bool


class Reads:
    """The ledger's reading side, over one connection. Each method is one moment of the ledger."""

    def __init__(self, db: sqlite3.Connection, *, breathe: bool = False) -> None:
        self.db = db
        # In the ledger's thread a long read lets the event loop run between chunks.
        self._breathe = breathe

    def rev(self) -> int:
        """The rev of the newest write."""
        return int(self.db.execute("SELECT rev FROM meta").fetchone()[0])

    def rescued_at(self) -> float | None:
        """When a damaged ledger was last replaced by this one."""
        found = self.db.execute("SELECT rescued_at FROM meta").fetchone()[0]
        return None if found is None else float(found)

    def data_version(self) -> int:
        """A number that moves when another connection has committed."""
        return int(self.db.execute("PRAGMA data_version").fetchone()[0])

    def jobs(self, limit: int | None = None) -> list[Job]:
        """Not forgotten, newest submitted first, children after their parent in ordinal order.

        `limit` counts the rows that are no children.
        """
        with self._moment():
            tops = self._many(
                f"SELECT {JOB} FROM jobs WHERE parent IS NULL AND {_LIVE} ORDER BY {_NEWEST} LIMIT ?",
                (-1 if limit is None else limit,),
            )
            if limit is None:
                children = self._many(
                    f"SELECT {JOB} FROM jobs WHERE parent IS NOT NULL AND {_LIVE} ORDER BY parent, ordinal",
                    (),
                )
            else:
                children = [child for top in tops if top.is_group for child in self.children(top.id)]
        if not children:
            return tops
        families: dict[str, list[Job]] = {}
        for child in children:
            families.setdefault(child.parent or "", []).append(child)
        listed: list[Job] = []
        for top in tops:
            listed.append(top)
            listed.extend(families.pop(top.id, ()))
        for orphans in families.values():
            listed.extend(orphans)
        return listed

    def json_lines(self) -> list[str]:
        """What `jobs --json` prints, a line a row, in the order of `jobs`, without making records."""
        with self._moment():
            unwell = {one.name: str(one.shown) for one in self.accounts() if one.shown is not Health.OK}
            try:
                return json_lines(self.db, unwell)
            except sqlite3.OperationalError as error:
                if "no such function" not in str(error):  # a SQLite built without its JSON functions
                    raise
            health = {one.name: one.shown for one in self.accounts()}
            rows = (job.as_json(health.get(job.account, Health.OK)) for job in self.jobs())
            return [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]

    def job(self, job_id: str) -> Job | None:
        """By exact id, forgotten ones too."""
        row = self.row(job_id)
        return None if row is None else job_of(row)

    def row(self, job_id: str) -> Row | None:
        """The row of a job as `job_of` takes it."""
        row: Row | None = self.db.execute(f"SELECT {JOB} FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return row

    def rows(self, ids: Sequence[str]) -> dict[str, Row]:
        """The rows of many jobs by id; who is not there is left out."""
        asked = [*ids, *[""] * (-len(ids) % _TOGETHER)]
        marks = ", ".join("?" * len(asked))
        return {
            row[0]: row for row in self.db.execute(f"SELECT {JOB} FROM jobs WHERE id IN ({marks})", asked)
        }

    def find(self, text: str) -> Job:
        """By exact id, unambiguous prefix, or PARENT.n. Raises UsageProblem that says what to do next."""
        wanted = text.strip().lower()
        job = self.job(wanted)
        if job is not None and job.forgotten_at is None:
            return job
        if job is not None:
            again = (
                f" `reportdash track {job.account} {job.reference}` follows it again."
                if job.reference
                else ""
            )
            raise UsageProblem(f"job {job.id} was forgotten on {rfc3339(job.forgotten_at)}.{again}")
        if child := _CHILD.match(wanted):
            parent = self._prefix(child[1])
            family = self.children(parent.id)
            number = int(child[2])
            found = next((one for one in family if one.ordinal == number), None)
            if found is None:
                has = f"has {len(family)}" if family else "has none"
                raise UsageProblem(
                    f"job {parent.id} has no child {number}: it {has}. `reportdash jobs` lists them."
                )
            return found
        return self._prefix(wanted)

    def _prefix(self, wanted: str) -> Job:
        shown = clean(wanted, 40)
        if not wanted or not wanted.isascii() or not wanted.isalnum():
            raise UsageProblem(
                f"no job is named {shown!r}: an id has 6 letters and digits. `reportdash jobs` lists them."
            )
        rows = self.db.execute(
            f"SELECT {JOB} FROM jobs WHERE id >= ? AND id < ? AND {_LIVE} ORDER BY id LIMIT 6",
            (wanted, wanted + "\x7f"),
        ).fetchall()
        if not rows:
            raise UsageProblem(f"no job begins with {shown}. `reportdash jobs` lists them.")
        if len(rows) > 1 and rows[0][0] != wanted:
            some = ", ".join(row[0] for row in rows[:5]) + (" …" if len(rows) > 5 else "")
            raise UsageProblem(
                f"{shown} is ambiguous: {some}. Give more letters; `reportdash jobs` lists them."
            )
        return job_of(rows[0])

    def by_reference(self, account: str, reference: str) -> Job | None:
        """The job of this account with this reference, if it is not forgotten."""
        return self._one(
            f"SELECT {JOB} FROM jobs WHERE account = ? AND reference = ? AND {_LIVE}",
            (account, safe(reference)),
        )

    def children(self, parent: str) -> list[Job]:
        """In ordinal order."""
        return self._many(f"SELECT {JOB} FROM jobs WHERE parent = ? AND {_LIVE} ORDER BY ordinal", (parent,))

    def accounts(self) -> list[Account]:
        """By name."""
        return [account_of(row) for row in self.db.execute(f"SELECT {ACCOUNT} FROM accounts ORDER BY name")]

    def account(self, name: str) -> Account:
        """Raises KeyError when there is none."""
        row = self.db.execute(f"SELECT {ACCOUNT} FROM accounts WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise KeyError(name)
        return account_of(row)

    def changed_since(self, rev: int) -> Changes:
        """Every job and account with a newer rev, oldest change first; ask next with the `rev` returned."""
        with self._moment():
            newest = self.rev()
            if newest <= rev:
                return Changes(newest, [], [])
            jobs = self._many(f"SELECT {JOB} FROM jobs WHERE rev > ? ORDER BY rev", (rev,))
            found = self.db.execute(f"SELECT {ACCOUNT} FROM accounts WHERE rev > ? ORDER BY rev", (rev,))
            return Changes(newest, jobs, [account_of(row) for row in found])

    def history(self, job_id: str) -> list[Event]:
        """Oldest first."""
        query = "SELECT at, what, who, state, vendor_status, message FROM history WHERE job = ? ORDER BY seq"
        return [event_of(row) for row in self.db.execute(query, (job_id,))]

    def states_at(self, moment: float) -> dict[str, JobState | None]:
        """Jobs with something in their history after `moment` (unix seconds), and the state each had then.

        None: the ledger did not have it yet.
        """
        last = "SELECT seq FROM history WHERE at <= ? ORDER BY seq DESC LIMIT 1"
        found = self.db.execute(last, (moment,)).fetchone()
        seq = 0 if found is None else found[0]
        was = "SELECT state FROM history WHERE job = h.job AND seq <= ?1 ORDER BY seq DESC LIMIT 1"
        query = f"SELECT h.job, ({was}) FROM (SELECT DISTINCT job FROM history WHERE seq > ?1) AS h"
        return {job: JobState(state) if state else None for job, state in self.db.execute(query, (seq,))}

    def exchanges(self, job_id: str) -> list[Exchange]:
        """The newest 20, oldest first."""
        query = (
            "SELECT at, method, url, status, ms, request, response, size, error "
            "FROM exchanges WHERE job = ? ORDER BY n"
        )
        return [exchange_of(row) for row in self.db.execute(query, (job_id,))]

    def last_error(self, job_id: str) -> LastError | None:
        query = "SELECT at, kind, text, status, code FROM last_errors WHERE job = ?"
        row = self.db.execute(query, (job_id,)).fetchone()
        return None if row is None else error_of(row)

    def due(self, account: str, now: float, limit: int = 100) -> list[Job]:
        """Jobs to look at by `now`, the longest due first."""
        return self._many(
            f"SELECT {JOB} FROM jobs WHERE account = ? AND next_poll_at <= ? AND {_LIVE} "
            "ORDER BY next_poll_at LIMIT ?",
            (account, now, limit),
        )

    def next_due(self, account: str) -> float | None:
        """When the next look is due; None when there is nothing to look at."""
        query = (
            f"SELECT min(next_poll_at) FROM jobs WHERE account = ? AND next_poll_at IS NOT NULL AND {_LIVE}"
        )
        found: float | None = self.db.execute(query, (account,)).fetchone()[0]
        return found

    def known(self, account: str) -> dict[str, Known | None]:
        """Reference → what is known of it here, of every row but children; None for a forgotten one."""
        query = (
            "SELECT reference, forgotten_at IS NULL, id, state, vendor_status, drift, submitted_at, "
            "intent IS NOT NULL FROM jobs "
            "WHERE account = ? AND reference IS NOT NULL AND parent IS NULL ORDER BY forgotten_at IS NULL"
        )
        return {
            reference: Known(row[0], JobState(row[1]), row[2], row[3], row[4], row[5] == 1) if live else None
            for reference, live, *row in self.db.execute(query, (account,))
        }

    def durations(self, account: str, each: int = 50) -> list[tuple[str, tuple[float, float]]]:
        """(report, span in which it ended) of jobs submitted here; newest first, at most `each` a report.

        What was deleted or has expired since counts as well. Only newer rows.
        """
        query = (
            "SELECT report, took_from, took_to FROM (SELECT seq, took_from, took_to, "
            "json_extract(spec, '$.report') AS report, row_number() OVER "
            "(PARTITION BY json_extract(spec, '$.report') ORDER BY seq DESC) AS place FROM jobs "
            "WHERE account = ? AND took_to IS NOT NULL AND spec IS NOT NULL AND tracked = 0 "
            "AND seq > (SELECT max(seq) FROM jobs) - 20000) WHERE place <= ? ORDER BY seq DESC"
        )
        rows = self.db.execute(query, (account, each)).fetchall()
        return [(str(report), (float(low), float(high))) for report, low, high in rows]

    def outlived(self, now: float, limit: int = 100, accounts: Collection[str] | None = None) -> list[Job]:
        """Settled jobs (of these accounts) whose result's life has ended by `now`, the earliest first."""
        theirs = "" if accounts is None else f"AND account IN ({', '.join('?' * len(accounts))}) "
        return self._many(
            f"SELECT {JOB} FROM jobs WHERE expires_at <= ? AND expires_at IS NOT NULL AND {_LIVE} "
            f"AND {_EXPIRING} AND intent IS NULL {theirs}ORDER BY expires_at LIMIT ?",
            (now, *(accounts or ()), limit),
        )

    def fetching(self) -> list[Job]:
        """Jobs of which some process is, or was when it died, downloading the report; no children."""
        return self._many(
            f"SELECT {JOB} FROM jobs WHERE artifact_state = 'fetching' AND parent IS NULL AND {_LIVE}", ()
        )

    def unfetched(self) -> list[Job]:
        """Jobs whose report is ready, and whose download has not begun, or failed; no children."""
        return self._many(
            f"SELECT {JOB} FROM jobs WHERE state IN ('ready', 'ready_with_warnings') "
            f"AND coalesce(artifact_state, 'none') IN ('none', 'failed') AND parent IS NULL AND {_LIVE}",
            (),
        )

    def open_intents(self, account: str | None = None) -> list[Job]:
        """Jobs with an intent, the oldest intent first."""
        where, args = ("account = ? AND ", (account,)) if account is not None else ("", ())
        jobs = self._many(f"SELECT {JOB} FROM jobs WHERE {where}intent IS NOT NULL AND {_LIVE}", args)
        return sorted(jobs, key=lambda job: (job.intent.at if job.intent else 0.0, job.rev))

    def slots_used(self, account: str) -> int:
        """Jobs that hold one of the vendor's slots, and submits of any process that may be under way."""
        query = (
            f"SELECT count(*) FROM jobs WHERE account = ? AND {_SLOT_STATES} AND parent IS NULL AND {_LIVE}"
        )
        held = int(self.db.execute(query, (account,)).fetchone()[0])
        query = f"SELECT intent, state FROM jobs WHERE account = ? AND intent IS NOT NULL AND {_LIVE}"
        for text, state in self.db.execute(query, (account,)):
            intent = intent_of(text)
            under_way = intent.kind is IntentKind.SUBMIT and intent.stage in (Stage.SENDING, Stage.UNSURE)
            if under_way and JobState(state) not in OCCUPIES_SLOT:
                held += 1
        return held

    def owner_alive(self, owner: str, now: float) -> bool:
        """On this host by pid and start time, elsewhere by its heartbeat."""
        here = owners.lives_here(owner)
        if here is not None:
            return here
        row = self.db.execute("SELECT beat_at FROM owners WHERE owner = ?", (owner,)).fetchone()
        return row is not None and abs(now - row[0]) < owners.ALIVE_SECONDS

    def _one(self, query: str, args: tuple[Any, ...]) -> Job | None:
        row = self.db.execute(query, args).fetchone()
        return None if row is None else job_of(row)

    def _many(self, query: str, args: tuple[Any, ...]) -> list[Job]:
        cursor = self.db.execute(query, args)
        found: list[Job] = []
        while rows := cursor.fetchmany(CHUNK):
            found.extend(map(job_of, rows))
            if self._breathe and len(rows) == CHUNK:
                time.sleep(0.0002)
        return found

    def _moment(self) -> _Moment:
        return _Moment(self.db)


class _Moment:
    """One read transaction around several questions, so that all see the same ledger; nests in a write."""

    __slots__ = ("db", "mine")

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.mine = False

    def __enter__(self) -> None:
        if not self.db.in_transaction:
            self.db.execute("BEGIN")
            self.mine = True

    def __exit__(self, *exc: object) -> None:
        if self.mine and self.db.in_transaction:
            self.db.execute("COMMIT")
