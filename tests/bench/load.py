"""A hundred thousand jobs: from memory to a sorted, filtered, painted table, and what they weigh.

Both wait with the jobs in memory; a key starts them, and the last of the table's cells on the terminal ends.
`python -m tests.bench.load LEDGER` is the dashboard of that comparison, without an engine.
"""

from __future__ import annotations

import gc
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from reportdash.tui.app import Dashboard
from tests.bench import datatable, folder
from tests.bench.keys import settle
from tests.bench.line import Line, first_time, resident
from tests.bench.table import Figure

MANY = 100_000
QUERY = "state:deleted|failed|ready -name:*2024-0*"
"""About three rows of four pass."""
_ID = re.compile(r"\b[a-z2-7]{6} *$|^ *[a-z2-7]{6}\b", re.MULTILINE)


class Waiting(Dashboard):
    """The dashboard, whose jobs stand by until a key."""

    def __init__(self, ledger: Path) -> None:
        from reportdash.cli.dash import _look
        from reportdash.ledger.store import Store
        from reportdash.settings import FirstLook

        super().__init__(_look(FirstLook(), None, None, os.environ))
        with Store.open(ledger, readonly=True) as store:
            self.waiting, self.known = store.jobs(), store.accounts()
        gc.freeze()

    def suspends(self, key: str, character: str | None) -> bool:
        """Any key loads, filters, sorts."""
        from reportdash.board.order import Column
        from reportdash.board.query import parse

        view = self.board.view
        view.now = self.clock.now()
        view.records.load(self.waiting, self.known, view.now)
        view.set_query(parse(QUERY))
        view.set_order(Column.REPORT)
        self.board.rebuild()
        return True


def _answer(program: tuple[str, ...], env: dict[str, str], mark: bytes, ready: bytes) -> float:
    """Seconds from a key to the last of the table's rows."""
    with Line(program, env=env) as line:
        line.wait_for(ready, 120)
        line.listen(1.0)
        sent, before = time.perf_counter(), len(line.chunks)
        line.send("g")
        while not any(mark in chunk.data for chunk in line.chunks[before:]):
            assert time.perf_counter() - sent < 180 and line.process.poll() is None
            line._read(0.2)
        line.listen(1.0)
    most = [0]

    def never(text: str) -> bool:
        most[0] = max(most[0], len(_ID.findall(text)))
        return False

    try:
        first_time(line.chunks, never)
    except AssertionError:
        assert most[0] > 15, "the table has not come"
    return first_time(line.chunks, lambda text: len(_ID.findall(text)) == most[0]).at - sent


def view(quick: bool) -> Iterator[Figure]:
    """Budget 5."""
    mine, other = [], []
    with tempfile.TemporaryDirectory() as name:
        env = folder.prepare(Path(name), MANY)
        ledger = f"{env['REPORTDASH_DATA_DIR']}/ledger.db"
        first = datatable.rows(ledger)[0][0].encode()
        for _ in range(1 if quick else 3):
            for _ in range(3):
                mine.append(_answer(("-m", "tests.bench.load", ledger), env, b"Report", b"quit"))
            table = ("-m", "tests.bench.datatable", ledger, "--wait")
            other.append(_answer(table, env, first, b"Vendor says"))
    ours, theirs = statistics.median(mine), statistics.median(other)
    yield Figure(
        "5",
        "100k jobs in memory → loaded, filtered, sorted, painted",
        "DataTable add_rows → painted",
        ours / theirs,
        1 / 100,
        1 / 300,
        f"{ours * 1e3:.0f} against {theirs * 1e3:,.0f} ms",
    )


def weight(quick: bool) -> Iterator[Figure]:
    """Budget 6."""
    with tempfile.TemporaryDirectory() as name:
        env = folder.prepare(Path(name), MANY)
        with Line(("-m", "reportdash"), env=env) as line:
            settle(line, MANY)
            line.listen(5.0)
            ours = resident(line.process.pid)
        ledger = f"{env['REPORTDASH_DATA_DIR']}/ledger.db"
        first = datatable.rows(ledger)[0][0].encode()
        with Line(("-m", "tests.bench.datatable", ledger), env=env) as line:
            line.wait_for(first, 180)
            line.listen(5.0)
            theirs = resident(line.process.pid)
    yield Figure(
        "6",
        "memory, 100k jobs, engine running",
        "DataTable 100k",
        ours / theirs,
        0.45,
        0.35,
        f"{ours / 1e6:.0f} against {theirs / 1e6:.0f} MB",
    )


if __name__ == "__main__":
    Waiting(Path(sys.argv[1])).run()
