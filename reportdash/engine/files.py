"""One download's file: a hidden part beside a small sidecar, and the steps that make it a final file.

Everything here blocks and is called in a thread. A final name appears only by `link`, after the bytes are on
the disk, and never over another file. Names are opened relative to the folder's own descriptor and never
through a symlink; files are 0600, folders made on the way 0700.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reportdash import durable
from reportdash.engine import sidecar
from reportdash.engine.folders import FLOOR, FULL, NoSpace, folder_problem, is_part, open_folder
from reportdash.engine.names import numbered
from reportdash.engine.placing import place, reserve_blocks
from reportdash.engine.sidecar import Sidecar, boot_id
from reportdash.errors import Problem

SYNC_EVERY = 64 * 1024 * 1024
"""Bytes between two records of how much of a part has surely reached the disk."""
_READ = 1024 * 1024


class PartBusy(Exception):
    """Another process writes this part."""


@dataclass(slots=True, frozen=True)
class Finished:
    """A file under its final name, durable."""

    path: Path
    size: int
    sha256: str
    verified: str


class Part:
    """A part file that this process has locked. Use from one task at a time."""

    def __init__(self, folder: Path, folder_fd: int, name: str, fd: int, job: str, floor: int) -> None:
        self.folder = folder
        self.name = name
        self.job = job
        self.size = 0
        self._dir = folder_fd
        self._fd = fd
        self._floor = floor
        self._reserved = 0
        self._sealed = False  # an earlier run counted it complete and noted its hash
        self._placed = False  # it has its final name: its bytes are not ours to change any more
        self._recalled = False
        self._hash = hashlib.sha256()
        self._extra: Any = None
        self.side = Sidecar(job, boot=boot_id())

    # opening and closing

    @classmethod
    def open(cls, folder: Path, stem: str, job: str, *, floor: int = FLOOR) -> Part:
        """The job's part in `folder`, made or found again and locked; its content is hashed on `recall`.

        Raises PartBusy, NoSpace, or Problem with a sentence when the folder cannot be written.
        """
        folder_fd = open_folder(folder)
        try:
            name = _known_part(folder_fd, job) or f".{stem}.part"
            fd = _open_part(folder, folder_fd, name)
        except BaseException:
            os.close(folder_fd)
            raise
        part = cls(folder, folder_fd, name, fd, job, floor)
        try:
            known = sidecar.read(folder_fd, name + ".json")
            if known is not None and known.job == job:
                part.side = known
        except BaseException:
            part.close()
            raise
        return part

    def close(self) -> None:
        """Give back the lock and the reserved blocks; the part stays where it is."""
        with suppress(OSError):
            self._flush()
        with suppress(OSError):
            if self._reserved > self.size and os.fstat(self._fd).st_nlink == 1:
                os.ftruncate(self._fd, self.size)
        open_ones = self._fd, self._dir
        self._fd = self._dir = -1  # a late thread must not meet the numbers' next owners
        for fd in open_ones:
            with suppress(OSError):
                os.close(fd)

    # going on with what is there

    @property
    def resumable(self) -> bool:
        """Whether there is something to go on with, of a version that can be named."""
        return self.size > 0 and self.side.etag is not None

    @property
    def worth_keeping(self) -> bool:
        """Whether a later run can make something of the part or its sidecar."""
        # Until it is read the size is not known: giving up on reading it must not lose what came before.
        return self.resumable or self.side.final is not None or (not self._recalled and bool(self.side.etag))

    @property
    def complete(self) -> bool:
        """Whether every byte is here already, and only the final name is missing."""
        return self._sealed or (self.resumable and self.size == self.side.total)

    @property
    def sha256(self) -> str:
        return str(self._hash.hexdigest())

    def recall(self) -> Finished | None:
        """Read what an earlier run left: its finished file if only the ledger's word is missing, else None.

        After it `size` counts the bytes that can be gone on with, hashed.
        """
        finished = self._adopt()
        if finished is not None:
            return finished
        info = os.fstat(self._fd)
        if info.st_nlink > 1:
            # It has a final name already that the sidecar does not know: its bytes are not ours to change.
            self._replace_part()
            return None
        size = info.st_size
        if self.side.sha256 is not None:
            self._rehash(size)
            self._sealed = self.sha256 == self.side.sha256
            if self._sealed:
                self._take_back()
                return None
        if self.side.boot != boot_id() or not self._written():
            size = min(size, self.side.synced)  # what was only in memory may have become holes
        if self.side.etag is None or (self.side.total is not None and size > self.side.total):
            size = 0
        if size < info.st_size:
            os.ftruncate(self._fd, size)
        self._rehash(size)
        if size == 0:
            self.side = Sidecar(self.job, boot=boot_id())
        else:
            self.side = replace(self.side, boot=boot_id(), synced=min(self.side.synced, self.size))
        return None

    def checksum_matches(self) -> bool | None:
        """Whether the bytes have the vendor's checksum; None without one that can be computed."""
        wanted = (self.side.checksum or "").partition(":")[2].strip().lower()
        if not wanted or self._extra is None:
            return None
        return str(self._extra.hexdigest()) == wanted

    # writing

    def restart(
        self, *, etag: str | None, total: int | None, extension: str | None, checksum: str | None = None
    ) -> None:
        """Throw away what is there and begin version `etag` of `total` bytes. Raises NoSpace."""
        os.ftruncate(self._fd, 0)
        self._reserved, self._sealed = 0, False
        self.side = Sidecar(self.job, etag, total, extension, checksum, boot=boot_id())
        self._rehash(0)
        self._write_side()
        self.reserve()

    def reserve(self) -> None:
        """Make sure of the disk for all that is to come, where its size is known. Raises NoSpace."""
        total = self.side.total
        if total is None or self._reserved >= total:
            return
        self._need(total - self.size)
        try:
            if reserve_blocks(self._fd, total):
                self._reserved = total
        except OSError as error:
            raise self._full(error, total - self.size) from None

    def append(self, data: bytes) -> None:
        """Write at the end. What was written stays written when it raises NoSpace."""
        if self.size + len(data) > self._reserved:
            self._need(len(data))
        view = memoryview(data)
        while view:
            try:
                count = os.write(self._fd, view)
            except OSError as error:
                raise self._full(error, len(data)) from None
            for hasher in (self._hash, self._extra):
                if hasher is not None:
                    hasher.update(view[:count])
            self.size += count
            view = view[count:]
        if self.size - self.side.synced >= SYNC_EVERY:
            self.sync()
            self._write_side()

    def sync(self) -> None:
        """Bring all that is here to the disk. Raises NoSpace or Problem; what did not get there is cut off
        then: a second try would be told that all is well, of bytes that are nowhere but in memory.
        """
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            missing = self.size - self.side.synced
            self._cut_off()
            raise self._full(error, missing) from None
        self.side = replace(self.side, synced=self.size)

    def came_whole(self) -> None:
        """Nothing was cut off: what is here is all there is."""
        self.side = replace(self.side, total=self.size)

    def head(self, limit: int) -> bytes:
        """The first bytes of what is there."""
        return os.pread(self._fd, limit, 0)

    def room(self, needed: int) -> bool:
        """Whether `needed` bytes fit now without touching the floor."""
        info = os.fstatvfs(self._fd)
        return info.f_bavail * info.f_frsize >= needed + self._lowest(info)

    # the end

    def finish(self, name: str, verified: str) -> Finished:
        """fsync(part) → link(part, final) → fsync(folder) → unlink(part). Raises NoSpace or Problem.

        `name`, or `name (2)` and so on: the first that is free. The sidecar stays until `forget`, so that a
        crash before the ledger knows of the file costs nothing.
        """
        try:
            os.fsync(self._fd)
        except OSError as error:
            self._cut_off()
            raise folder_problem(self.folder, error) from None
        try:
            here, there = os.fstat(self._fd), os.stat(self.name, dir_fd=self._dir, follow_symlinks=False)
            if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
                raise Problem(
                    f"{self.folder / self.name} was exchanged while it was written and not saved; "
                    "download it again"
                )
            for number in range(1, 10_000):
                final = numbered(name, number)
                self.side = replace(self.side, final=final, sha256=self.sha256, verified=verified)
                self._write_side()
                try:
                    place(self._dir, self.name, final)
                except FileExistsError:
                    continue
                self._placed = True
                break
            else:
                raise Problem(f"{self.folder} holds ten thousand files named {name}; move some away")
            durable.sync_names(self._dir)
            with suppress(FileNotFoundError):
                os.unlink(self.name, dir_fd=self._dir)
        except OSError as error:
            raise self._full(error, _READ) from None
        return Finished(self._where() / final, self.size, self.sha256, verified)

    def forget(self) -> None:
        """The ledger knows the final file: the sidecar has done its work."""
        with suppress(FileNotFoundError):
            os.unlink(self.name + ".json", dir_fd=self._dir)

    def drop(self) -> None:
        """Take the part and its sidecar away."""
        with suppress(FileNotFoundError):
            os.unlink(self.name, dir_fd=self._dir)
        self.forget()

    # inside

    def _where(self) -> Path:
        """The folder's path now: it may have been renamed meanwhile, or its path lead to another one."""
        ours = os.fstat(self._dir)
        with suppress(OSError):
            for path in (self.folder, Path(f"/proc/self/fd/{self._dir}").readlink()):
                if path.exists() and os.path.samestat(path.stat(), ours):
                    return path
        return self.folder

    def _adopt(self) -> Finished | None:
        side = self.side
        if side.final is None or side.sha256 is None:
            return None
        try:
            fd = os.open(side.final, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._dir)
        except OSError:
            return None
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
                return None
            if _hash_file(fd, info.st_size).hexdigest() != side.sha256:
                return None
            os.fsync(fd)
            durable.sync_names(self._dir)
        finally:
            os.close(fd)
        self._placed = True
        with suppress(FileNotFoundError):
            os.unlink(self.name, dir_fd=self._dir)
        return Finished(self._where() / side.final, info.st_size, side.sha256, side.verified or "none")

    def _take_back(self) -> None:
        """Where `place` can only hold a final name with an empty file, a kill leaves that file in the way."""
        with suppress(OSError):
            info = os.stat(self.side.final or "", dir_fd=self._dir, follow_symlinks=False)
            ours = stat.S_ISREG(info.st_mode) and info.st_uid == os.geteuid() and info.st_nlink == 1
            if ours and not info.st_size and self.size:
                os.unlink(self.side.final or "", dir_fd=self._dir)

    def _replace_part(self) -> None:
        self.drop()
        fd = _open_part(self.folder, self._dir, self.name)
        os.close(self._fd)
        self._fd = fd
        self.size = 0
        self.side = Sidecar(self.job, boot=boot_id())

    def _written(self) -> bool:
        """Whether nothing that an earlier run wrote got lost on its way to the disk, as far as is known."""
        try:
            os.fdatasync(self._fd)
        except OSError:
            return False
        return True

    def _flush(self) -> None:
        """A network file system writes when a file is closed, and says only then that it cannot."""
        twin = os.dup(self._fd)
        try:
            os.close(twin)
        except OSError:
            self._cut_off()

    def _cut_off(self) -> None:
        """Back to what has surely reached the disk; the rest may read well now and be gone tomorrow."""
        if self._placed:
            return
        size = self.side.synced if self.side.etag is not None else 0
        os.ftruncate(self._fd, size)
        self._reserved, self._sealed = 0, False
        self.side = replace(self.side, final=None, sha256=None, verified=None)
        self._rehash(size)

    def _rehash(self, size: int) -> None:
        self._hash = hashlib.sha256()
        self._extra = _hasher(self.side.checksum)
        offset = 0
        while offset < size:
            block = os.pread(self._fd, min(_READ, size - offset), offset)
            if not block:
                break
            self._hash.update(block)
            if self._extra is not None:
                self._extra.update(block)
            offset += len(block)
        self.size, self._recalled = offset, True
        os.lseek(self._fd, offset, os.SEEK_SET)

    def _lowest(self, info: os.statvfs_result) -> int:
        """The floor: at most a fiftieth of a small disk."""
        return min(self._floor, info.f_blocks * info.f_frsize // 50)

    def _need(self, count: int) -> None:
        if not self.room(count):
            raise NoSpace(self.folder, count)

    def _full(self, error: OSError, needed: int) -> Exception:
        if error.errno in FULL:
            return NoSpace(self.folder, needed)
        return folder_problem(self.folder, error)

    def _write_side(self) -> None:
        try:
            sidecar.write(self._dir, self.name + ".json", self.side)
        except OSError as error:
            raise self._full(error, 4096) from None


def _known_part(folder_fd: int, job: str) -> str | None:
    """An older part of the job, found by its id: the rest of its name may have changed with the job's."""
    return next((name for name in sorted(os.listdir(folder_fd)) if is_part(name, job)), None)


def _open_part(folder: Path, folder_fd: int, name: str) -> int:
    """Open and lock. The name is checked again after the lock: its last owner may just have finished."""
    for _ in range(100):
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            fd = os.open(name, flags, 0o600, dir_fd=folder_fd)
        except OSError as error:
            if error.errno in FULL:
                raise NoSpace(folder, 1) from None
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                raise _foreign(folder, name) from None
            raise folder_problem(folder, error) from None
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
                raise _foreign(folder, name)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PartBusy(name) from None
            except OSError:
                pass  # a file system without locks: the ledger's owner is what is left
            try:
                there = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
            except FileNotFoundError:
                os.close(fd)
                continue
            if (info.st_dev, info.st_ino) != (there.st_dev, there.st_ino):
                os.close(fd)
                continue
            os.fchmod(fd, 0o600)
        except BaseException:
            with suppress(OSError):
                os.close(fd)
            raise
        return fd
    raise PartBusy(name)


def _foreign(folder: Path, name: str) -> Problem:
    return Problem(f"{folder / name} is not a plain file of ours; look at it, then take it away")


def _hasher(checksum: str | None) -> Any:
    """The hash a vendor's `algorithm:hex` needs; None for one that this Python does not know."""
    algorithm = (checksum or "").partition(":")[0].strip().lower()
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        return None
    return hashlib.new(algorithm, usedforsecurity=False)


def _hash_file(fd: int, size: int) -> Any:
    found, offset = hashlib.sha256(), 0
    while offset < size and (block := os.pread(fd, _READ, offset)):
        found.update(block)
        offset += len(block)
    return found
