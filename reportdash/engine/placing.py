"""Two calls of the system that Python does not have, and what to do where the file system has them not.

Giving a file its final name without ever replacing another, and reserving blocks without growing the file.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from typing import Any

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
_NO_SUCH_CALL = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
_RENAME_NOREPLACE = 1
_KEEP_SIZE = 1


def place(folder_fd: int, part: str, final: str) -> None:
    """Give `part` the name `final` in the same folder; raises FileExistsError when that name is taken.

    By a hard link (`part` stays and is to be unlinked after the folder is synced). Where there are no hard
    links, by a rename that refuses to replace. Where there is no such rename either, an empty file of ours
    takes the name first, and only that is replaced.
    """
    try:
        os.link(part, final, src_dir_fd=folder_fd, dst_dir_fd=folder_fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        return
    if not _rename_noreplace(folder_fd, part, final):
        _rename_over_own(folder_fd, part, final)


def reserve_blocks(fd: int, total: int) -> bool:
    """Reserve disk for `total` bytes, the file's size staying as it is. False where that is not possible.

    Raises OSError (ENOSPC) when the disk is too full.
    """
    library = _libc()
    if library is None or not hasattr(library, "fallocate") or total <= 0:
        return False
    if library.fallocate(fd, _KEEP_SIZE, ctypes.c_longlong(0), ctypes.c_longlong(total)) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSPC, errno.EDQUOT):
        raise OSError(code, os.strerror(code))
    return False


def _rename_noreplace(folder_fd: int, part: str, final: str) -> bool:
    """False when neither the C library nor the file system knows the call."""
    library = _libc()
    if library is None or not hasattr(library, "renameat2"):
        return False
    done = library.renameat2(folder_fd, os.fsencode(part), folder_fd, os.fsencode(final), _RENAME_NOREPLACE)
    if done == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_SUCH_CALL:
        return False
    raise OSError(code, os.strerror(code), final)


def _rename_over_own(folder_fd: int, part: str, final: str) -> None:
    fd = os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder_fd)
    try:
        ours = os.fstat(fd)
    finally:
        os.close(fd)
    there = os.stat(final, dir_fd=folder_fd, follow_symlinks=False)
    if (ours.st_dev, ours.st_ino, there.st_size) != (there.st_dev, there.st_ino, 0):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), final)
    os.rename(part, final, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)


@functools.cache
def _libc() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None, use_errno=True)
    except OSError:
        return None
