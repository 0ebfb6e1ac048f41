"""What the figures were measured on, without names or paths."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("textual", "httpx", "httpx-aiohttp", "aiohttp", "pydantic-settings", "pyte")


def describe(loads: list[float]) -> str:
    """Lines of Markdown; `loads`: the load average before each group."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return "\n".join(
        (
            f"- {datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.release()}, {_cpu()}, "
            f"{os.cpu_count()} cores; load while measuring {min(loads):.1f} to {max(loads):.1f}",
            f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {libraries}",
        )
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
