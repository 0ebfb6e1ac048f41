"""A key, and the row repainted: from the byte that is sent to the last byte of the answer.

While keys are timed the terminal does nothing but read. The answer is the bar of the cursor in what comes
back (ours), or the new row's id in the cursor's colour (DataTable); for ours pyte sees the same bytes
afterwards, and says whether the bar did move to the line it should.
"""

from __future__ import annotations

import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.bench import datatable, folder
from tests.bench.line import Line, screens
from tests.bench.server_process import vendor
from tests.bench.table import Figure, percentile

TURN = 16
"""Rows down, and up again: no key scrolls."""
GIVE_UP = 10.0
"""Seconds after which a key counts as answered, however late the answer would be."""
FED = ("-m", "tests.bench.program")
BAR = "▌"
ASTRAY = 0.02
"""The part of the keys whose bar may stand elsewhere than thought: held rows move after a rest."""


class Press(NamedTuple):
    """A key: seconds to its answer, how many chunks had come then, and the line of the bar counted from the
    first."""

    took: float
    chunks: int
    down: int


def _cursor(display: Sequence[str]) -> int:
    """The screen line of the cursor's bar; -1: none."""
    return next((y for y, line in enumerate(display) if line.startswith(BAR)), -1)


def _presses(
    line: Line, count: int, answered: Callable[[bytes, int], bool], until: float | None = None
) -> list[Press]:
    """So many keys, or as many as come until then; each waits for the one before."""
    draw, made = random.Random(5), list[Press]()
    down, step = 0, 1
    for _ in range(count):
        if until is not None and time.perf_counter() > until:
            break
        step = 1 if down <= 0 else -1 if down >= TURN else step
        down += step
        seen, came = len(line.chunks), b""
        sent = time.perf_counter()
        line.send("\x1b[B" if step > 0 else "\x1b[A")
        while not answered(came, down) and time.perf_counter() - sent < GIVE_UP:
            before = len(line.chunks)
            line._read(0.01)
            came += b"".join(chunk.data for chunk in line.chunks[before:])
        ended = line.chunks[-1].at if len(line.chunks) > seen else time.perf_counter()
        made.append(Press(ended - sent, len(line.chunks), down))
        line.listen(draw.uniform(0.01, 0.05))
    return made


def _bar_came(came: bytes, down: int) -> bool:
    return BAR.encode() in came


def _seconds(line: Line, presses: list[Press]) -> list[float]:
    """What the keys took, once pyte has seen that each moved the bar to its line."""
    wanted, places = {press.chunks for press in presses}, dict[int, int]()
    for number, (_, screen) in enumerate(screens(line.chunks), 1):
        if number in wanted:
            places[number] = _cursor(screen.display)
    # The line the bar began at; rows that moved meanwhile took it along.
    firsts = [places[press.chunks] - press.down for press in presses]
    astray = sum(one != other for one, other in pairwise(firsts))
    assert astray <= max(1, ASTRAY * len(presses)), f"{astray} keys moved the bar to another line"
    return [press.took for press in presses]


def ours(
    env: dict[str, str], count: int, presses: int, *, rate: float = 0.0, program: tuple[str, ...] = ()
) -> list[float]:
    """Seconds of each key on the real dashboard, with changes fed at this rate."""
    fed = ("--feed", "any", "--rate", str(rate)) if rate else ()
    with Line((*FED, *fed, *program), env=env) as line:
        settle(line, count)
        line.watching = False
        return _seconds(line, _presses(line, presses, _bar_came))


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

    def under(came: bytes, down: int) -> bool:
        return bool(patterns[down].search(came))

    with Line(("-m", "tests.bench.datatable", ledger, "--rate", str(rate)), env=env) as line:
        line.wait_for(ids[3], 120)
        line.listen(3.0)
        found = _presses(line, presses, under, time.perf_counter() + seconds)
        return [press.took for press in found]


def _ms(took: list[float]) -> str:
    p50, p99 = (percentile(took, share) * 1e3 for share in (0.5, 0.99))
    return f"p50 {p50:.1f}, p99 {p99:.1f} ms of {len(took)}"


def keys(quick: bool) -> Iterator[Figure]:
    """Budgets 3, 4, 12, 13."""
    presses, rounds = (60, 1) if quick else (300, 2)
    with tempfile.TemporaryDirectory() as name:
        env = folder.prepare(Path(name), 10_000)
        mine: list[float] = []
        other: list[float] = []
        for _ in range(rounds):
            mine += ours(env, 10_000, presses, rate=100)
            other += theirs(env, presses, 100, 5 if quick else 30)
    yield Figure(
        "3",
        "key → row repainted, p99, 10k jobs, 100 changes/s",
        "DataTable",
        percentile(mine, 0.99) / percentile(other, 0.99),
        1 / 30,
        1 / 100,
        f"{_ms(mine)} against {_ms(other)}",
    )
    yield from _busy(presses, rounds)
    yield _late(2 if quick else 11)


def _busy(presses: int, rounds: int) -> Iterator[Figure]:
    """Much data, many polls, and nothing at all, turn by turn."""
    many = folder.large()
    with vendor() as port, tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        # A thousand jobs, each looked at every two seconds.
        polled = folder.prepare(Path(first), 1_200, port=port, live=1_000, every=2.0, inflight=16)
        few = folder.prepare(Path(second), 1_200)
        still: list[float] = []
        fed: list[float] = []
        polls: list[float] = []
        for _ in range(rounds):
            still += ours(few, 1_200, presses)
            fed += ours(many, folder.MANY, presses, rate=1_000)
            polls += ours(polled, 1_200, presses, program=("--unpaced",))
    for number, what, against, took, reach, dream in (
        ("4", f"p99, {folder.many()}, 1,000 changes/s", "ours, idle, 1k jobs", fed, 2.0, 1.3),
        ("12", "p99 with 500 polls/s", "ours without polls", polls, 1.5, 1.2),
    ):
        yield Figure(
            number,
            f"key → row repainted, {what}",
            against,
            percentile(took, 0.99) / percentile(still, 0.99),
            reach,
            dream,
            f"{_ms(took)} against {_ms(still)}",
        )


def _late(starts: int) -> Figure:
    """Keys one after the other from the first paint until everything is loaded."""
    worst: list[float] = []
    with vendor() as port, tempfile.TemporaryDirectory() as name:
        env = folder.prepare(Path(name), 200, port=port, live=20)
        for number in range(starts + 1):
            with Line(("-m", "reportdash"), env=env) as line:
                line.wait_for(b"quit")
                took = _seconds(line, _presses(line, 500, _bar_came, time.perf_counter() + 1.5))
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
