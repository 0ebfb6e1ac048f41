"""Several processes on one ledger, killed and stopped at random: one of them polls an account.

`REPORTDASH_FAULTS` makes it go on longer than the few seconds it takes by default.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from reportdash.clock import SystemClock
from reportdash.ledger import Ledger
from reportdash.model import Job, JobState, new_id
from reportdash.simulator import Simulator
from tests.engine.rig import guid

SECONDS = 8.0 * int(os.environ.get("REPORTDASH_FAULTS", "1"))
PROCESSES = 5
JOBS = 40


def looks(folder: Path) -> list[tuple[str, float, float, str]]:
    """(job, asked, written, process) of every look the ledger accepted."""
    found = []
    for log in folder.glob("[0-9]*.log"):  # the ledger may have its jobs.log beside them
        for line in log.read_text().splitlines():
            job, asked, written = line.split()
            found.append((job, float(asked), float(written), log.stem))
    return sorted(found, key=lambda look: look[1])


async def test_killed_and_stopped_pollers_never_look_at_the_same_job_at_once(tmp_path: Path) -> None:
    draw = random.Random(11)
    path = tmp_path / "ledger.db"
    async with Simulator(published_dir=tmp_path) as sim:
        known = sim.accounts()["main"]
        keys = {**known["settings"], "vendor": "7g", "poll_min": 0.02, "poll_max": 0.02, "max_inflight": 16}
        environ = {
            f"REPORTDASH_SECRET__MAIN__{key.upper()}": value for key, value in known["secrets"].items()
        }
        ledger = await Ledger.open(path, clock=SystemClock())
        now = time.time()
        for number in range(1, JOBS + 1):
            sim.add("7g", guid(number), "main", stage="running")
            sim.script("7g", guid(number), ["incomplete"])
            job = Job(
                id=new_id(),
                account="main",
                vendor="7g",
                name="a report",
                reference=guid(number),
                state=JobState.RUNNING,
                submitted_at=now,
                next_poll_at=now,
            )
            await ledger.add(job)
        born = 0

        async def spawn() -> asyncio.subprocess.Process:
            nonlocal born
            born += 1
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.faults.poller_process",
                str(path),
                str(tmp_path / f"{born}.log"),
                json.dumps({"main": keys}),
                json.dumps(environ),
                cwd=Path(__file__).parents[2],
            )

        running = [await spawn() for _ in range(PROCESSES)]
        stopped: list[asyncio.subprocess.Process] = []
        end = time.monotonic() + SECONDS
        try:
            while time.monotonic() < end:
                await asyncio.sleep(draw.uniform(0.5, 3.0))
                victim = running.pop(draw.randrange(len(running)))
                if draw.random() < 0.6:
                    victim.kill()
                    await victim.wait()
                    running.append(await spawn())
                else:
                    victim.send_signal(signal.SIGSTOP)
                    stopped.append(victim)
                    running.append(await spawn())
                    if len(stopped) > 1:
                        woken = stopped.pop(0)
                        woken.send_signal(signal.SIGCONT)
                        running.append(woken)
            # Everybody awake: somebody goes on polling.
            for process in stopped:
                process.send_signal(signal.SIGCONT)
            before = len(looks(tmp_path))
            async with asyncio.timeout(240):
                while len(looks(tmp_path)) < before + JOBS:
                    await asyncio.sleep(0.1)
        finally:
            for process in [*running, *stopped]:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        rows = await ledger.jobs()
        await ledger.close()
    assert len(rows) == JOBS
    seen = looks(tmp_path)
    assert len(seen) > JOBS
    overlaps = 0
    for looked_at in {look[0] for look in seen}:
        mine = [look for look in seen if look[0] == looked_at]
        for one, two in itertools.pairwise(mine):
            overlaps += one[3] != two[3] and two[1] < one[2]
    print(f"{len(seen)} looks by {PROCESSES} processes, {born} born, {overlaps} overlaps")
    assert overlaps == 0
