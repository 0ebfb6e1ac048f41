"""Bytes on the line: while nothing on the screen changes, while cells change, and for keys.

The floor is what `floor` says of the screens before and after, as pyte saw them. Each figure is measured with
frugal painting (`wire`) and without. Bytes are counts, which a busy machine cannot move: all are taken at
once, each from a dashboard on a folder of its own, whose jobs have been looked at, as a poller leaves them.
The floor names true colours in full; ours names one by its number where the number is that very colour.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.bench import folder
from tests.bench.floor import Floor, cells
from tests.bench.keys import FED, settle
from tests.bench.line import LINES, Line
from tests.bench.table import Figure

ROWS = 200
PAUSE = 0.25
"""Seconds without a byte after which one change is on the screen as a whole."""
KEYS = ("arrow key", "page down", "scroll one line")
FEEDS = {
    "rest": (),
    "hidden": ("--feed", "hidden", "--rate", "20"),
    "cell": ("--feed", "cell", "--rate", "1"),
    "rows": ("--feed", "rows", "--rate", "1"),
    "keys": (),
}


class Found(NamedTuple):
    """Bytes within so many seconds, and bytes with the floor of the same screens."""

    rest: int
    hidden: int
    cell: tuple[int, int]
    rows: tuple[int, int]
    keys: dict[str, tuple[float, float]]


def _line(place: Path, wire: bool, fed: tuple[str, ...]) -> Line:
    env = folder.prepare(place, ROWS)
    folder.look(place)
    return Line((*FED, *fed), env={**env, "REPORTDASH_WIRE": str(wire).lower()})


def _away_from_the_minute(line: Line, seconds: float) -> None:
    """Let the full minute pass, if it would come within so many seconds: ages are cells that change."""
    left = 60 - time.time() % 60
    if left < seconds + 1:
        line.listen(left + 1)


def _sent(line: Line, since: int) -> int:
    return sum(len(chunk.data) for chunk in line.chunks[since:])


def silence(line: Line, seconds: float) -> int:
    """Bytes sent within so many seconds."""
    settle(line, ROWS)
    line.listen(1.0)
    _away_from_the_minute(line, seconds)
    before = len(line.chunks)
    line.listen(seconds)
    return _sent(line, before)


def ticking(line: Line, seconds: float) -> tuple[int, int]:
    """Bytes sent, and the floor of the same screens, with changes once a second."""
    settle(line, ROWS)
    _away_from_the_minute(line, seconds)
    line.quiet(PAUSE)
    floor = Floor(cells(line.screen))
    sent = least = 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        before = len(line.chunks)
        line._read(1.2)
        line.quiet(PAUSE)
        sent += _sent(line, before)
        least += floor.bytes_to(cells(line.screen))
    return sent, least


def _press(line: Line, key: str) -> tuple[int, int]:
    floor = Floor(cells(line.screen))
    before = len(line.chunks)
    line.send(key)
    line._read(2.0)
    line.quiet(PAUSE)
    return _sent(line, before), floor.bytes_to(cells(line.screen))


def pressing(line: Line, times: int) -> dict[str, tuple[float, float]]:
    """Median bytes of each key, and of its floor."""
    found: dict[str, list[tuple[int, int]]] = {name: [] for name in KEYS}
    settle(line, ROWS)
    _away_from_the_minute(line, 5 + times)
    line.quiet(PAUSE)
    for number in range(times):
        found["arrow key"].append(_press(line, "\x1b[B"))
        if number % 2:
            found["page down"].append(_press(line, "\x1b[6~"))
    _press(line, "\x1b[H")
    # More rows than the table shows: the bar is on its last line then.
    _press(line, "\x1b[B" * LINES)
    assert _press_scrolls(line)
    for _ in range(times):
        found["scroll one line"].append(_press(line, "\x1b[B"))
    return {
        name: (statistics.median(one for one, _ in pairs), statistics.median(two for _, two in pairs))
        for name, pairs in found.items()
    }


def _press_scrolls(line: Line) -> bool:
    """Press down; whether the rows moved under the bar."""
    top = _top_row(line)
    _press(line, "\x1b[B")
    return _top_row(line) != top


def _top_row(line: Line) -> str:
    """The id in the table's first row, under the titles."""
    rows = line.screen.display
    titles = next(y for y, text in enumerate(rows) if "Report" in text and "Account" in text)
    return str(rows[titles + 1]).split()[-1]


def measure(wire: bool, seconds: float, times: int) -> Found:
    """Everything, side by side."""
    with ExitStack() as stack:
        lines = {}
        for what, fed in FEEDS.items():
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            lines[what] = stack.enter_context(_line(place, wire, fed))
        pool = stack.enter_context(ThreadPoolExecutor(len(lines)))
        rest, hidden = (pool.submit(silence, lines[what], seconds) for what in ("rest", "hidden"))
        cell, rows = (pool.submit(ticking, lines[what], seconds) for what in ("cell", "rows"))
        keys = pool.submit(pressing, lines["keys"], times)
        return Found(rest.result(), hidden.result(), cell.result(), rows.result(), keys.result())


def traffic(quick: bool) -> Iterator[Figure]:
    """Budgets 7, 8, 9."""
    seconds, times = (4.0, 4) if quick else (15.0, 10)
    for wire in (True,) if quick else (True, False):
        found, how = measure(wire, seconds, times), "" if wire else ", wire off"
        said = f"{seconds:.0f} s each"
        yield _bytes("7", f"bytes at rest{how}", found.rest, wire, said)
        what = f"bytes while 20 rows a second change off the screen{how}"
        yield _bytes("7", what, found.hidden, wire, said)
        for (sent, least), what in ((found.cell, "one visible cell"), (found.rows, "all visible rows")):
            yield _ratio("8", f"bytes: {what} once a second{how}", sent, least, wire, 1.3, 1.05)
        bounds = {"arrow key": (1.1, 1.0), "page down": (1.2, 1.0), "scroll one line": (0.2, 0.1)}
        for key, (mine, floor) in found.keys.items():
            yield _ratio("9", f"bytes: {key}{how}", mine, floor, wire, *bounds[key])


def _bytes(number: str, what: str, value: int, wire: bool, detail: str) -> Figure:
    reach, dream = (0, 0) if wire else (None, None)
    return Figure(number, what, "0", value, reach, dream, detail, unit="B")


def _ratio(
    number: str, what: str, sent: float, floor: float, wire: bool, reach: float, dream: float
) -> Figure:
    detail = f"{sent:,.0f} against {floor:,.0f} B"
    ratio = sent / max(floor, 1)
    if not wire:
        return Figure(number, what, "floor", ratio, None, None, detail)
    return Figure(number, what, "floor", ratio, reach, dream, detail)
