"""A download on the command line that a signal breaks off: nothing is lost, and the next one goes on."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from reportdash.ledger.store import Store
from reportdash.simulator import Simulator
from tests.cli.conftest import Shell

SLOW, SIZE = 1_500_000.0, 3_000_000


async def part_of(folder: Path) -> Path:
    """The part, once there is something in it."""
    while not (parts := [path for path in folder.glob(".*.part") if path.stat().st_size]):
        await asyncio.sleep(0.01)
    return parts[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_leaves_the_part_and_the_next_download_goes_on_with_it(
    shell: Shell, sim: Simulator, number: signal.Signals
) -> None:
    sim.storage.rate = SLOW
    sim.add("talkdesk", "calls/a", "calls", name="calls", stage="ready", size=SIZE)
    job_id = (await shell("track", "calls", "calls/a")).lines[0]
    process = await shell.start("download", job_id)
    part = await asyncio.wait_for(part_of(shell.reports), 60)
    process.send_signal(number)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, out, err) == (130, b"", b"")
    kept = part.stat().st_size
    assert kept > 0
    with Store.open(shell.data / "ledger.db", owner="elsewhere:1:0:one") as store:
        assert all(account.owner is None for account in store.accounts())
    sim.storage.rate = None
    ran = await shell("download", job_id)
    assert ran.code == 0, ran.err
    assert Path(ran.lines[0]).stat().st_size > kept
    assert not part.exists()
    assert f"bytes={kept}-" in [request.header("range") for request in sim.requests]
