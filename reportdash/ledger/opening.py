"""Opening the ledger's file: folder and file modes, the journal mode, and what to refuse before any write.

Touches the data folder and nothing else. Knows no rows.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from reportdash.errors import Problem
from reportdash.ledger import schema
from reportdash.ledger.problems import (
    BUSY_SECONDS,
    SQLITE_ERRORS,
    damaged,
    disk_full,
    explain,
    foreign,
    newer,
    primary,
    unreachable,
    unwritable,
)

LOG = "jobs.log"
BACKUP = "ledger.backup.db"

MOUNTS = Path("/proc/self/mounts")
_NETWORKED = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afs",
        "ceph",
        "9p",
        "glusterfs",
        "lustre",
        "beegfs",
        "gpfs",
        "virtiofs",
        "vboxsf",
    }
)
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
"""What the system says when there is no room, on the disk or for this user."""
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
"""What opening ends with where there is no room for a WAL's shared memory."""


def journal_mode(version: tuple[int, ...], networked: bool = False) -> str:
    """The journal mode that is safe for several processes with this SQLite: "wal" or "truncate".

    SQLite 3.7.0 to 3.51.2, but 3.44.6 and 3.50.7, can lose a commit when a WAL is reset by one process while
    another reads; and a WAL needs shared memory, which a network file system does not give.
    """
    affected = (3, 7, 0) <= version <= (3, 51, 2) and version not in ((3, 44, 6), (3, 50, 7))
    return "truncate" if affected or networked or version < (3, 7, 0) else "wal"


def connect(path: Path, now: float, *, fresh: bool = False) -> tuple[sqlite3.Connection, bool]:
    """The ledger at `path` for reading and writing; made, or brought up to date, when need be.

    `fresh`: it may be a new one although the folder has had another.
    The second value is true when there is no room to open it but as it lies on the disk, for reading alone.
    Raises UsageProblem: unwritable folder, another program's file, newer schema; Problem: damaged, disk full.
    """
    try:
        if not fresh:
            _miss(path)
        _prepare(path)
    except OSError as error:
        raise (disk_full(path) if error.errno in NO_SPACE else unwritable(path, error)) from error
    try:
        return _ready(path, now), False
    except SQLITE_ERRORS as error:
        if primary(error) in _NO_ROOM and path.stat().st_size:
            return as_it_lies(path), True
        raise explain(error, path) from error


def connect_readonly(path: Path, now: float) -> tuple[sqlite3.Connection, bool]:
    """The ledger for reading alone; an empty one in memory when there is none. Second value as for `connect`.

    Opened like any other, so that a killed writer's journal is rolled back before anything is read. Raises as
    `connect`, but takes a folder that cannot be written.
    """
    _miss(path)
    if not path.exists():
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        schema.create(db, now)
        return db, False
    try:
        return _ready(path, now, write=False), False
    except SQLITE_ERRORS as error:
        if primary(error) in (*_NO_ROOM, sqlite3.SQLITE_READONLY) and path.stat().st_size:
            return as_it_lies(path), True
        raise explain(error, path) from error


class Inspection(NamedTuple):
    """What a look at a ledger finds: jobs in the table, the schema's version (0: an empty file), the kind of
    the network file system it lies on, else empty."""

    jobs: int
    schema: int
    networked: str


def inspect(path: Path, patience: float) -> Inspection | None:
    """The ledger as it is, after a quick check: none is made, none brought up to date. None: there is none.

    `patience`: seconds to wait for another process's lock. Raises as `connect`.
    """
    _miss(path)
    if not path.exists():
        return None
    try:
        # For writing, so that a killed writer's journal is rolled back first.
        with closing(_connect(path, "rw")) as db:
            db.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
            _check(db, path)
            found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
            if found != "ok":
                raise damaged(path, found)
            version = schema.version(db)
            count = "SELECT count(*) FROM jobs WHERE forgotten_at IS NULL"
            jobs = int(db.execute(count).fetchone()[0]) if version else 0
    except SQLITE_ERRORS as error:
        if primary(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Problem(
                f"another process has held the ledger {path} for {patience:g} s: try again, or end the one "
                "that hangs"
            ) from error
        raise explain(error, path) from error
    return Inspection(jobs, version, networked(path))


def _miss(path: Path) -> None:
    """Raises DamagedLedger where the jobs of this folder are gone: to begin anew would be to lose them."""
    if not known_here(path):
        return
    if not path.exists():
        raise damaged(path, "it is gone, though it had jobs")
    if path.stat().st_size == 0:
        raise damaged(path, "it is empty, though it had jobs")


def there(path: Path) -> bool:
    """Whether there is a ledger. Raises UsageProblem where its folder cannot be looked into."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise unreachable(path, error) from error
    return True


def known_here(path: Path) -> bool:
    """Whether this folder has had a ledger of ours, by what lies beside it."""
    return any((path.parent / name).exists() for name in (LOG, BACKUP))


def as_it_lies(path: Path) -> sqlite3.Connection:
    """The main file alone, without a look at locks or at what a writer has not yet put into it."""
    try:
        db = _connect(path, "ro&immutable=1")
        try:
            _check(db, path)
        except BaseException:
            db.close()
            raise
    except SQLITE_ERRORS as error:
        raise explain(error, path) from error
    return db


def _ready(path: Path, now: float, *, write: bool = True) -> sqlite3.Connection:
    db = _connect(path, "rw")
    try:
        _check(db, path)
        if write:
            _set_journal(db, path)
        if schema.version(db) != schema.VERSION:
            _build(db, path, now)
        counter = db.execute("SELECT rev FROM meta").fetchone()
        if counter is None or not isinstance(counter[0], int):
            raise damaged(path, "its counter is gone")
        if not write:
            db.execute("PRAGMA query_only = ON")
    except BaseException:
        db.close()
        raise
    return db


def _prepare(path: Path) -> None:
    """Folder 0700 and file 0600 before SQLite sees them; SQLite gives its side files the file's mode."""
    folder = path.parent
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    else:
        found = folder.stat()
        if found.st_mode & 0o077 and found.st_uid == os.geteuid() and _ours(folder, path):
            folder.chmod(0o700)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(handle)
        if found.st_mode & 0o777 != 0o600 and found.st_uid == os.geteuid():
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def _ours(folder: Path, path: Path) -> bool:
    # A folder that serves other ends (a home, /tmp) keeps its mode; one that is empty or has a ledger: ours.
    return path.exists() or not any(folder.iterdir())


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not ours or newer than we are, before anything is written."""
    found = schema.version(db)
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    if application != schema.APPLICATION_ID:
        if application or found or db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            raise damaged(path, "its header is not ours any more") if known_here(path) else foreign(path)
    elif found > schema.VERSION:
        raise newer(path, found, schema.VERSION)


def _set_journal(db: sqlite3.Connection, path: Path) -> None:
    wanted = journal_mode(sqlite3.sqlite_version_info, bool(networked(path)))
    try:
        db.execute(f"PRAGMA journal_mode = {wanted}")
    except sqlite3.OperationalError as error:
        # Another process has it open in the other mode: its choice stands while it runs.
        if primary(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise


def networked(path: Path) -> str:
    """The kind of the network file system the ledger lies on, `nfs4`; empty where it is none."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
        real = str(path.resolve())
    except OSError:
        return ""
    best, kind = "", ""
    for line in mounts:
        parts = line.split(" ")
        if len(parts) > 2 and len(parts[1]) >= len(best):
            point = parts[1].replace("\\040", " ")
            if real == point or real.startswith(point.rstrip("/") + "/"):
                best, kind = parts[1], parts[2]
    return kind if kind in _NETWORKED or kind.startswith("fuse.") else ""


def _keep(path: Path, version: int) -> None:
    """Leave a copy of the file as it was before an upgrade, for the way back."""
    kept = path.with_name(f"{path.name}.schema-{version}")
    part = kept.with_name(f"{kept.name}.part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    with closing(_connect(path, "ro")) as db, closing(_connect(part, "rw")) as copy:
        db.backup(copy)
    part.replace(kept)


def _build(db: sqlite3.Connection, path: Path, now: float) -> None:
    """Make or upgrade the tables under the write lock; another process may have done it meanwhile."""
    db.execute("BEGIN IMMEDIATE")
    try:
        _check(db, path)
        found = schema.version(db)
        if found == 0:
            schema.create(db, now)
        elif found < schema.VERSION:
            _keep(path, found)
            schema.upgrade(db, found)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
