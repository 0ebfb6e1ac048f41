"""Who holds a lease: the name of a process, and whether a named process still lives. Reads /proc only."""

from __future__ import annotations

import os
from pathlib import Path

HEARTBEAT_SECONDS = 20.0
ALIVE_SECONDS = 60.0
"""A process on another host is taken for alive while its last heartbeat is younger than this."""


def this_process() -> str:
    """host:pid:starttime:random@namespace. The start time tells a process from a later one with the same pid,
    the namespace from one with that pid in a container that has our host's name.
    """
    return f"{_host()}:{os.getpid()}:{_started(os.getpid())}:{os.urandom(4).hex()}@{_namespace()}"


def lives_here(owner: str) -> bool | None:
    """Whether the process runs on this host; None when it cannot be told (another host, a foreign name)."""
    parts = owner.rsplit(":", 3)
    if len(parts) != 4 or parts[0] != _host() or not parts[1].isdigit():
        return None
    if parts[3].partition("@")[2] not in ("", _namespace()):
        return None  # its number means nothing here
    pid = int(parts[1])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, as somebody else
    except OverflowError:
        return False
    now = _started(pid)
    return parts[2] in ("0", now) or now == "0"


def _host() -> str:
    return os.uname().nodename.replace(":", "_")


def _namespace() -> str:
    """Which processes this one sees; empty where the system does not say."""
    try:
        return os.readlink("/proc/self/ns/pid").strip("pid:[]")  # noqa: PTH115 - it leads to no path
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Clock ticks from boot to the start of the process; "0" where the system has no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "0"
    fields = stat.rpartition(")")[2].split()
    # A zombie has ended: nobody will carry out what it began.
    if not fields or fields[0] in ("Z", "X"):
        return "ended"
    return fields[19]
