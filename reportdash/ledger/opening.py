"""Opening the ledger's file: folder and file modes, the journal mode, and sentences for what can be wrong.

Touches the data folder and nothing else. Knows no rows.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from reportdash.errors import Problem, UsageProblem
from reportdash.ledger import schema
from reportdash.plain import clean

BUSY_SECONDS = 15.0
"""How long a statement waits for another process's lock before it gives up."""

_NETWORKED = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "9p", "glusterfs", "lustre"})


def journal_mode(version: tuple[int, ...], networked: bool = False) -> str:
    """The journal mode that is safe for several processes with this SQLite: "wal" or "truncate".

    SQLite 3.7.0 to 3.51.2, but 3.44.6 and 3.50.7, can lose a commit when a WAL is reset by one process while
    another reads; and a WAL needs shared memory, which a network file system does not give.
    """
    affected = (3, 7, 0) <= version <= (3, 51, 2) and version not in ((3, 44, 6), (3, 50, 7))
    return "truncate" if affected or networked or version < (3, 7, 0) else "wal"


def connect(path: Path, now: float) -> sqlite3.Connection:
    """The ledger at `path` for reading and writing; made, or brought up to date, when need be.

    Raises UsageProblem: unwritable folder, another program's file, newer schema; Problem: damaged, disk full.
    """
    shown = clean(path, 300)
    try:
        _prepare(path)
    except OSError as error:
        raise UsageProblem(
            f"cannot write the ledger {shown}: {error.strerror or error}. "
            "Give a folder you may write with --data-dir or REPORTDASH_DATA_DIR."
        ) from error
    db = None
    try:
        db = _connect(path, "rw")
        _check(db, path)
        _set_journal(db, path)
        if schema.version(db) != schema.VERSION:
            _build(db, path, now)
    except sqlite3.Error as error:
        if db is not None:
            db.close()
        raise explain(error, path) from error
    except BaseException:
        if db is not None:
            db.close()
        raise
    return db


def connect_readonly(path: Path) -> tuple[sqlite3.Connection, bool]:
    """The ledger for reading alone, and whether it had to be opened as it lies on the disk.

    The second is true when nothing can be written next to it (full disk): then what a writer has not yet put
    into the main file is not seen. Raises UsageProblem when there is no ledger, else as `connect`.
    """
    if not path.exists():
        raise UsageProblem(
            f"there is no ledger at {clean(path, 300)} yet; `reportdash` or `track` makes one."
        )
    # Opened for writing at first: a crashed writer's journal has to be rolled back before anything is read.
    for mode, immutable in (("rw", False), ("ro", False), ("ro", True)):
        db = None
        try:
            db = _connect(path, mode, immutable=immutable)
            db.execute("PRAGMA query_only = ON")
            _check(db, path)
            if schema.version(db) != schema.VERSION:
                db.close()
                return _upgraded_for_reading(path), False
        except sqlite3.OperationalError as error:
            if db is not None:
                db.close()
            if immutable or error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise explain(error, path) from error
            continue
        except sqlite3.Error as error:
            if db is not None:
                db.close()
            raise explain(error, path) from error
        except BaseException:
            if db is not None:
                db.close()
            raise
        return db, immutable
    raise AssertionError("the last mode either opens or raises")


def _upgraded_for_reading(path: Path) -> sqlite3.Connection:
    import time

    db = connect(path, time.time())
    db.execute("PRAGMA query_only = ON")
    return db


def explain(error: sqlite3.Error, path: Path) -> Problem:
    """What a SQLite error means for the operator: what, why, what next."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    shown = clean(path, 300)
    if primary == sqlite3.SQLITE_FULL:
        return Problem(
            f"the disk is full: the ledger {shown} took no change. "
            "Free some space; what was written before is safe."
        )
    if primary in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return Problem(
            f"the ledger {shown} is damaged ({clean(error, 120)}). Nothing was changed. "
            "Put a backup in its place, or move it away to begin with an empty one."
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Problem(
            f"the ledger {shown} is held by another process for more than {BUSY_SECONDS:.0f} s. "
            "Nothing was changed; try again, or end the process that hangs."
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return UsageProblem(
            f"cannot write the ledger {shown} ({clean(error, 120)}). "
            "Give a folder you may write with --data-dir or REPORTDASH_DATA_DIR."
        )
    return Problem(f"the ledger {shown} could not be used: {clean(error, 200)}. Nothing was changed.")


def _prepare(path: Path) -> None:
    """Folder 0700 and file 0600 before SQLite sees them; SQLite gives its side files the file's mode."""
    folder = path.parent
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    elif folder.stat().st_mode & 0o077 and folder.stat().st_uid == os.geteuid() and _ours(folder, path):
        folder.chmod(0o700)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(handle)
        if found.st_mode & 0o077 and found.st_uid == os.geteuid():
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def _ours(folder: Path, path: Path) -> bool:
    # A folder that serves other ends (a home, /tmp) keeps its mode; one that is empty or has a ledger: ours.
    return path.exists() or not any(folder.iterdir())


def _connect(path: Path, mode: str, *, immutable: bool = False) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}{'&immutable=1' if immutable else ''}"
    return sqlite3.connect(
        address,
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
            raise UsageProblem(
                f"{clean(path, 300)} is not a reportdash ledger but another program's file. "
                "Nothing was changed; give another folder with --data-dir."
            )
    elif found > schema.VERSION:
        raise UsageProblem(
            f"the ledger {clean(path, 300)} was made by a newer reportdash (schema {found}, this one knows "
            f"{schema.VERSION}). Nothing was changed; upgrade reportdash, or give another folder "
            "with --data-dir."
        )


def _set_journal(db: sqlite3.Connection, path: Path) -> None:
    wanted = journal_mode(sqlite3.sqlite_version_info, _networked(path))
    try:
        db.execute(f"PRAGMA journal_mode = {wanted}")
    except sqlite3.OperationalError as error:
        # Another process has it open in the other mode: both modes are correct, so its choice stands.
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise


def _networked(path: Path) -> bool:
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
        real = str(path.resolve())
    except OSError:
        return False
    best, kind = "", ""
    for line in mounts:
        parts = line.split(" ")
        if len(parts) > 2 and len(parts[1]) >= len(best):
            point = parts[1].replace("\\040", " ")
            if real == point or real.startswith(point.rstrip("/") + "/"):
                best, kind = parts[1], parts[2]
    return kind in _NETWORKED or kind.startswith("fuse.")


def _build(db: sqlite3.Connection, path: Path, now: float) -> None:
    """Make or upgrade the tables under the write lock; another process may have done it meanwhile."""
    db.execute("BEGIN IMMEDIATE")
    try:
        _check(db, path)
        found = schema.version(db)
        if found == 0:
            schema.create(db, now)
        elif found < schema.VERSION:
            schema.upgrade(db, found)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
