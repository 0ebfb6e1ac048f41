"""The small file beside a part: what must be known to go on with it after a crash. Everything here blocks."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

_MAX = 64 * 1024


@dataclass(slots=True, frozen=True)
class Sidecar:
    """What must be known to go on with a part. No address, ever.

    `etag` a strong one or None; `checksum` the vendor's, as `md5:…`; `total` the whole size in bytes;
    `synced` bytes surely on the disk in `boot`; `final`, `sha256` and `verified` are written just before the
    file gets its final name.
    """

    job: str
    etag: str | None = None
    total: int | None = None
    extension: str | None = None
    checksum: str | None = None
    synced: int = 0
    boot: str = ""
    final: str | None = None
    sha256: str | None = None
    verified: str | None = None


def read(folder_fd: int, name: str) -> Sidecar | None:
    """The sidecar called `name`; None when it is missing, not ours, or not readable as one."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder_fd)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        try:
            if os.fstat(fd).st_uid != os.geteuid():
                return None
            return parse(file.read(_MAX))
        except OSError:
            return None


def write(folder_fd: int, name: str, sidecar: Sidecar) -> None:
    """Replace the sidecar in one step, so that a crash leaves the old one or the new one. Raises OSError."""
    new = name + ".new"
    with suppress(FileNotFoundError):
        os.unlink(new, dir_fd=folder_fd)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(new, flags, 0o600, dir_fd=folder_fd)
    with os.fdopen(fd, "wb") as file:
        file.write(json.dumps(asdict(sidecar)).encode())
    os.replace(new, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)


def parse(data: bytes) -> Sidecar | None:
    """A sidecar out of bytes; None for anything that is not exactly one."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict) or set(raw) != {f.name for f in fields(Sidecar)}:
        return None
    numbers = (raw["synced"], raw["total"])
    if any(type(n) is not int and n is not None for n in numbers) or raw["synced"] is None:
        return None
    texts = [raw[k] for k in ("job", "etag", "extension", "checksum", "boot", "final", "sha256", "verified")]
    if any(not isinstance(t, str) and t is not None for t in texts):
        return None
    final = raw["final"]
    if final is not None and ("/" in final or final in ("", ".", "..")):
        return None
    return Sidecar(**raw)


def boot_id() -> str:
    """Which start of the machine this is; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
