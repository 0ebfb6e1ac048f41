"""What a SQLite error means for the operator: what, why, what next. No I/O."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reportdash.errors import Exit, Problem, UsageProblem
from reportdash.plain import clean

BUSY_SECONDS = 15.0
"""How long a statement waits for another process's lock before it gives up."""

_ELSEWHERE = "Give a folder you may write with --data-dir or REPORTDASH_DATA_DIR."
_BROKEN = ("no such table", "no such column", "has no column", "malformed", "ould not decode")
"""Words, without a code, about a file that has lost what we put there."""


class UnreadableRow(ValueError):
    """A row with something in it that no ledger of ours ever had."""


SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError, UnreadableRow)
"""What SQLite's module raises, the second when a damaged file's own text stands in the message; and what its
rows may turn out to be."""


class DamagedLedger(Problem):
    """The file is not readable as the ledger it was. `rescue` brings back what is known."""


class ReplacedLedger(DamagedLedger):
    """Another process has put a new file in the ledger's place: what was open is out of date."""


class DiskFull(Problem):
    """There is no room for a change; what was written before is safe."""


def primary(error: Exception) -> int:
    """The primary result code, 0 when SQLite gave none."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Around reads of one's own: what SQLite raises, as a Problem."""
    try:
        yield
    except SQLITE_ERRORS as error:
        raise explain(error, path) from error


def explain(error: Exception, path: Path) -> Problem:
    """The Problem for an error of this file. Whatever it was, the change it met was not made."""
    code, shown, words = primary(error), clean(path, 300), clean(error, 150)
    if code == sqlite3.SQLITE_FULL:
        return disk_full(path)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT) or any(sign in words for sign in _BROKEN):
        return damaged(path, words)
    if isinstance(error, UnicodeDecodeError | UnreadableRow):
        return damaged(path, words)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Problem(
            f"the ledger {shown} has been held by another process for {BUSY_SECONDS:.0f} s. "
            "Nothing was changed; try again, or end the process that hangs."
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return UsageProblem(f"cannot write the ledger {shown} ({words}). {_ELSEWHERE}")
    return Problem(f"the ledger {shown} could not be used: {words}. Nothing was changed; try again.")


def damaged(path: Path, words: str) -> DamagedLedger:
    return DamagedLedger(
        f"the ledger {clean(path, 300)} is damaged ({clean(words, 150)}). Nothing was changed. "
        "The next `reportdash` or `reportdash watch` sets it aside and brings its jobs back.",
        exit_code=Exit.USAGE,
    )


def remote(kind: str) -> str:
    """What is said of a ledger on a network file system: it is run without shared memory, for one host."""
    return (
        f"the ledger lies on {clean(kind, 30)}, a network file system: use it from one host at a time, "
        "or give a local folder with --data-dir"
    )


def mute(path: Path) -> str:
    """What is said while the file does not answer."""
    return (
        f"the ledger {clean(path, 300)} does not answer: its disk or file system hangs, or another process "
        "holds it; nothing is asked of any vendor until it does"
    )


def replaced(path: Path) -> ReplacedLedger:
    return ReplacedLedger(
        f"another process has put a new file in the place of the ledger {clean(path, 300)}. "
        "This change was not kept; look at the table and try again."
    )


def disk_full(path: Path) -> DiskFull:
    return DiskFull(
        f"the disk is full: the ledger {clean(path, 300)} took no change. "
        "Free some space and try again; what was written before is safe."
    )


def unwritable(path: Path, error: OSError) -> UsageProblem:
    return UsageProblem(
        f"cannot write the ledger {clean(path, 300)}: {error.strerror or clean(error)}. {_ELSEWHERE}"
    )


def unreachable(path: Path, error: OSError) -> UsageProblem:
    return UsageProblem(
        f"cannot look for the ledger {clean(path, 300)}: {error.strerror or clean(error)}. {_ELSEWHERE}"
    )


def foreign(path: Path) -> UsageProblem:
    return UsageProblem(
        f"{clean(path, 300)} is not a reportdash ledger but another program's file. "
        "Nothing was changed; give another folder with --data-dir."
    )


def newer(path: Path, found: int, known: int) -> UsageProblem:
    return UsageProblem(
        f"the ledger {clean(path, 300)} was made by a newer reportdash (schema {found}; known is {known}). "
        "Nothing was changed; upgrade reportdash, or give another folder with --data-dir."
    )
