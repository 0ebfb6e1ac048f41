"""Bytes on the line: while nothing on the screen changes, while cells change, and for keys.

The floor is what `floor` says of the screens before and after, as pyte saw them. Each figure is measured with
frugal painting (`wire`) and without.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import folder
from tests.bench.floor import Floor, cells
from tests.bench.keys import FED, settle
from tests.bench.line import Line
from tests.bench.table import Figure

ROWS = 200
PAUSE = 0.25
"""Seconds without a byte after which one change is on the screen as a whole."""
KEYS = {"arrow key": ("\x1b[B", "\x1b[A"), "page down": ("\x1b[6~", "\x1b[5~")}


def _line(env: dict[str, str], wire: bool, *fed: str) -> Line:
    return Line((*FED, *fed), env={**env, "REPORTDASH_WIRE": str(wire).lower()})


def _away_from_the_minute(line: Line, seconds: float) -> None:
    """Let the full minute pass, if it would come within so many seconds: ages are cells that change."""
    left = 60 - time.time() % 60
    if left < seconds + 1:
        line.listen(left + 1)


def _sent(line: Line, since: int) -> int:
    return sum(len(chunk.data) for chunk in line.chunks[since:])


def silence(env: dict[str, str], wire: bool, seconds: float, *fed: str) -> int:
    """Bytes sent within so many seconds."""
    with _line(env, wire, *fed) as line:
        settle(line, ROWS)
        _away_from_the_minute(line, seconds)
        line.listen(1.0)
        before = len(line.chunks)
        line.listen(seconds)
        return _sent(line, before)


def ticking(env: dict[str, str], wire: bool, seconds: float, kind: str) -> tuple[int, int]:
    """Bytes sent, and the floor of the same screens, with changes once a second."""
    with _line(env, wire, "--feed", kind, "--rate", "1") as line:
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


def pressing(env: dict[str, str], wire: bool, times: int) -> dict[str, tuple[float, float]]:
    """Median bytes of each key, and of its floor."""
    found: dict[str, list[tuple[int, int]]] = {name: [] for name in (*KEYS, "scroll one line")}
    with _line(env, wire) as line:
        settle(line, ROWS)
        _away_from_the_minute(line, times * 4.0)
        line.quiet(PAUSE)
        for number in range(times):
            found["arrow key"].append(_press(line, "\x1b[B"))
            if number % 2:
                found["page down"].append(_press(line, "\x1b[6~"))
        _press(line, "\x1b[H")
        _press(line, "\x1b[6~")  # on the last line of the table now, or near it
        for _ in range(40):
            if _press_scrolls(line):
                break
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


def traffic(quick: bool) -> Iterator[Figure]:
    """Budgets 7, 8, 9."""
    seconds, times = (4.0, 4) if quick else (15.0, 10)
    with tempfile.TemporaryDirectory() as name:
        env = folder.prepare(Path(name), ROWS)
        for wire in (True,) if quick else (True, False):
            how = "" if wire else ", wire off"
            still = silence(env, wire, seconds)
            hidden = silence(env, wire, seconds, "--feed", "hidden", "--rate", "20")
            said = f"{seconds:.0f} s each"
            yield _bytes("7", f"bytes at rest{how}", still, wire, said)
            yield _bytes("7", f"bytes while 20 rows a second change off the screen{how}", hidden, wire, said)
            for kind, what in (("cell", "one visible cell"), ("rows", "all visible rows")):
                sent, least = ticking(env, wire, seconds, kind)
                yield _ratio("8", f"bytes: {what} once a second{how}", sent, least, wire, 1.3, 1.05)
            bounds = {"arrow key": (1.1, 1.0), "page down": (1.2, 1.0), "scroll one line": (0.2, 0.1)}
            for key, (mine, floor) in pressing(env, wire, times).items():
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
