"""A damaged ledger is set aside, never deleted, and what is known of its jobs comes back.

First from the last backup, then from `jobs.log`. Touches the data folder and nothing else.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reportdash import durable
from reportdash.clock import Clock
from reportdash.errors import Problem
from reportdash.ledger import logbook
from reportdash.ledger.opening import BACKUP, NO_SPACE, there
from reportdash.ledger.problems import (
    SQLITE_ERRORS,
    DamagedLedger,
    damaged,
    disk_full,
    explain,
    unwritable,
)
from reportdash.ledger.reads import Reads
from reportdash.ledger.store import Failed, Store
from reportdash.lifecycle import enter
from reportdash.model import (
    Artifact,
    ArtifactState,
    Intent,
    IntentKind,
    Job,
    JobState,
    Spec,
    Stage,
    Verified,
    replace,
)

_SUSPECT = "ledger.suspect"
"""Beside a ledger that was found damaged while it was open: the next start looks at the whole of it."""
_SIDE_FILES = ("", "-journal", "-wal", "-shm")
_AHEAD = 86_400.0
"""Seconds by which a file server's clock may be ahead; a backup from still later was made while our own clock
was wrong, and says nothing of its age."""
_UNSURE = "unsure: the ledger was damaged before its answer was kept"
_UNSURE_SINCE = "unsure: the ledger was damaged; whether it was sent since the backup is not known"
_NOT_DELETED = "the ledger was damaged while it was being deleted; if it is still there, delete it again"


@dataclass(slots=True, frozen=True)
class Rescue:
    """What became of a damaged ledger. `backup_at` None: there was no usable backup."""

    aside: Path | None
    backup_at: float | None
    jobs: int

    @property
    def text(self) -> str:
        """One sentence for the operator."""
        what = "gone" if self.aside is None else "damaged"
        since = "the log, without a backup"
        if self.backup_at is not None:
            since = (
                f"the backup of {datetime.fromtimestamp(self.backup_at, UTC):%Y-%m-%d %H:%M} UTC and the log"
            )
        back = "1 job is back" if self.jobs == 1 else f"{self.jobs} jobs are back"
        where = "" if self.aside is None else f". The old file is {self.aside}"
        return f"the ledger was {what}: {back}, from {since}; what only a vendor's list knows follows{where}"


def check(path: Path, *, rows: bool = True) -> None:
    """Read the whole file on a connection of its own. Raises Problem; DamagedLedger when it is not sound.

    `rows`: make records of its rows as well, which takes a hundred times as long.
    """
    try:
        # For writing, so that a killed writer's journal is rolled back first.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=15.0)) as db:
            found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
            if found == "ok" and rows:
                Reads(db, breathe=True).changed_since(-1)
    except SQLITE_ERRORS as error:
        problem = explain(error, path)
    else:
        if found == "ok":
            return
        problem = damaged(path, found)
    if isinstance(problem, DamagedLedger):
        suspect(path)
    raise problem


def sound(path: Path) -> bool:
    """Whether a start can trust the file: nobody found it damaged, and a quick check finds nothing now.

    One that is not there, or does not answer, is for opening it to judge. Raises UsageProblem where its
    folder cannot be looked into.
    """
    found = there(path)
    if suspected(path):
        return False
    if not found:
        return True
    try:
        check(path, rows=False)
    except DamagedLedger:
        return False
    except Problem:
        pass
    return True


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
    with _alone(path.parent):  # of two at once the slower one would put back what the other has left behind
        if _fresh(path.with_name(BACKUP), before):
            return False
        _back_up(path, path.parent)
    return True


def _fresh(backup: Path, before: float) -> bool:
    return backup.exists() and before < backup.stat().st_mtime <= time.time() + _AHEAD


def _back_up(path: Path, folder: Path) -> None:
    target, part = folder / BACKUP, folder / f"{BACKUP}.{os.getpid()}.part"
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
        durable.sync_folder(folder)  # before the lines it holds are dropped
    finally:
        part.unlink(missing_ok=True)
    logbook.drop_old(folder)


def rescue(path: Path, clock: Clock) -> Rescue | None:
    """Set a damaged ledger aside and make one that knows its jobs; None when it is sound after all.

    The new one is whole before the old one is moved: a crash, or a disk without room, leaves everything for
    the next start. Raises Problem.
    """
    try:
        with _alone(path.parent):
            try:
                Store.open(path, clock=clock).close()
                check(path)
            except DamagedLedger:
                suspect(path)
            else:
                path.with_name(_SUSPECT).unlink(missing_ok=True)
                return None
            backup_at, count = _build(path, clock)
            aside = _put_aside(path, clock.now())
            path.with_name(f"{path.name}.new").replace(path)
            durable.sync_folder(path.parent)
            path.with_name(_SUSPECT).unlink(missing_ok=True)
            return Rescue(aside, backup_at, count)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise disk_full(path) from error
        raise unwritable(path, error) from error


def _build(path: Path, clock: Clock) -> tuple[float | None, int]:
    """Make the new ledger beside the old one; when its backup was made, and how many jobs it has."""
    made = path.with_name(f"{path.name}.new")
    _clear(made)
    backup_at, now = _restore(made, path.with_name(BACKUP), clock), clock.now()
    with Store.open(made, clock=clock, fresh=True) as store:
        told = [_again(store, one, now) for one in _latest(path.parent)]
        for result in store.commit(
            [*told, lambda: _hold_back(store, now), lambda: _mark(store, now)], durable=True
        ):
            # A line of the log that says nothing usable is none; no room is the end of it.
            if isinstance(result, Failed) and isinstance(result.error, Problem):
                raise result.error
        count = int(store.db.execute("SELECT count(*) FROM jobs WHERE forgotten_at IS NULL").fetchone()[0])
        store.db.execute("PRAGMA journal_mode = delete")  # one file, to be moved
    return backup_at, count


def _hold_back(store: Store, now: float) -> None:
    """What had been set out to do when the backup was made may have been done since, or given up: none of it
    is sent by itself. A submit is the operator's to decide; a delete is taken back, to be asked for anew.
    """
    for job in store.open_intents():
        store.verbs.change(job.id, lambda row: _held_back(row, now))


def _held_back(job: Job, now: float) -> Job | None:
    intent = job.intent
    if intent is None or (intent.kind is IntentKind.SUBMIT and job.message == _UNSURE):
        return None
    if intent.kind is IntentKind.SUBMIT:
        unsure = replace(intent, stage=Stage.UNSURE, owner=None, not_before=None)
        return replace(job, intent=unsure, message=_UNSURE_SINCE, updated_at=now)
    back = enter(job, job.prior or JobState.UNKNOWN, now)
    return replace(back, intent=None, prior=None, message=_NOT_DELETED, updated_at=now, next_poll_at=now)


def _mark(store: Store, now: float) -> None:
    """Vendors' lists are read anew, and nobody polls: who did, did so on the old file."""
    store.db.execute("UPDATE meta SET rescued_at = ?", (now,))
    store.db.execute("UPDATE accounts SET owner = NULL, lease_until = NULL")


def _put_aside(path: Path, now: float) -> Path | None:
    """Move the old file and what belongs to it; None when there is none."""
    stamp = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    aside = _free(path.with_name(f"{path.name}.damaged-{stamp}"))
    there = path.exists()
    for side in reversed(_SIDE_FILES):
        found = path.with_name(path.name + side)
        if found.exists():
            found.rename(aside.with_name(aside.name + side))
    return aside if there else None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time rescues or makes a backup; the second finds a sound ledger, or a fresh backup."""
    handle = os.open(folder / "rescue.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with suppress(OSError):  # a file system without locks
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


def _restore(path: Path, backup: Path, clock: Clock) -> float | None:
    """Copy the backup to `path`, if it is sound; when it was made."""
    try:
        made = backup.stat().st_mtime
        check(backup, rows=False)
    except (OSError, Problem):
        return None
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(backup.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    try:
        # An older reportdash may have made it: its rows can be read only when it is brought up to date.
        Store.open(path, clock=clock, fresh=True).close()
        check(path)
    except DamagedLedger:
        _clear(path)
        return None
    for kept in path.parent.glob(f"{path.name}.schema-*"):
        kept.unlink()  # the way back is the backup itself
    return made


def _clear(path: Path) -> None:
    for side in _SIDE_FILES:
        path.with_name(path.name + side).unlink(missing_ok=True)


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
        if not job.saved:
            job = replace(job, artifact=_copy(told) or job.artifact)
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


def _copy(told: Mapping[str, Any]) -> Artifact | None:
    """Our file of the report, if the log has one; whether it lies there still is looked at when it counts."""
    saved = told.get("saved")
    if saved is None:
        return None
    path, size, total, sha256, verified = saved
    return Artifact(ArtifactState.SAVED, path, size, total, sha256, Verified(verified))


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
        artifact=_copy(told),
    )
    if reference is not None:
        return job
    return replace(
        job,
        state=JobState.SUBMITTING,
        next_poll_at=None,
        tracked=False,
        message=_UNSURE,
        intent=Intent(IntentKind.SUBMIT, Stage.UNSURE, told["at"], str(told.get("key") or told["id"])),
    )
