"""Polling: what is due is looked at, and the vendor's word reaches the ledger."""

from __future__ import annotations

from reportdash.model import JobState
from tests.engine.rig import Rig


async def test_a_tracked_job_is_followed_to_its_end(rig: Rig) -> None:
    engine = await rig.start()
    reference = rig.scripted(1, "pending", "incomplete", "complete")
    job = await engine.track("main", reference)
    engine.poll()
    done = await rig.state(job, JobState.READY)
    assert done.vendor_status == "complete"
    assert done.settled_at is not None
    assert [event.what for event in await rig.ledger.history(job.id)][-2:] == [
        "queued → running",
        "running → ready",
    ]
