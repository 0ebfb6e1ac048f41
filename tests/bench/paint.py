"""From the start of the process to all visible cells on the terminal, and the memory then and later."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.bench import folder
from tests.bench.line import Chunk, Line, first_time, resident, screens
from tests.bench.server_process import vendor
from tests.bench.table import Figure

REPORTDASH = ("-c", "from reportdash.cli.main import run; run()")
"""As the installed command starts."""
HELLO = (str(Path(__file__).with_name("hello.py")),)
ROWS = 200
SETTLED = 0.4
"""Seconds after the first rows at which the screen is taken as the one that was to come."""
LATE = 10.0
"""Seconds after the first paint at which memory is read again."""


class Start(NamedTuple):
    """Seconds to the whole screen, bytes resident then, and when the line was left."""

    took: float
    first: int
    later: int


class Pair(NamedTuple):
    """One start of the dashboard, and one of the bare application right after or before it."""

    ours: Start
    bare: Start


def _ours(env: dict[str, str], ids: set[str], listen: float) -> Start:
    with Line(REPORTDASH, env=env) as line:
        line.wait_for(b"quit")
        line.listen(listen)
        later = resident(line.process.pid)
    wanted = _rows(_text_after(line.chunks, line.chunks[0].at + SETTLED), ids)
    assert wanted > 15, "the table has not come"
    chunk = first_time(line.chunks, lambda text: _rows(text, ids) == wanted and " quit" in text)
    return Start(chunk.at - line.started, chunk.resident, later)


def _bare(env: dict[str, str], listen: float) -> Start:
    with Line(HELLO, env=env) as line:
        line.wait_for(b"hello")
        line.listen(listen)
        later = resident(line.process.pid)
    chunk = first_time(line.chunks, lambda text: "hello" in text)
    return Start(chunk.at - line.started, chunk.resident, later)


def _rows(text: str, ids: set[str]) -> int:
    """How many rows of the table end with a job's id; the polls that follow may order them anew."""
    return sum(line.split()[-1] in ids for line in text.splitlines() if line.split())


def _text_after(chunks: Sequence[Chunk], at: float) -> str:
    text = ""
    for chunk, screen in screens(chunks):
        if text and chunk.at > at:
            break
        text = "\n".join(screen.display)
    return text


@cache
def pairs(count: int, listen: float) -> tuple[Pair, ...]:
    """Starts on 200 rows, turn by turn with the bare application; one pair before them warms the disk."""
    made = []
    with vendor() as port, tempfile.TemporaryDirectory() as name:
        env = folder.prepare(Path(name), ROWS, port=port, live=20)
        ids = folder.ids(Path(name))
        _bare(env, SETTLED), _ours(env, ids, SETTLED + 0.2)
        for number in range(count):
            if number % 2:
                pair = Pair(_ours(env, ids, listen), _bare(env, listen))
            else:
                bare = _bare(env, listen)
                pair = Pair(_ours(env, ids, listen), bare)
            made.append(pair)
    return tuple(made)


def paint(quick: bool) -> Iterator[Figure]:
    """Budget 1."""
    found = pairs(5 if quick else 15, 0.6)
    ratio = statistics.median(pair.ours.took / pair.bare.took for pair in found)
    ours, bare = (statistics.median(pair[side].took for pair in found) * 1e3 for side in (0, 1))
    yield Figure(
        "1",
        f"start → all visible cells of {ROWS} rows",
        "bare Textual hello",
        ratio,
        1.05,
        0.95,
        f"{ours:.0f} against {bare:.0f} ms, {len(found)} pairs",
    )


def memory(quick: bool) -> Iterator[Figure]:
    """Budget 2."""
    found = pairs(1 if quick else 3, LATE)
    moments = (
        ("resident at the first paint", [(pair.ours.first, pair.bare.first) for pair in found], 1.10, 1.06),
        (
            f"resident {LATE:.0f} s later, all loaded",
            [(pair.ours.later, pair.bare.later) for pair in found],
            2.2,
            1.8,
        ),
    )
    for what, sizes, reach, dream in moments:
        ratio = statistics.median(one / other for one, other in sizes)
        ours, bare = (statistics.median(pair[side] for pair in sizes) / 1e6 for side in (0, 1))
        detail = f"{ours:.1f} against {bare:.1f} MB"
        yield Figure("2", what, "bare Textual hello", ratio, reach, dream, detail)
