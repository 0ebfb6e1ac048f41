"""The download folder as the disk has it: made, opened, measured. Everything here blocks."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from reportdash import durable
from reportdash.errors import Problem

FULL = (errno.ENOSPC, errno.EDQUOT)
FLOOR = 64 * 1024 * 1024
"""Bytes of the disk that downloads leave free."""


class NoSpace(Exception):
    """The disk is full, or would be fuller than the floor allows. `needed` bytes are missing or more."""

    def __init__(self, folder: Path, needed: int) -> None:
        super().__init__(f"disk full: no room for {size_text(max(needed, 1))} in {folder}")
        self.folder = folder
        self.needed = needed


def open_folder(folder: Path) -> int:
    """A descriptor of the folder, made (0700) where it is missing. Raises Problem with a sentence."""
    try:
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        for path in reversed(missing):
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)
            with suppress(OSError):  # its own name is to outlive a power cut as the files in it do
                durable.sync_folder(path.parent)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise folder_problem(folder, error) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        os.close(fd)
        raise folder_problem(folder, PermissionError(errno.EACCES, "Permission denied"))
    return fd


def folder_problem(folder: Path, error: OSError) -> Problem:
    """What to do about a folder that cannot be written."""
    why = os.strerror(error.errno) if error.errno else str(error)
    return Problem(f"{folder} cannot be written ({why}); set download_dir, or give --to DIR")


def size_text(count: int) -> str:
    """Bytes for people, decimal, three figures at most: `912 kB`, `18.4 MB`."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 99.95 and unit != "kB" else f"{value:.0f} {unit}"


def is_there(path: str, size: int) -> bool:
    """Whether a regular file of that size lies at `path`."""
    try:
        info = Path(path).stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(info.st_mode) and info.st_size == size


def part_size(folder: Path, job: str) -> int:
    """Bytes in the job's part, by whomever it is written; 0 without one."""
    try:
        found = [path for path in folder.iterdir() if is_part(path.name, job)]
        return max((path.lstat().st_size for path in found), default=0)
    except OSError:
        return 0


def is_part(name: str, job: str) -> bool:
    return name.startswith(".") and name.endswith(f"_{job}.part")
