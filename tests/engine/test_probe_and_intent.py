"""After trouble one request at a time is the rule: an intent that is due waits for the probe, at rest."""

from __future__ import annotations

import asyncio

from reportdash.model import Job, JobState, replace
from reportdash.simulator import Hang, Reply
from tests.engine.rig import SPEC, Rig


async def test_a_submit_that_is_due_while_a_probe_hangs_waits_for_it_without_turning_in_circles(
    rig: Rig,
) -> None:
    engine = await rig.start()
    throttle = Reply(429, b"", {"Retry-After": "2"})
    rig.sim.inject("7g", throttle, method="POST", path="/Report")
    waiting = (await rig.finish(engine.submit("main", SPEC))).job
    await rig.passes(3)
    soon = rig.clock.now() + 12

    def later(row: Job) -> Job:
        assert row.intent is not None
        return replace(row, intent=replace(row.intent, not_before=soon))

    await rig.ledger.change(waiting.id, later)
    job = await rig.follow(1)
    engine.poll()
    await rig.until(rig.looks)
    hang = Hang()
    rig.sim.inject("7g", throttle, path="/Report/Status")
    rig.sim.inject("7g", hang, path="/Report/Status", nth=2)
    async with asyncio.timeout(120):  # what turns in circles never comes to rest
        await rig.until(hang.arrived.is_set)
        assert rig.clock.now() < soon
        await rig.passes(20)
        assert len(rig.submits()) == 1
        hang.release()
        await rig.state(waiting, JobState.QUEUED)
    assert (await rig.job(job)).attempts == 0
