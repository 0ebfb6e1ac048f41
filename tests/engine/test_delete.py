"""Deleting: never an unsaved report by accident, never half-known."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.engine.outcome import Outcome
from reportdash.errors import Exit, SafetyProblem
from reportdash.model import (
    Artifact,
    ArtifactState,
    Health,
    Intent,
    IntentKind,
    Job,
    JobState,
    Stage,
    replace,
)
from reportdash.simulator import Hang, Lost, Reply, Request, Reset
from reportdash.simulator.faults import Fault
from reportdash.simulator.wire import json_reply
from tests.engine.rig import Rig

NO = json_reply({"result": False, "message": "Deletion is locked.", "data": {}})


async def delete(rig: Rig, job: Job, **how: bool) -> Outcome:
    outcome: Outcome = await rig.finish(rig.engine.delete(job.id, **how))
    return outcome


async def looked(rig: Rig, number: int, stage: str, state: JobState) -> Job:
    return await rig.seen(await rig.follow(number, stage), state, vendor_status="complete")


async def saved(rig: Rig, job: Job) -> Job:
    """The job as after its download: a file at its place, and the row that says so."""
    path = Path(rig.folder / "reports" / f"{job.id}.json")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"[1, 2]")
    artifact = Artifact(ArtifactState.SAVED, str(path), 6, 6)
    return await rig.ledger.change(job.id, lambda row: replace(row, artifact=artifact))


async def test_a_running_job_is_deleted_and_the_vendor_confirms(rig: Rig) -> None:
    await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    outcome = await delete(rig, job)
    assert outcome.exit_code is Exit.OK
    row = outcome.job
    assert (row.state, row.deleted_by_us, row.intent, row.next_poll_at) == (
        JobState.DELETED,
        True,
        None,
        None,
    )
    assert len(rig.deletes()) == 1
    assert "DELETE" in [exchange.method for exchange in await rig.ledger.exchanges(job.id)]


async def test_the_intent_is_in_the_ledger_before_the_delete_leaves(rig: Rig) -> None:
    engine = await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    hang = Hang()
    rig.sim.inject("7g", hang, method="DELETE")
    task = rig.begin(engine.delete(job.id))
    await rig.until(hang.arrived.is_set)
    other = await rig.another(owner="elsewhere:9")
    row = await other.ledger.job(job.id)
    assert row is not None
    assert (row.state, row.prior) == (JobState.DELETING, JobState.RUNNING)
    assert row.intent is not None
    assert (row.intent.kind, row.intent.stage) == (IntentKind.DELETE, Stage.SENDING)
    assert rig.deletes()[0].header("idempotency-key") == row.intent.key
    hang.release()
    assert (await rig.finish(task)).job.state is JobState.DELETED


@pytest.mark.parametrize(
    "state", [JobState.READY, JobState.READY_WITH_WARNINGS, JobState.NOTIFY_FAILED, JobState.UNKNOWN]
)
async def test_an_unsaved_report_is_not_deleted(rig: Rig, state: JobState) -> None:
    await rig.start()
    job = await looked(rig, 1, "ready", state)
    with pytest.raises(SafetyProblem) as refused:
        await delete(rig, job)
    assert refused.value.exit_code is Exit.REFUSED
    assert rig.deletes() == []
    assert (await rig.job(job)).state is state


async def test_unsaved_is_lost_when_the_operator_says_so(rig: Rig) -> None:
    await rig.start()
    job = await looked(rig, 1, "ready", JobState.READY)
    assert (await delete(rig, job, unsaved=True)).job.state is JobState.DELETED


async def test_a_saved_report_may_go_and_our_copy_stays(rig: Rig) -> None:
    await rig.start()
    job = await saved(rig, await looked(rig, 1, "ready", JobState.READY))
    outcome = await delete(rig, job)
    assert outcome.job.state is JobState.DELETED
    assert outcome.job.artifact == job.artifact


@pytest.mark.parametrize("damage", ["gone", "shorter", "moved"])
async def test_saved_means_that_the_file_lies_there_now(rig: Rig, damage: str) -> None:
    await rig.start()
    job = await saved(rig, await looked(rig, 1, "ready", JobState.READY))
    assert job.artifact is not None
    path = Path(job.artifact.path or "")
    if damage == "gone":
        path.unlink()
    elif damage == "shorter":
        path.write_bytes(b"[1")
    else:
        path.rename(path.with_name("other.json"))
    with pytest.raises(SafetyProblem):
        await delete(rig, job)
    assert rig.deletes() == []


async def test_a_job_that_became_ready_meanwhile_is_not_deleted_unsaved(rig: Rig) -> None:
    engine = await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    real = engine.downloads.is_intact

    async def slow(asked: Job) -> bool:
        await rig.ledger.change(job.id, lambda row: replace(row, state=JobState.READY))
        return await real(asked)

    engine._deletes._intact = slow
    with pytest.raises(SafetyProblem):
        await delete(rig, job)
    assert rig.deletes() == []


async def test_a_tracked_job_nobody_has_looked_at_is_looked_at_first(rig: Rig) -> None:
    await rig.start()
    job = await rig.follow(1, "ready")
    with pytest.raises(SafetyProblem):
        await delete(rig, job)
    assert len(rig.looks()) == 1
    assert rig.deletes() == []
    assert (await rig.job(job)).state is JobState.READY


async def test_where_the_vendor_has_no_delete_its_reason_is_said(rig: Rig) -> None:
    rig.account("billing")
    engine = await rig.start()
    job = await engine.track("billing", "2djj-1")
    with pytest.raises(SafetyProblem, match="Sigma has no delete"):
        await engine.delete(job.id)


async def test_a_groups_child_is_never_acted_on_alone(rig: Rig) -> None:
    engine = await rig.start()
    parent = await rig.follow(1, "ready")
    child = replace(parent, id="child1", parent=parent.id, ordinal=1, reference="x#1", children_total=None)
    child, _ = await rig.ledger.add(child)
    with pytest.raises(SafetyProblem, match="group"):
        await engine.delete(child.id, unsaved=True)
    with pytest.raises(SafetyProblem, match="group"):
        await engine.forget(child.id, unsaved=True)


async def test_not_found_means_that_it_is_deleted(rig: Rig) -> None:
    await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    rig.sim.world.drop(rig.sim.job("7g", job.reference or ""))
    assert (await delete(rig, job)).job.state is JobState.DELETED


async def test_a_refused_delete_goes_back_to_the_state_before_with_a_warning(rig: Rig) -> None:
    await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    rig.sim.inject("7g", NO, method="DELETE")
    outcome = await delete(rig, job)
    assert outcome.exit_code is Exit.FAILED
    row = outcome.job
    assert (row.state, row.intent, row.prior) == (JobState.RUNNING, None, None)
    assert row.message == "delete refused: Deletion is locked."
    assert row.next_poll_at is not None
    assert not row.deleted_by_us


async def test_a_talkdesk_403_is_about_the_job_and_its_status_decides(rig: Rig) -> None:
    rig.account("calls")
    engine = await rig.start()
    rig.sim.add("talkdesk", "calls/77", "calls", stage="ready")
    job = await rig.seen(await engine.track("calls", "calls/77"), JobState.READY)
    rig.sim.inject(
        "talkdesk", json_reply({"code": "1", "message": "Forbidden"}, 403), method="DELETE", times=2
    )
    outcome = await delete(rig, job, unsaved=True)
    assert outcome.exit_code is Exit.FAILED
    assert outcome.job.state is JobState.READY
    assert (await rig.row("calls")).health is Health.OK
    again = await delete(rig, job, unsaved=True)
    assert again.job.state is JobState.DELETED


async def test_a_talkdesk_403_for_what_is_deleted_already_ends_deleted(rig: Rig) -> None:
    rig.account("calls")
    engine = await rig.start()
    rig.sim.add("talkdesk", "calls/77", "calls", stage="deleted")
    job = await rig.seen(await engine.track("calls", "calls/77"), JobState.READY)
    rig.sim.inject(
        "talkdesk", json_reply({"code": "1", "message": "Forbidden"}, 403), method="DELETE", times=2
    )
    outcome = await delete(rig, job, unsaved=True)
    assert (outcome.exit_code, outcome.job.state) == (Exit.OK, JobState.DELETED)


@pytest.mark.parametrize(
    "fault",
    [Lost(), Reply(500, b"oops"), Reply(200, b"<html></html>", {"Content-Type": "text/html"})],
    ids=["lost", "500", "html"],
)
async def test_an_unanswered_delete_is_checked_by_a_look_and_sent_again_while_it_is_there(
    rig: Rig, fault: Fault
) -> None:
    await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    rig.sim.inject("7g", fault, method="DELETE")
    outcome = await delete(rig, job)
    assert (outcome.exit_code, outcome.job.state) == (Exit.OK, JobState.DELETED)
    assert len(rig.looks()) >= 1
    acted = isinstance(fault, Lost)
    assert len({call.at for call in rig.deletes()}) == (1 if acted else 2)


async def test_at_most_three_repeats_within_a_minute_then_the_poller_finishes(rig: Rig) -> None:
    engine = await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    rig.sim.inject("7g", Reply(500, b""), method="DELETE", times=None)
    started = rig.clock.monotonic()
    outcome = await delete(rig, job)
    assert outcome.exit_code is Exit.UNREACHABLE
    assert len(rig.deletes()) == 4
    assert rig.clock.monotonic() - started <= 60
    assert outcome.job.state is JobState.DELETING
    assert outcome.job.intent is not None
    assert outcome.job.intent.owner is None
    assert outcome.job.message is not None
    assert "no answer" in outcome.job.message
    rig.sim._rules.clear()
    engine.poll()
    done = await rig.state(job, JobState.DELETED)
    assert done.deleted_by_us


async def test_a_throttled_delete_waits_as_told(rig: Rig) -> None:
    await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "20"}), method="DELETE")
    outcome = await delete(rig, job)
    assert outcome.job.state is JobState.DELETED
    first, second = rig.deletes()
    assert 20 <= second.at - first.at < 30


async def test_a_delete_that_is_told_to_wait_longer_than_a_minute_is_left_to_the_poller(rig: Rig) -> None:
    engine = await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "300"}), method="DELETE")
    outcome = await delete(rig, job)
    assert outcome.exit_code is Exit.UNREACHABLE
    assert outcome.job.state is JobState.DELETING
    engine.poll()
    await rig.state(job, JobState.DELETED)
    first, second = rig.deletes()
    assert second.at - first.at >= 300


async def test_a_delete_with_a_refused_credential_was_never_sent_and_the_state_comes_back(rig: Rig) -> None:
    await rig.start()
    rig.forget_key("main")
    job = await looked(rig, 1, "running", JobState.RUNNING)
    outcome = await delete(rig, job)
    assert outcome.exit_code is Exit.CREDENTIALS
    assert outcome.job.state is JobState.RUNNING
    assert outcome.job.intent is None


async def test_an_unreachable_vendor_leaves_it_deleting(rig: Rig) -> None:
    rig.account("main", base_url="http://127.0.0.1:1")
    await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    outcome = await delete(rig, job)
    assert outcome.exit_code is Exit.UNREACHABLE
    assert outcome.job.state is JobState.DELETING


@pytest.mark.parametrize("stage", [Stage.SENDING, Stage.UNSURE])
async def test_an_orphaned_delete_is_checked_first_and_then_finished(rig: Rig, stage: Stage) -> None:
    engine = await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    intent = Intent(IntentKind.DELETE, stage, rig.clock.now(), "the-key", owner="elsewhere:1:0:gone", tries=1)
    await rig.seen(job, JobState.DELETING, intent=intent, prior=JobState.RUNNING)
    engine.poll()
    await rig.state(job, JobState.DELETED)
    mine = [call for call in rig.sim.requests if call.path.startswith("/Report")]
    assert [call.method for call in mine] == ["GET", "DELETE"]


async def test_an_orphaned_delete_that_had_worked_is_not_sent_again(rig: Rig) -> None:
    engine = await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    rig.sim.world.drop(rig.sim.job("7g", job.reference or ""))
    intent = Intent(
        IntentKind.DELETE, Stage.SENDING, rig.clock.now(), "k", owner="elsewhere:1:0:gone", tries=1
    )
    await rig.seen(job, JobState.DELETING, intent=intent, prior=JobState.RUNNING)
    engine.poll()
    await rig.state(job, JobState.DELETED)
    assert rig.deletes() == []


async def test_a_delete_in_another_process_is_not_begun_twice(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    second = await rig.another(owner="elsewhere:2")
    job = await looked(rig, 1, "running", JobState.RUNNING)
    hang = Hang()
    rig.sim.inject("7g", hang, method="DELETE")
    task = rig.begin(first.delete(job.id))
    await rig.until(hang.arrived.is_set)
    with pytest.raises(SafetyProblem):
        await second.delete(job.id)
    hang.release()
    await rig.finish(task)
    assert len(rig.deletes()) == 1


async def test_what_is_deleted_already_costs_no_request(rig: Rig) -> None:
    await rig.start()
    job = await looked(rig, 1, "running", JobState.DELETED)
    assert (await delete(rig, job)).exit_code is Exit.OK
    assert not list(rig.sim.requests)


async def test_a_look_under_way_does_not_bring_a_deleted_job_back(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1, "running")
    hang = Hang(act=True)
    rig.sim.inject("7g", hang, path="/Report/Status*")
    engine.poll()
    await rig.until(hang.arrived.is_set)
    outcome = await delete(rig, await rig.job(job), unsaved=True)
    assert outcome.job.state is JobState.DELETED
    hang.release()
    await rig.passes(60)
    row = await rig.job(job)
    assert (row.state, row.next_poll_at) == (JobState.DELETED, None)


async def test_read_only_blocks_deletes(rig: Rig) -> None:
    await rig.start(read_only=True)
    job = await looked(rig, 1, "running", JobState.RUNNING)
    with pytest.raises(SafetyProblem):
        await delete(rig, job)


async def test_a_read_only_account_blocks_deletes(rig: Rig) -> None:
    rig.account("main", read_only=True)
    await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    with pytest.raises(SafetyProblem, match="read-only"):
        await delete(rig, job)


async def test_a_reset_while_deleting_is_no_end(rig: Rig) -> None:
    await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    rig.sim.inject("7g", Reset(), method="DELETE")
    outcome = await delete(rig, job)
    assert outcome.job.state is JobState.DELETED
    assert isinstance(rig.deletes()[0], Request)


async def test_a_job_nobody_has_looked_at_for_long_is_looked_at_first(rig: Rig) -> None:
    await rig.start()
    job = await looked(rig, 1, "complete", JobState.RUNNING)
    await rig.passes(8 * 3600)  # no dashboard ran meanwhile
    with pytest.raises(SafetyProblem, match="not saved"):
        await delete(rig, job)
    assert rig.deletes() == []
    assert (await rig.job(job)).state is JobState.READY


async def test_a_job_that_still_runs_after_long_is_deleted_as_asked(rig: Rig) -> None:
    await rig.start()
    job = await looked(rig, 1, "running", JobState.RUNNING)
    await rig.passes(8 * 3600)
    assert (await delete(rig, job)).job.state is JobState.DELETED


async def test_a_job_that_is_gone_after_long_needs_no_more_than_its_delete(rig: Rig) -> None:
    await rig.start()
    job = await rig.follow(1)
    job = await rig.seen(job, JobState.RUNNING, reference="11111111-0000-4000-8000-000000000009")
    await rig.passes(8 * 3600)
    outcome = await delete(rig, job)
    assert (outcome.exit_code, outcome.job.state) == (Exit.OK, JobState.DELETED)


async def parked(rig: Rig, job: Job, prior: JobState, *, unsaved: bool = False, seconds: float = 60) -> Job:
    """A delete that waits in the ledger to be sent by the account's poller."""
    now = rig.clock.now()
    intent = Intent(IntentKind.DELETE, Stage.WAITING, now, "a-key", not_before=now + seconds, unsaved=unsaved)
    return await rig.seen(job, JobState.DELETING, intent=intent, prior=prior)


async def test_a_waiting_delete_is_not_sent_once_the_saved_file_is_gone(rig: Rig) -> None:
    engine = await rig.start()
    job = await saved(rig, await looked(rig, 1, "complete", JobState.READY))
    assert job.artifact is not None and job.artifact.path is not None
    await parked(rig, job, JobState.READY)
    Path(job.artifact.path).unlink()
    engine.poll()
    row = await rig.state(job, JobState.READY)
    assert rig.deletes() == []
    assert row.intent is None
    assert row.message is not None and row.message.startswith("delete not sent: it is ready")


async def test_a_waiting_delete_of_a_saved_report_goes_out(rig: Rig) -> None:
    engine = await rig.start()
    job = await saved(rig, await looked(rig, 1, "complete", JobState.READY))
    await parked(rig, job, JobState.READY)
    engine.poll()
    await rig.state(job, JobState.DELETED)
    assert len(rig.deletes()) == 1


async def test_a_delete_that_waited_until_its_job_was_ready_is_not_sent(rig: Rig) -> None:
    engine = await rig.start()
    job = await looked(rig, 1, "complete", JobState.RUNNING)
    await parked(rig, job, JobState.RUNNING, seconds=600)
    engine.poll()
    await rig.state(job, JobState.READY)
    assert rig.deletes() == []


async def test_a_delete_that_left_is_not_repeated_once_the_saved_file_is_gone(rig: Rig) -> None:
    engine = await rig.start()
    job = await looked(rig, 1, "complete", JobState.READY)
    intent = Intent(
        IntentKind.DELETE, Stage.UNSURE, rig.clock.now(), "k", owner="elsewhere:1:0:gone", tries=1
    )
    await rig.seen(job, JobState.DELETING, intent=intent, prior=JobState.READY)
    engine.poll()
    await rig.state(job, JobState.READY)
    assert rig.deletes() == []


async def test_a_waiting_delete_whose_report_was_given_up_goes_out_without_a_copy(rig: Rig) -> None:
    engine = await rig.start()
    job = await looked(rig, 1, "complete", JobState.READY)
    await parked(rig, job, JobState.READY, unsaved=True)
    engine.poll()
    await rig.state(job, JobState.DELETED)


async def test_that_a_report_is_given_up_is_kept_with_the_delete(rig: Rig) -> None:
    engine = await rig.start()
    job = await looked(rig, 1, "complete", JobState.READY)
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "300"}), method="DELETE")
    outcome = await delete(rig, job, unsaved=True)
    assert outcome.job.intent is not None and outcome.job.intent.unsaved
    engine.poll()
    await rig.state(job, JobState.DELETED)
