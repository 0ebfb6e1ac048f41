"""A key, and the row repainted: from the byte that is sent to the last byte of the answer.

Ours is watched by pyte: the row of the cursor bar is another one. DataTable sends so much that pyte could not
follow; there the answer is the new row's id under the cursor's colour, straight from the bytes.
"""

from __future__ import annotations

import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import datatable, folder
from tests.bench.line import Line
from tests.bench.server_process import vendor
from tests.bench.table import Figure, percentile

TURN = 16
"""Rows down, and up again: no key scrolls."""
GIVE_UP = 10.0
"""Seconds after which a key counts as answered, however late the answer would be."""
FED = ("-m", "tests.bench.program")


def cursor(line: Line) -> int:
    """The screen line of the cursor's bar; -1: none."""
    cells = line.screen.buffer
    return next((y for y in range(line.screen.lines) if cells[y][0].data == "▌"), -1)


def _presses(
    line: Line, count: int, answered: Callable[[Line, int, int], bool], until: float | None = None
) -> list[float]:
    """Seconds of so many keys, or of as many as come until then; each waits for the one before."""
    draw, took = random.Random(5), []
    first = cursor(line) if line.watching else 0
    place, step = first, 1
    for _ in range(count):
        if until is not None and time.perf_counter() > until:
            break
        if line.watching:
            # Where rows move by themselves the bar may stand elsewhere by now; in half a frame, nowhere.
            while (place := cursor(line)) < 0:
                line._read(0.01)
        step = 1 if place <= first else -1 if place >= first + TURN else step
        place += step
        seen = len(line.chunks)
        sent = time.perf_counter()
        line.send("\x1b[B" if step > 0 else "\x1b[A")
        while not answered(line, seen, place):
            line._read(0.01)
            if time.perf_counter() - sent > GIVE_UP:
                break
        took.append((line.chunks[-1].at if len(line.chunks) > seen else time.perf_counter()) - sent)
        line.listen(draw.uniform(0.01, 0.05))
    return took


def _bar_moved(line: Line, seen: int, wanted: int) -> bool:
    return len(line.chunks) > seen and cursor(line) == wanted


def ours(
    env: dict[str, str], count: int, presses: int, *, rate: float = 0.0, program: tuple[str, ...] = ()
) -> list[float]:
    """Seconds of each key on the real dashboard, with changes fed at this rate."""
    fed = ("--feed", "any", "--rate", str(rate)) if rate else ()
    with Line((*FED, *fed, *program), env=env) as line:
        settle(line, count)
        return _presses(line, presses, _bar_moved)


def settle(line: Line, count: int) -> None:
    """Wait until every row is in the table and the engine runs."""

    def whole(text: str) -> bool:
        found = re.search(r"([\d,]+) of ([\d,]+) jobs .*(live|viewing)", text)
        # The parts of a group are rows, but no jobs.
        return found is not None and int(found[2].replace(",", "")) >= count * 0.95

    line.wait_for(b"quit", 120)
    line.catch_up()
    line.until(whole, 120)
    line.listen(2.0)


def theirs(env: dict[str, str], presses: int, rate: float, seconds: float) -> list[float]:
    """The same on DataTable; no longer than so many seconds."""
    ledger = f"{env['REPORTDASH_DATA_DIR']}/ledger.db"
    ids = [row[0].encode() for row in datatable.rows(ledger)[: TURN + 1]]
    patterns = [re.compile(re.escape(datatable.CURSOR) + rb"[^\x1b]*" + one) for one in ids]

    def under(line: Line, seen: int, place: int) -> bool:
        return bool(patterns[place].search(b"".join(chunk.data for chunk in line.chunks[seen:])))

    with Line(("-m", "tests.bench.datatable", ledger, "--rate", str(rate)), env=env) as line:
        line.wait_for(ids[3], 120)
        line.listen(3.0)
        return _presses(line, presses, under, time.perf_counter() + seconds)


def _ms(took: list[float]) -> str:
    p50, p99 = (percentile(took, share) * 1e3 for share in (0.5, 0.99))
    return f"p50 {p50:.1f}, p99 {p99:.1f} ms of {len(took)}"


def keys(quick: bool) -> Iterator[Figure]:
    """Budgets 3, 4, 12, 13."""
    presses, rounds = (80, 1) if quick else (300, 2)
    with tempfile.TemporaryDirectory() as name:
        env = folder.prepare(Path(name), 10_000)
        mine: list[float] = []
        other: list[float] = []
        for _ in range(rounds):
            mine += ours(env, 10_000, presses, rate=100)
            other += theirs(env, presses, 100, 8 if quick else 30)
    yield Figure(
        "3",
        "key → row repainted, p99, 10k jobs, 100 changes/s",
        "DataTable",
        percentile(mine, 0.99) / percentile(other, 0.99),
        1 / 30,
        1 / 100,
        f"{_ms(mine)} against {_ms(other)}",
    )
    yield _large(presses, rounds)
    yield _polled(presses, rounds)
    yield _late(3 if quick else 11)


def _large(presses: int, rounds: int) -> Figure:
    with tempfile.TemporaryDirectory() as small:
        few, many = folder.prepare(Path(small), 1_000), folder.large()
        idle: list[float] = []
        busy: list[float] = []
        for _ in range(rounds):
            idle += ours(few, 1_000, presses)
            busy += ours(many, folder.MANY, presses, rate=1_000)
    return Figure(
        "4",
        "key → row repainted, p99, 100k jobs, 1,000 changes/s",
        "ours, idle, 1k jobs",
        percentile(busy, 0.99) / percentile(idle, 0.99),
        2.0,
        1.3,
        f"{_ms(busy)} against {_ms(idle)}",
    )


def _polled(presses: int, rounds: int) -> Figure:
    with vendor() as port, tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        # A thousand jobs, each looked at every two seconds.
        polled = folder.prepare(Path(first), 1_200, port=port, live=1_000, every=2.0, inflight=16)
        still = folder.prepare(Path(second), 1_200)
        with_polls: list[float] = []
        without: list[float] = []
        for _ in range(rounds):
            with_polls += ours(polled, 1_200, presses, program=("--unpaced",))
            without += ours(still, 1_200, presses)
    return Figure(
        "12",
        "key p99 with 500 polls/s",
        "ours without polls",
        percentile(with_polls, 0.99) / percentile(without, 0.99),
        1.5,
        1.2,
        f"{_ms(with_polls)} against {_ms(without)}",
    )


def _late(starts: int) -> Figure:
    """Keys one after the other from the first paint until everything is loaded."""
    worst: list[float] = []
    with vendor() as port, tempfile.TemporaryDirectory() as name:
        env = folder.prepare(Path(name), 200, port=port, live=20)
        for number in range(starts + 1):
            with Line(("-m", "reportdash"), env=env) as line:
                line.wait_for(b"quit")
                line.catch_up()
                took = _presses(line, 500, _bar_moved, time.perf_counter() + 1.5)
            if not number:
                continue  # compiles what the others load
            worst.append(max(took) * 1e3)
    return Figure(
        "13",
        "worst key while late imports load",
        "–",
        statistics.median(worst),
        25,
        12,
        f"median of {starts} starts; worst of all {max(worst):.1f} ms",
        unit="ms",
    )
