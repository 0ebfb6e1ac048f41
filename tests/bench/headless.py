"""`reportdash jobs --json` over ten thousand jobs, against a script of ten lines that dumps the same rows."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench import folder
from tests.bench.python import environment
from tests.bench.table import Figure

JOBS = 10_000
COLUMNS = (
    "id,account,vendor,name,reference,state,vendor_status,message,health,submitted_at,updated_at,settled_at,"
    "expires_at,next_poll_at,attempts,parent,artifact_state,artifact_path,artifact_bytes,artifact_total,"
    "artifact_sha256,artifact_verified"
)
"""What the contract's JSON is made of."""


def _run(words: Sequence[str], env: dict[str, str]) -> float:
    """Seconds of one run; every row is printed."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], env={**os.environ, **environment(), **env}, stdout=subprocess.PIPE
    )
    took = time.perf_counter() - begun
    assert done.returncode == 0 and done.stdout.count(b"\n") == JOBS
    return took


def headless(quick: bool) -> Iterator[Figure]:
    """Budget 18."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        env = folder.prepare(Path(name), JOBS)
        ours = ("-c", "from reportdash.cli.main import run; run()", "jobs", "--json")
        script = str(Path(__file__).with_name("ten_lines.py"))
        bare = (script, f"{env['REPORTDASH_DATA_DIR']}/ledger.db", COLUMNS)
        for number in range((3 if quick else 21) + 1):
            if number % 2:
                pair = (_run(ours, env), _run(bare, env))
            else:
                other = _run(bare, env)
                pair = (_run(ours, env), other)
            found.append(pair)
    found = found[1:]
    mine, other = (statistics.median(pair[side] for pair in found) * 1e3 for side in (0, 1))
    yield Figure(
        "18",
        f"`jobs --json`, {JOBS // 1000}k jobs",
        "a script of ten lines",
        statistics.median(one / two for one, two in found),
        1.25,
        1.1,
        f"{mine:.0f} against {other:.0f} ms, {len(found)} pairs",
    )
