"""A group is deleted as a whole: while it still runs some of its reports may be ready already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reportdash.model import Job, JobState, Seen, replace
from tests.engine.rig import Rig
from tests.engine.test_delete import parked, saved


async def group(rig: Rig, state: JobState = JobState.READY) -> tuple[Job, Job]:
    """A running group of two whose first report is in this state, and that report."""
    parent = await rig.seen(await rig.follow(1), JobState.RUNNING, children_total=2)
    child = replace(parent, id="child1", parent=parent.id, ordinal=1, reference="x#1", children_total=None)
    child, _ = await rig.ledger.add(replace(child, state=state))
    return parent, child


async def test_a_waiting_delete_of_a_group_takes_no_report_whose_file_is_gone(rig: Rig) -> None:
    engine = await rig.start()
    parent, child = await group(rig)
    child = await saved(rig, child)
    assert not await engine.is_unsaved(parent)
    await parked(rig, parent, JobState.RUNNING, seconds=10)
    assert child.artifact is not None and child.artifact.path is not None
    Path(child.artifact.path).unlink()
    engine.poll()
    row = await rig.state(parent, JobState.RUNNING)
    assert rig.deletes() == []
    assert row.message is not None and row.message.startswith("delete not sent")


@pytest.mark.parametrize("known", [True, False])
async def test_a_waiting_delete_of_a_group_takes_no_report_that_became_ready_meanwhile(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    engine = await rig.start()
    parent, child = await group(rig, JobState.RUNNING)
    if not known:
        await rig.ledger.change(child.id, lambda row: replace(row, ordinal=2))
    seen = Seen(JobState.RUNNING, "running", children=(Seen(JobState.READY, "done"),), children_total=2)

    async def status(job: Job) -> Any:
        return seen

    monkeypatch.setattr(engine.accounts["main"].vendor, "status", status)
    await parked(rig, parent, JobState.RUNNING, seconds=600)
    engine.poll()
    await rig.state(parent, JobState.RUNNING)
    assert rig.deletes() == []


async def test_a_waiting_delete_of_a_group_whose_ready_reports_are_saved_goes_out(rig: Rig) -> None:
    engine = await rig.start()
    parent, child = await group(rig)
    await saved(rig, child)
    await parked(rig, parent, JobState.RUNNING, seconds=10)
    engine.poll()
    await rig.state(parent, JobState.DELETED)
    assert len(rig.deletes()) == 1
