"""Writes into the ledger in batches of a hundred, off the loop, against the same statements on bare sqlite3.

A write is what a poll keeps: the row is read, changed in three columns and written with its new rev. The bare
side runs the same SQL on the same table in a thread of its own, without records, batching or wake-ups. The
collector runs on both sides, with what lay there before frozen, as in the dashboard.
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reportdash.clock import SystemClock
from reportdash.ledger import Ledger
from reportdash.ledger.rows import JOB, JOB_COLUMNS
from reportdash.model import Job, JobState, replace
from tests.bench.table import Figure

BATCH = 100
AT_ONCE = 500
"""Writes that wait for their commits at the same time."""
_CHECKS = JOB_COLUMNS.index("checks")
_READ = f"SELECT {JOB} FROM jobs WHERE id = ?"
_WRITE = "UPDATE jobs SET updated_at = ?, seen_at = ?, checks = ?, rev = ? WHERE id = ?"


def _job(number: int) -> Job:
    return Job(
        id=f"{number:06}",
        account="main",
        vendor="7g",
        name="TransactionSummary",
        reference=f"ref-{number}",
        state=JobState.RUNNING,
        vendor_status="incomplete",
        submitted_at=1.0,
        updated_at=1.0,
    )


async def _ours(path: Path, ids: list[str]) -> float:
    """Writes a second through the ledger."""
    ledger = await Ledger.open(path, clock=SystemClock())
    try:

        def seen(job: Job) -> Job:
            now = job.checks + 2.0
            return replace(job, updated_at=now, seen_at=now, checks=job.checks + 1)

        begun = time.perf_counter()
        for start in range(0, len(ids), AT_ONCE):
            await asyncio.gather(*(ledger.change(one, seen) for one in ids[start : start + AT_ONCE]))
        return len(ids) / (time.perf_counter() - begun)
    finally:
        await ledger.close()


def _bare(path: Path, ids: list[str]) -> float:
    """Writes a second by sqlite3 alone."""
    db = sqlite3.connect(path, isolation_level=None, cached_statements=512)
    try:
        db.execute("PRAGMA synchronous = NORMAL")
        begun = time.perf_counter()
        for start in range(0, len(ids), BATCH):
            db.execute("BEGIN IMMEDIATE")
            rev = db.execute("SELECT rev FROM meta").fetchone()[0]
            for one in ids[start : start + BATCH]:
                row = db.execute(_READ, (one,)).fetchone()
                rev += 1
                checks = row[_CHECKS]
                db.execute(_WRITE, (checks + 2.0, checks + 2.0, checks + 1, rev, one))
            db.execute("UPDATE meta SET rev = ?", (rev,))
            db.execute("COMMIT")
        return len(ids) / (time.perf_counter() - begun)
    finally:
        db.close()


async def _rates(count: int, rounds: int) -> list[tuple[float, float]]:
    found = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "ledger.db"
        ledger = await Ledger.open(path, clock=SystemClock())
        jobs = [_job(number) for number in range(count)]
        await ledger.add_many(jobs)
        await ledger.close()
        ids = [job.id for job in jobs]
        for number in range(rounds):
            if number % 2:
                mine, other = await _ours(path, ids), await asyncio.to_thread(_bare, path, ids)
            else:
                other, mine = await asyncio.to_thread(_bare, path, ids), await _ours(path, ids)
            found.append((mine, other))
    return found


@contextmanager
def _collecting() -> Iterator[None]:
    before = gc.isenabled()  # other figures of the same run do without
    gc.freeze()
    gc.enable()
    try:
        yield
    finally:
        gc.unfreeze()
        if not before:
            gc.disable()


def writes(quick: bool) -> Iterator[Figure]:
    """Budget 14."""
    with _collecting():
        found = asyncio.run(_rates(2_000 if quick else 10_000, 5 if quick else 11))
    mine, other = (statistics.median(pair[side] for pair in found) for side in (0, 1))
    yield Figure(
        "14",
        f"ledger writes a second, batches of {BATCH}, off the loop",
        "sqlite3 direct",
        statistics.median(one / two for one, two in found),
        0.8,
        0.9,
        f"{mine:,.0f} against {other:,.0f}",
        least=True,
    )
