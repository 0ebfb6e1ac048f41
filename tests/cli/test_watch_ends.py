"""When `watch` is done, and with which exit code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reportdash.cli.watch import follow
from reportdash.clock import ManualClock
from reportdash.errors import Exit
from reportdash.model import Job, JobState, replace
from reportdash.simulator import Simulator
from tests.engine.rig import START, Rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    clock = ManualClock(START)
    async with Simulator(now=clock.now, published_dir=tmp_path) as sim:
        made = Rig(sim, clock, tmp_path)
        made.account("main")
        yield made
        await made.close()


async def test_a_report_of_a_group_is_waited_for_when_it_alone_was_asked_for(rig: Rig) -> None:
    engine = await rig.start()
    group = Job("grp222", "main", "7g", "all", "group:9", JobState.RUNNING, children_total=1)
    child = Job("kid222", "main", "7g", "one", "group:9#1", JobState.RUNNING, parent="grp222", ordinal=1)
    await engine.ledger.add_many([group, child])
    watching = asyncio.ensure_future(follow(engine, lambda job: job.id == "kid222", until="settled"))
    await rig.passes(20)
    assert not watching.done()
    await engine.ledger.change("kid222", lambda row: replace(row, state=JobState.FAILED))
    assert await rig.finish(watching) is Exit.FAILED


async def test_jobs_of_an_account_that_left_the_config_are_not_waited_for_in_vain(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = await rig.start()
    old = Job("old222", "funds", "7g", "x", "ref", JobState.RUNNING, submitted_at=START)
    await engine.ledger.add_many([old])
    assert await rig.finish(follow(engine, lambda job: True, until="settled")) is Exit.CREDENTIALS
    assert "funds" in capsys.readouterr().err


async def test_jobs_of_an_account_that_another_process_polls_are_waited_for(rig: Rig) -> None:
    engine = await rig.start()
    old = Job("old222", "funds", "7g", "x", "ref", JobState.RUNNING, submitted_at=START)
    await engine.ledger.add_many([old])
    other = await rig.another(owner="elsewhere:2")
    assert await other.ledger.take_lease("funds") is not None
    watching = asyncio.ensure_future(follow(engine, lambda job: True, until="settled"))
    await rig.passes(20)
    assert not watching.done()
    await other.ledger.change("old222", lambda row: replace(row, state=JobState.READY))
    assert await rig.finish(watching) is Exit.OK
