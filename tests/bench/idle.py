"""CPU of a live board that polls four times a second, against the bare application doing nothing.

Both run at the same time; the scheduler's own count of each is taken, not the clock's ticks.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import folder
from tests.bench.line import Cpu, Line
from tests.bench.paint import HELLO, REPORTDASH
from tests.bench.server_process import vendor
from tests.bench.table import Figure

POLLED, EVERY = 20, 5.0
"""Jobs, and seconds between two looks at each: four polls a second."""


def _both(seconds: float, settled: float) -> tuple[float, float]:
    """CPU seconds of ours and of the bare application over the same time."""
    with vendor() as port, tempfile.TemporaryDirectory() as name:
        env = folder.prepare(Path(name), 200, port=port, live=POLLED, every=EVERY)
        with Line(REPORTDASH, env=env) as ours, Line(HELLO, env=env) as bare:
            ours.wait_for(b"live")
            lines = (ours, bare)
            for line in lines:
                line.listen(settled)
            counts = [Cpu(line.process.pid) for line in lines]
            begun = [count.seconds() for count in counts]
            for _ in range(int(seconds)):
                # Half a second each: whatever comes is read soon enough.
                for line, count in zip(lines, counts, strict=True):
                    line.listen(0.5)
                    count.seconds()
            ours_took, bare_took = (
                count.seconds() - before for count, before in zip(counts, begun, strict=True)
            )
            return ours_took, bare_took


def cpu(quick: bool) -> Iterator[Figure]:
    """Budget 10."""
    seconds = 6.0 if quick else 60.0
    found = [_both(seconds, 2.5 if quick else 5.0) for _ in range(1 if quick else 2)]
    ours, bare = (statistics.median(pair[side] for pair in found) / seconds * 1e3 for side in (0, 1))
    yield Figure(
        "10",
        f"CPU of a live board, 4 polls a second, {seconds:.0f} s",
        "bare hello, idle",
        statistics.median(one / other for one, other in found),
        12,
        6,
        f"{ours:.1f} against {bare:.1f} ms of CPU a second",
    )
