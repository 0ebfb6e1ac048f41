"""How long the loop stands still at worst, in a table of a hundred thousand jobs: no key is answered then.

A task on the dashboard's own loop notes each time it is called late; the terminal side notes which act was
under way.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import folder
from tests.bench.keys import FED, settle
from tests.bench.line import Line
from tests.bench.table import Figure

COLUMNS = 8
ACTS = {
    "opening": (),
    "sorting by each column": ("s",) * COLUMNS,
    "filtering": ("/", "d", "e", "l", "e", "t", "e", "d", "\x1b", "\x1b"),
    "jumping to the end and back": ("\x1b[F", "\x1b[H"),
    "selecting all": ("*", "\x1b"),
}
LONG = ("s", "*", "\x1b")
"""Keys after which a pause lets the work be done, 0.8 s for a hundred thousand; the letters of a filter are
typed."""


def _lags(env: dict[str, str], file: Path) -> dict[str, float]:
    """Act → worst lateness of the loop in milliseconds."""
    spans: dict[str, tuple[float, float]] = {}
    with Line((*FED, "--lags", str(file)), env=env) as line:
        begun = time.perf_counter()
        settle(line, folder.MANY)
        spans["opening"] = (begun, time.perf_counter())
        line.watching = False
        for act, keys in ACTS.items():
            if not keys:
                continue
            begun = time.perf_counter()
            for key in keys:
                line.send(key)
                line.listen(folder.MANY / 125_000 if key in LONG else 0.15)
            line.listen(0.5)
            spans[act] = (begun, time.perf_counter())
        line.send("q")
        line.finish()
    lags = json.loads(file.read_text())
    return {
        act: max((late for at, late in lags if start <= at <= end), default=0.0) * 1e3
        for act, (start, end) in spans.items()
    }


def lag(quick: bool) -> Iterator[Figure]:
    """The loop's worst stand-still for each act."""
    rounds = 1 if quick else 3
    with tempfile.TemporaryDirectory() as name:
        env = folder.large()
        found = [_lags(env, Path(name) / "lags.json") for _ in range(rounds)]
    for act in ACTS:
        worst = [one[act] for one in found]
        detail = f"median of {rounds}; worst of all {max(worst):.1f} ms"
        yield Figure(
            "13",
            f"loop stands still at worst, {folder.many()}: {act}",
            "–",
            statistics.median(worst),
            25,
            12,
            detail,
            unit="ms",
        )
