"""`jobs.log`: every job that was added, named, saved or forgotten since the last backup, one JSON line each.

Appended after the commit, so that a damaged ledger loses no job: see `rescue`. Touches that one file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from reportdash.ledger.opening import LOG
from reportdash.model import Job

_BEGINS = '{"at": '
"""How every line begins."""


def line(job: Job, at: float) -> str:
    """What it takes to follow this job again: who it is, what was asked for, where its report lies, and
    whether it is forgotten.
    """
    told: dict[str, Any] = {"at": at, "id": job.id, "account": job.account, "vendor": job.vendor}
    told |= {"name": job.name, "reference": job.reference, "submitted_at": job.submitted_at}
    if job.children_total is not None:
        told["children_total"] = job.children_total
    if job.spec is not None:
        spec = job.spec
        told["spec"] = [spec.report, dict(spec.params), spec.format, spec.time_from, spec.time_to]
    if job.intent is not None:
        told["key"] = job.intent.key
    if job.saved and job.artifact is not None:
        copy = job.artifact
        told["saved"] = [copy.path, copy.bytes, copy.total, copy.sha256, str(copy.verified)]
    if job.forgotten_at is not None:
        told["forgotten_at"] = job.forgotten_at
    return json.dumps(told) + "\n"


def append(folder: Path, lines: Sequence[str], *, synced: bool = False) -> None:
    """Add the lines in one write. The ledger has them already, so a full disk is no error here.

    `synced`: on the disk when this returns, as the commit is: one power cut may take both files' last words.
    """
    with suppress(OSError):
        handle = os.open(folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, "".join(lines).encode("utf-8"))
            if synced:
                os.fdatasync(handle)
        finally:
            os.close(handle)


def turn(folder: Path) -> None:
    """Begin a new page: what stands in the log goes to the old one, which a finished backup drops.

    Where a backup did not finish the old page is still needed, and the new one is gone on with: others write
    on it at any moment.
    """
    log, old = folder / LOG, folder / f"{LOG}.1"
    if log.exists() and not old.exists():
        log.rename(old)


def drop_old(folder: Path) -> None:
    """The backup is made and holds what stood on the old page."""
    (folder / f"{LOG}.1").unlink(missing_ok=True)


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Every readable line, oldest first. One that a crash or a full disk cut off is passed over, and does not
    take the one with it that was written behind it.
    """
    for name in (f"{LOG}.1", LOG):
        with suppress(FileNotFoundError):
            for text in (folder / name).read_text(encoding="utf-8", errors="replace").splitlines():
                told = _told(text)
                if told is not None:
                    yield told


def _told(text: str) -> dict[str, Any] | None:
    start = text.find(_BEGINS)
    while start >= 0:
        with suppress(ValueError):
            told = json.loads(text[start:])
            if isinstance(told, dict) and {"at", "id", "account", "vendor", "name"} <= told.keys():
                return told
        start = text.find(_BEGINS, start + 1)
    return None
