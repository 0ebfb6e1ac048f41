"""A hundred thousand jobs: from memory to a sorted, filtered, painted table, and what they weigh.

Both wait with the jobs in memory; a key starts them, and the last of the table's cells on the terminal ends.
`python -m tests.bench.load LEDGER [--loaded]` is the dashboard of that comparison, without an engine;
`--loaded`: its records are made before the key, which then filters and sorts alone.
"""

from __future__ import annotations

import gc
import os
import re
import statistics
import sys
import time
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import reportdash.tui.app
from reportdash.tui.app import Dashboard
from tests.bench import datatable, folder
from tests.bench.keys import settle
from tests.bench.line import Line, first_time, resident
from tests.bench.table import Figure

QUERY = "state:deleted|failed|ready -name:*2024-0*"
"""About three rows of four pass."""
REST = 5.0
"""Seconds after the last row until memory is read."""
_ID = re.compile(r"\b[a-z2-7]{6} *$|^ *[a-z2-7]{6}\b", re.MULTILINE)


class Waiting(Dashboard):
    """The dashboard, whose jobs stand by until a key."""

    CSS_PATH = str(Path(reportdash.tui.app.__file__).with_name("reportdash.tcss"))

    def __init__(self, ledger: Path, loaded: bool) -> None:
        from reportdash.cli.dash import _look
        from reportdash.ledger.store import Store
        from reportdash.settings import FirstLook

        super().__init__(_look(FirstLook(), None, None, os.environ))
        import_module("reportdash.board.query")  # as the program has it by then
        with Store.open(ledger, readonly=True) as store:
            self.waiting, self.known = store.jobs(), store.accounts()
        if loaded:
            self.load()
        gc.freeze()

    def load(self) -> None:
        """Take the jobs in."""
        self.board.view.records.load(self.waiting, self.known, self.clock.now())
        self.waiting = []

    def for_terminal(self, key: str, character: str | None) -> bool:
        """Any key loads, filters, sorts."""
        from reportdash.board.order import Column
        from reportdash.board.query import parse

        view = self.board.view
        view.now = self.clock.now()
        if self.waiting:
            self.load()
        view.set_query(parse(QUERY))
        view.set_order(Column.REPORT)
        self.board.intake.rebuild()
        return True


def _answer(
    program: tuple[str, ...], env: dict[str, str], mark: bytes, ready: bytes, rest: float = 1.0
) -> tuple[float, int]:
    """Seconds from a key to the last of the table's rows; bytes resident `rest` seconds after them."""
    with Line(program, env=env) as line:
        line.wait_for(ready, 120)
        line.listen(1.0)
        sent, before = time.perf_counter(), len(line.chunks)
        line.send("g")
        while not any(mark in chunk.data for chunk in line.chunks[before:]):
            assert time.perf_counter() - sent < 180 and line.process.poll() is None
            line._read(0.2)
        line.listen(rest)
        weighs = resident(line.process.pid)
    most = [0]

    def never(text: str) -> bool:
        most[0] = max(most[0], len(_ID.findall(text)))
        return False

    try:
        first_time(line.chunks, never)
    except AssertionError:
        assert most[0] > 15, "the table has not come"
    return first_time(line.chunks, lambda text: len(_ID.findall(text)) == most[0]).at - sent, weighs


@cache
def _theirs(number: int) -> tuple[float, int]:
    """The same of DataTable; the first is asked for twice, once for each figure, and it takes long."""
    env = folder.large()
    ledger = f"{env['REPORTDASH_DATA_DIR']}/ledger.db"
    first = datatable.rows(ledger)[0][0].encode()
    return _answer(("-m", "tests.bench.datatable", ledger, "--wait"), env, first, b"Vendor says", REST)


def view(quick: bool) -> Iterator[Figure]:
    """Budget 5."""
    whole, alone, other = [], [], []
    env = folder.large()
    ours = ("-m", "tests.bench.load", f"{env['REPORTDASH_DATA_DIR']}/ledger.db")
    for number in range(1 if quick else 3):
        for _ in range(1 if quick else 3):
            alone.append(_answer((*ours, "--loaded"), env, b"Report", b"quit")[0])
            whole.append(_answer(ours, env, b"Report", b"quit")[0])
        other.append(_theirs(number)[0])
    theirs = statistics.median(other)
    for what, found in (("filtered, sorted, painted", alone), ("the same, taken in first", whole)):
        took = statistics.median(found)
        yield Figure(
            "5",
            f"{folder.many()} in memory → {what}",
            "DataTable add_rows → painted",
            took / theirs,
            1 / 100,
            1 / 300,
            f"{took * 1e3:.0f} against {theirs * 1e3:,.0f} ms",
        )


def weight(quick: bool) -> Iterator[Figure]:
    """Budget 6."""
    env = folder.large()
    with Line(("-m", "reportdash"), env=env) as line:
        settle(line, folder.MANY)
        line.listen(REST)
        ours = resident(line.process.pid)
    theirs = _theirs(0)[1]
    yield Figure(
        "6",
        f"memory, {folder.many()}, engine running",
        "DataTable, as many rows",
        ours / theirs,
        0.45,
        0.35,
        f"{ours / 1e6:.0f} against {theirs / 1e6:.0f} MB",
    )


if __name__ == "__main__":
    Waiting(Path(sys.argv[1]), "--loaded" in sys.argv).run()
