"""A damaged ledger is set aside, never deleted, and what is known of its jobs comes back.

First from the last backup, then from `jobs.log`. Touches the data folder and nothing else.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reportdash.clock import Clock
from reportdash.errors import Problem
from reportdash.ledger import logbook
from reportdash.ledger.opening import BACKUP
from reportdash.ledger.problems import SQLITE_ERRORS, DamagedLedger, damaged, explain
from reportdash.ledger.reads import Reads
from reportdash.ledger.store import Store
from reportdash.model import Intent, IntentKind, Job, JobState, Spec, Stage, replace

_SUSPECT = "ledger.suspect"
"""Beside a ledger that was found damaged while it was open: the next start looks at the whole of it."""
_SIDE_FILES = ("", "-journal", "-wal", "-shm")


@dataclass(slots=True, frozen=True)
class Rescue:
    """What became of a damaged ledger. `backup_at` None: there was no usable backup."""

    aside: Path
    backup_at: float | None
    jobs: int

    @property
    def text(self) -> str:
        """One sentence for the operator."""
        since = "there was no backup"
        if self.backup_at is not None:
            since = (
                f"the backup of {datetime.fromtimestamp(self.backup_at, UTC):%Y-%m-%d %H:%M} UTC was taken"
            )
        return (
            f"the ledger was damaged and lies aside as {self.aside}; {since}; {self.jobs} jobs are in the "
            "table. `reportdash track ACCOUNT --all` adopts what a vendor still lists."
        )


def check(path: Path) -> None:
    """Read the whole file on a connection of its own. Raises Problem; DamagedLedger when it is not sound."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=15.0)) as db:
            found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
            if found == "ok":
                Reads(db, breathe=True).changed_since(-1)
    except SQLITE_ERRORS as error:
        problem = explain(error, path)
    except (KeyError, ValueError, TypeError) as error:  # a word no ledger of ours has
        problem = damaged(path, f"unreadable row: {error}")
    else:
        if found == "ok":
            return
        problem = damaged(path, found)
    if isinstance(problem, DamagedLedger):
        suspect(path)
    raise problem


def suspect(path: Path) -> None:
    """Have the next start look at the whole of this ledger."""
    with suppress(OSError):
        path.with_name(_SUSPECT).touch()


def suspected(path: Path) -> bool:
    """Whether this ledger was found damaged."""
    return path.with_name(_SUSPECT).exists()


def back_up(path: Path, before: float) -> bool:
    """Copy the ledger as it is now to the backup, whole or not at all, unless one is newer than `before`.

    Returns whether one was made. Raises Problem, OSError.
    """
    folder = path.parent
    target, part = folder / BACKUP, folder / f"{BACKUP}.{os.getpid()}.part"
    if target.exists() and target.stat().st_mtime > before:
        return False
    logbook.turn(folder)
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        try:
            with (
                closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=15.0)) as db,
                closing(sqlite3.connect(part)) as copy,
            ):
                db.backup(copy)
        except SQLITE_ERRORS as error:
            raise explain(error, path) from error
        check(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    logbook.drop_old(folder)
    return True


def rescue(path: Path, clock: Clock) -> Rescue | None:
    """Set a damaged ledger aside and make one that knows its jobs; None when it is sound after all."""
    with _alone(path.parent):
        try:
            Store.open(path, clock=clock).close()
            check(path)
        except DamagedLedger:
            pass
        else:
            path.with_name(_SUSPECT).unlink(missing_ok=True)
            return None
        stamp = f"{datetime.fromtimestamp(clock.now(), UTC):%Y%m%dT%H%M%SZ}"
        aside = _free(path.with_name(f"{path.name}.damaged-{stamp}"))
        for side in reversed(_SIDE_FILES):
            found = path.with_name(path.name + side)
            if found.exists():
                found.rename(aside.with_name(aside.name + side))
        backup_at = _restore(path)
        with Store.open(path, clock=clock) as store:
            path.with_name(_SUSPECT).unlink(missing_ok=True)
            for told in _latest(path.parent):
                store.write(_again(store, told, clock.now()))
            count = int(
                store.db.execute("SELECT count(*) FROM jobs WHERE forgotten_at IS NULL").fetchone()[0]
            )
        return Rescue(aside, backup_at, count)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One rescuer at a time; the second finds a sound ledger."""
    handle = os.open(folder / "rescue.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _free(wanted: Path) -> Path:
    path, n = wanted, 1
    while path.exists():
        n += 1
        path = wanted.with_name(f"{wanted.name}-{n}")
    return path


def _restore(path: Path) -> float | None:
    """Put the backup in the ledger's place, if it is sound; when it was made."""
    backup = path.with_name(BACKUP)
    try:
        made = backup.stat().st_mtime
        check(backup)
    except (OSError, Problem):
        return None
    part = path.with_name(f"{path.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(backup.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return made


def _latest(folder: Path) -> list[dict[str, Any]]:
    """What the log says of each job in the end."""
    known: dict[str, dict[str, Any]] = {}
    for told in logbook.read(folder):
        known[told["id"]] = known.get(told["id"], {}) | told
    return list(known.values())


def _again(store: Store, told: Mapping[str, Any], now: float) -> Callable[[], object]:
    """The change that brings one job of the log back, or up to date with what the log says."""
    job_id, reference = str(told["id"]), told.get("reference")
    forgotten = told.get("forgotten_at")
    verbs = store.verbs

    def follow(job: Job) -> Job | None:
        if reference is not None and job.reference is None:
            job = replace(
                job, reference=reference, state=JobState.UNKNOWN, intent=None, message=None, next_poll_at=now
            )
        return replace(job, forgotten_at=forgotten, next_poll_at=None) if forgotten is not None else job

    def change() -> object:
        if store.job(job_id) is None:
            job = _job(told, now)
            if forgotten is None:
                return verbs.add(job, who="reportdash", what="came back from jobs.log")
            if reference is not None and store.by_reference(job.account, reference) is not None:
                return None
            verbs.add(job, who="reportdash", what="came back from jobs.log")
        return verbs.change(job_id, follow, who="reportdash")

    return change


def _job(told: Mapping[str, Any], now: float) -> Job:
    """A job of the log: with a reference it is looked at, without one nobody knows whether it was sent."""
    reference, spec = told.get("reference"), told.get("spec")
    job = Job(
        id=str(told["id"]),
        account=str(told["account"]),
        vendor=str(told["vendor"]),
        name=str(told["name"]),
        reference=reference,
        state=JobState.UNKNOWN,
        submitted_at=told.get("submitted_at") or told["at"],
        updated_at=now,
        next_poll_at=now,
        tracked=True,
        children_total=told.get("children_total"),
        spec=Spec(*spec) if spec is not None else None,
    )
    if reference is not None:
        return job
    return replace(
        job,
        state=JobState.SUBMITTING,
        next_poll_at=None,
        tracked=False,
        message="unsure: the ledger was damaged before its answer was kept",
        intent=Intent(IntentKind.SUBMIT, Stage.UNSURE, told["at"], str(told.get("key") or told["id"])),
    )
