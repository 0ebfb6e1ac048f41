"""Small files written whole or not at all, by one process at a time.

A reader finds the old content or the new one, also after a power cut: temporary file, fsync, rename, fsync
of the folder. Private from the first byte: mode 0600, in folders of mode 0700.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MODE = 0o600
FOLDER_MODE = 0o700
_PAUSE = 0.02
_RANDOM = 8  # letters that mkstemp puts after a prefix
# What file systems say that know no fsync of a folder; the name is there all the same.
_NO_SUCH_CALL = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)


class Busy(OSError):
    """Another process has held the file's lock for as long as we were ready to wait."""


@contextlib.contextmanager
def beside(path: Path, content: bytes) -> Iterator[Path]:
    """A private file with `content`, safely on disk in the folder of `path`; gone at the end unless moved."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield made
    finally:
        made.unlink(missing_ok=True)


def replace(path: Path, content: bytes) -> None:
    """Put `content` at `path`, which need not exist. Raises OSError: the old file is whole then.

    A symbolic link stays one: the file it leads to is replaced. For whoever holds the file's lock: what a
    killed process left behind of its own try is removed first.
    """
    target = path.resolve()
    target.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for stale in leftovers(target):
        stale.unlink(missing_ok=True)
    with beside(target, content) as made:
        made.replace(target)
    sync_folder(target.parent)


def leftovers(path: Path) -> list[Path]:
    """What processes that were killed in `beside` left of the file at `path`, secrets and all."""
    target = path.resolve()
    prefix = f".{target.name}-"
    with contextlib.suppress(FileNotFoundError):
        return [
            file
            for file in target.parent.iterdir()
            if file.name.startswith(prefix) and len(file.name) == len(prefix) + _RANDOM
        ]
    return []


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` outlive a power cut, where its file system can. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync_names(descriptor)
    finally:
        os.close(descriptor)


def sync_names(folder: int) -> None:
    """The same for an open folder."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NO_SUCH_CALL:
            raise


@contextlib.contextmanager
def locked(path: Path, patience: float) -> Iterator[None]:
    """Hold the lock of the file at `path` (`path`.lock, which stays): one process, one thread at a time.

    The lock is that of the file a symbolic link leads to. Blocks for `patience` seconds at most. Raises Busy
    after them, and OSError where no lock can be made.
    """
    target = path.resolve()
    target.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    lock, end = target.with_name(f"{target.name}.lock"), time.monotonic() + patience
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
        try:
            _take(descriptor, lock, end)
            if _is_at(descriptor, lock):
                yield
                return
            if time.monotonic() >= end:
                raise Busy(errno.EWOULDBLOCK, "its lock is replaced again and again", str(lock))
        finally:
            os.close(descriptor)  # which gives the lock back


def _take(descriptor: int, lock: Path, end: float) -> None:
    """Lock it, by the moment `end`. Raises Busy."""
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise Busy(errno.EWOULDBLOCK, "another process holds its lock", str(lock)) from None
            time.sleep(_PAUSE)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file still has its name: the next one to come locks the file of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises OSError.

    Never waits: a pipe, which could keep us for ever, is refused as what it is.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit} bytes", str(path))
    return content
