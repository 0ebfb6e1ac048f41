"""The file a vendor publishes into a folder of ours: found, never guessed, and read without trust.

Everything here blocks.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from reportdash.errors import Problem
from reportdash.plain import clean

_SHOWN = 5


@dataclass(slots=True)
class Source:
    """A published file, open for reading. `size` and `mtime` as they were when it was opened."""

    path: Path
    size: int
    mtime: float
    _fd: int

    def read(self, count: int) -> bytes:
        """The next bytes. Raises Problem where the disk it lies on gives none."""
        try:
            return os.read(self._fd, count)
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def changed(self) -> bool:
        """Whether the file has grown, shrunk or been written since it was opened. Raises Problem."""
        try:
            info = os.fstat(self._fd)
        except OSError as error:
            raise _unreadable(self.path, error) from None
        return (info.st_size, info.st_mtime) != (self.size, self.mtime)

    def close(self) -> None:
        fd, self._fd = self._fd, -1  # a late thread must not meet the number's next owner
        os.close(fd)


def _matching(pattern: str) -> list[str]:
    """What matches now. Each report has a pattern of its own, and Python keeps 32,768 of them compiled, with
    25 MB in the end (private; where it is not as in 3.11 to 3.13 they stay)."""
    try:
        return glob.glob(pattern)  # noqa: PTH207 - the pattern is absolute, which Path.glob refuses
    finally:
        forget = getattr(getattr(fnmatch, "_compile_pattern", None), "cache_clear", None)
        if forget is not None:
            forget()


def pick_file(pattern: str, since: float | None) -> Source:
    """The one regular file that matches and is newer than `since` (seconds since the epoch).

    Raises Problem when there is none, when there are several, and when it cannot be read.
    """
    found: list[tuple[Path, os.stat_result]] = []
    older = 0
    for name in _matching(pattern):
        try:
            info = os.lstat(name)
        except OSError:
            continue
        if not stat.S_ISREG(info.st_mode):
            continue
        # Some file systems keep whole seconds only.
        if since is not None and info.st_mtime < int(since):
            older += 1
            continue
        found.append((Path(name), info))
    if not found:
        what = "no file newer than the submit matches" if older else "no file matches"
        raise Problem(f"{what} {clean(pattern, 300)}; look whether it is published, and at `published`")
    if len(found) > 1:
        names = sorted(clean(path.name, 100) for path, _ in found)
        shown = ", ".join(names[:_SHOWN]) + (
            f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        )
        raise Problem(
            f"{len(found)} files match {clean(pattern, 300)}: {shown}; none is taken by guess; "
            "make `published` match one"
        )
    path = found[0][0]
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError as error:
        raise Problem(
            f"{clean(path, 300)} cannot be read ({error.strerror}); give this user the right to it"
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)
        raise Problem(f"{clean(path, 300)} is no regular file; look at `published`")
    return Source(path, info.st_size, info.st_mtime, fd)


def _unreadable(path: Path, error: OSError) -> Problem:
    return Problem(
        f"{clean(path, 300)} cannot be read ({error.strerror}); look at the disk it lies on, then download "
        "it again"
    )
