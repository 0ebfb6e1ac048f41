"""Config, ledger and reports folder: there, readable, private, with room. These checks block on the disk."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from reportdash.board.units import plural
from reportdash.cli.checks.finding import Finding, note, problem, said
from reportdash.engine.folders import FLOOR
from reportdash.errors import Exit, Problem
from reportdash.ledger.opening import inspect, networked
from reportdash.ledger.problems import remote
from reportdash.ledger.schema import VERSION
from reportdash.settings import Settings

PATIENCE = 3.0
"""Seconds another process may hold the ledger."""
_OURS = ("ledger.", "jobs.log", "credential-stores", "debug.log", "crash-", "screen.toml")
"""How the names of our files in the data folder begin."""
_SHOWN = 3
_NAMED_BY = {
    "ledger": "with --data-dir or REPORTDASH_DATA_DIR",
    "reports": "by download_dir in the config or REPORTDASH_DOWNLOAD_DIR",
}
"""What says where each folder is."""


def config(settings: Settings) -> list[Finding]:
    """Where the config is, and whether anybody else can change it: it names commands that we run."""
    path = settings.path
    accounts = plural(len(settings.accounts), "account")
    if not path.exists():
        return [Finding("config", f"{path} (there is none: the defaults hold), {accounts}")]
    for place in (path, path.parent):
        if place.stat().st_uid not in (0, os.geteuid()):
            return [
                problem(
                    "config",
                    Exit.FAILED,
                    f"{place} belongs to another user",
                    "make it yours: `chown` it, or copy it",
                )
            ]
    if open_to_all := [place for place in (path, path.parent) if _writable(place, stat.S_IWOTH)]:
        (place, *_) = open_to_all
        return [problem("config", Exit.FAILED, f"anyone may write {place}", f"`chmod o-w {place}`")]
    if shared := [place for place in (path, path.parent) if _writable(place, stat.S_IWGRP)]:
        (place, *_) = shared
        return [note("config", f"{path}, {accounts}; its group may write {place}", f"`chmod g-w {place}`")]
    return [Finding("config", f"{path}, {accounts}")]


def _writable(place: Path, bit: int) -> bool:
    mode = place.stat().st_mode
    # In a folder like /tmp nobody puts a file in another's place.
    return bool(mode & bit) and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX)


def ledger(path: Path) -> list[Finding]:
    """The ledger with its folder: sound, of a schema we know, on a disk with room, and private."""
    found = _folder("ledger", path.parent)
    if not found.ok:
        return [found]
    try:
        seen = inspect(path, PATIENCE)
    except Problem as trouble:
        return [said("ledger", trouble.exit_code, trouble.text), *private(path.parent)]
    if seen is None:
        words, kind = f"{found.text}, no ledger yet", networked(path)
        first = note("ledger", words, remote(kind)) if kind else Finding("ledger", words)
        return [first, *private(path.parent)]
    words = f"{found.text}, {seen.jobs} {'job' if seen.jobs == 1 else 'jobs'}, sound, schema {seen.schema}"
    if seen.schema < VERSION:
        words += f" (the next command brings it up to {VERSION})"
    if seen.networked:
        where = remote(seen.networked)
        return [note("ledger", words, where), *private(path.parent)]
    return [Finding("ledger", words), *private(path.parent)]


def private(folder: Path) -> Iterator[Finding]:
    """Findings of what others may read or write in the data folder; none where all is private."""
    if not folder.is_dir():
        return
    files = sorted(path for path in folder.iterdir() if path.name.startswith(_OURS) and _plain(path))
    open_files = [path for path in files if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    if open_files:
        yield problem(
            "ledger",
            Exit.FAILED,
            f"others may read {_named(open_files)}",
            f"`chmod 600 {' '.join(map(str, open_files))}`",
        )
    if files and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        if folder.stat().st_uid == os.geteuid():
            step = f"`chmod 700 {folder}`, or name a folder of your own with --data-dir"
        else:
            step = "name a folder of your own with --data-dir"
        yield problem("ledger", Exit.FAILED, f"others may look into {folder}", step)


def _plain(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def _named(paths: Iterable[Path]) -> str:
    names = [path.name for path in paths]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def reports(folder: Path) -> list[Finding]:
    """The folder of saved reports."""
    return [_folder("reports", folder)]


def _folder(check: str, folder: Path) -> Finding:
    """Whether a folder, or the nearest one above it that exists, can be written and has room."""
    near = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    if not near.is_dir() or not os.access(near, os.W_OK | os.X_OK):
        why = "cannot be written" if near.is_dir() else "is not a folder"
        other = f"name another folder {_NAMED_BY[check]}"
        step = f"give yourself the right, or {other}" if near.is_dir() else other
        return problem(check, Exit.FAILED, f"{folder}: {near} {why}", step)
    free = shutil.disk_usage(near).free
    if free < FLOOR:
        return problem(check, Exit.FAILED, f"{folder}: {free // 10**6} MB are free", "make room on its disk")
    if near == folder and _writable(folder, stat.S_IWOTH):
        return problem(check, Exit.FAILED, f"{folder}: anyone may write there", f"`chmod o-w {folder}`")
    return Finding(check, f"{folder}, {free / 10**9:.1f} GB free")
