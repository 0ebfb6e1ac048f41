"""A rig with one 7G account, ready to start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reportdash.clock import ManualClock
from reportdash.ledger import thread
from reportdash.net import storage
from reportdash.simulator import Simulator
from tests.engine.rig import START, Rig


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    # A batch of writes waits for company in real time, which stands still for everything else here.
    monkeypatch.setattr(thread, "BATCH_SECONDS", 0.002)
    clock = ManualClock(START)
    (tmp_path / "published").mkdir()
    async with Simulator(now=clock.now, published_dir=tmp_path / "published") as sim:
        made = Rig(sim, clock, tmp_path)
        monkeypatch.setattr(storage, "open", made.counted(storage.open))
        made.account("main")
        yield made
        await made.close()
