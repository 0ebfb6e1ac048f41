"""Track, adopt, forget: the table and the vendors brought together without a submit."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.engine.runtime import Engine
from reportdash.errors import CredentialProblem, Problem, SafetyProblem, UsageProblem
from reportdash.model import Artifact, ArtifactState, Intent, IntentKind, Job, JobState, Spec, Stage, replace
from reportdash.simulator import Hang, Lost, Reply
from tests.engine.rig import SPEC, Rig, guid


async def test_track_makes_a_row_without_any_request(rig: Rig) -> None:
    engine = await rig.start()
    job = await engine.track("main", guid(1).upper(), name="month end")
    assert (job.reference, job.name, job.tracked, job.state) == (guid(1), "month end", True, JobState.QUEUED)
    assert job.next_poll_at == rig.clock.now()
    assert not list(rig.sim.requests)


async def test_a_known_reference_gives_its_row(rig: Rig) -> None:
    engine = await rig.start()
    first = await engine.track("main", guid(1))
    again = await engine.track("main", "{" + guid(1).upper() + "}")
    assert again.id == first.id
    assert len(await rig.ledger.jobs()) == 1


async def test_what_is_no_reference_of_the_vendor_is_said(rig: Rig) -> None:
    engine = await rig.start()
    with pytest.raises(UsageProblem, match="GUID"):
        await engine.track("main", "not a guid")
    with pytest.raises(UsageProblem, match="did you mean main"):
        await engine.track("mian", guid(1))
    assert await rig.ledger.jobs() == []


async def test_without_a_name_the_reference_stands_in_until_the_vendor_gives_one(rig: Rig) -> None:
    rig.account("calls")
    engine = await rig.start()
    rig.sim.add("talkdesk", "calls/77", "calls", name="Calls of May", stage="ready")
    job = await engine.track("calls", "calls/77")
    assert job.name == "calls/77"
    engine.poll()
    await rig.state(job, JobState.READY)
    assert (await rig.job(job)).name == "Calls of May"


async def test_a_name_the_operator_gave_stays(rig: Rig) -> None:
    rig.account("calls")
    engine = await rig.start()
    rig.sim.add("talkdesk", "calls/77", "calls", name="Calls of May", stage="ready")
    job = await engine.track("calls", "calls/77", name="mine")
    engine.poll()
    await rig.state(job, JobState.READY)
    assert (await rig.job(job)).name == "mine"


async def test_an_unsure_submit_takes_its_reference(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.inject("7g", Lost(), method="POST", path="/Report")
    unsure = (await rig.finish(engine.submit("main", SPEC))).job
    (at_vendor,) = rig.sim.world.of("7g", "main")
    job = await engine.track("main", at_vendor.reference, for_=unsure.id)
    assert (job.id, job.reference, job.intent) == (unsure.id, at_vendor.reference, None)
    assert job.spec == unsure.spec
    engine.poll()

    async def looked() -> bool:
        return (await rig.job(job)).seen_at is not None

    await rig.until(looked)


async def test_the_reference_of_another_row_folds_the_unsure_submit_into_it(rig: Rig) -> None:
    engine = await rig.start()
    known = await rig.follow(1)
    rig.sim.inject("7g", Lost(), method="POST", path="/Report")
    unsure = (await rig.finish(engine.submit("main", SPEC))).job
    job = await engine.track("main", guid(1), for_=unsure.id)
    assert job.id == known.id
    assert [row.id for row in await rig.ledger.jobs()] == [known.id]


async def test_only_an_unsure_submit_takes_a_reference(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    with pytest.raises(UsageProblem):
        await engine.track("main", guid(2), for_=job.id)
    rig.account("funds")
    with pytest.raises(UsageProblem):
        await engine.track("main", guid(2), for_="nosuch")


async def test_adopt_adds_what_the_vendor_lists_and_nobody_knows(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    for number, stage in ((1, "ready"), (2, "running"), (3, "failed")):
        rig.sim.add("webadmit", f"86446/{number}", "admissions", stage=stage)
    known = await engine.track("admissions", "86446/1")
    adopted = await rig.finish(engine.adopt("admissions"))
    assert {job.reference for job in adopted} == {"86446/2", "86446/3"}
    assert all(job.adopted and job.tracked for job in adopted)
    by_reference = {job.reference: job for job in await rig.ledger.jobs()}
    assert by_reference["86446/3"].state is JobState.FAILED
    assert by_reference["86446/2"].next_poll_at is not None
    assert by_reference["86446/1"].id == known.id
    assert await rig.finish(engine.adopt("admissions")) == []


async def test_what_was_forgotten_is_not_adopted_but_can_be_tracked_again(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    rig.sim.add("webadmit", "86446/1", "admissions", stage="failed")
    (job,) = await rig.finish(engine.adopt("admissions"))
    await engine.forget(job.id)
    assert await rig.finish(engine.adopt("admissions")) == []
    again = await engine.track("admissions", "86446/1")
    assert again.id != job.id


async def test_a_submit_that_the_list_told_of_before_its_answer_came_keeps_its_name_and_parameters(
    rig: Rig,
) -> None:
    rig.account("calls")
    engine = await rig.start()
    other = await rig.another(owner="elsewhere:1")
    late = Hang(act=True)
    rig.sim.inject("talkdesk", late, method="POST", path="*/jobs")
    spec = Spec("calls", {}, "csv", "2026-08-01", "2026-09-01")
    submit = rig.begin(engine.submit("calls", spec, name="August"))
    await rig.until(late.arrived.is_set)
    (adopted,) = await rig.finish(other.adopt("calls"))
    assert adopted.spec is None
    late.release()
    job = (await rig.finish(submit)).job
    assert job.id == adopted.id
    (row,) = await rig.ledger.jobs()
    assert row.spec is not None and (row.spec.report, row.spec.time_from) == ("calls", "2026-08-01")
    assert (row.name, row.reference) == ("August", adopted.reference)
    assert engine.can("submit", row)


async def test_an_adopting_account_adopts_by_itself(rig: Rig) -> None:
    rig.account("admissions", adopt=True)
    engine = await rig.start()
    rig.sim.add("webadmit", "86446/1", "admissions", stage="failed")
    engine.poll()
    assert [job.reference for job in await rig.until(rig.ledger.jobs)] == ["86446/1"]


async def test_where_the_vendor_lists_nothing_its_reason_is_said(rig: Rig) -> None:
    engine = await rig.start()
    with pytest.raises(SafetyProblem, match="lists no reports"):
        await engine.adopt("main")


async def test_a_list_call_is_repeated_for_a_minute(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    rig.sim.add("webadmit", "86446/1", "admissions", stage="failed")
    rig.sim.inject("webadmit", Reply(500, b""), method="GET", path="*/export_files", times=2)
    assert len(await rig.finish(engine.adopt("admissions"))) == 1


async def test_a_list_call_that_never_works_says_so(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    rig.sim.inject("webadmit", Reply(500, b""), method="GET", path="*/export_files", times=None)
    with pytest.raises(Problem) as failed:
        await rig.finish(engine.adopt("admissions"))
    assert failed.value.exit_code == 4
    rig.forget_key("admissions")
    other = await rig.another(owner="elsewhere:2")
    with pytest.raises(CredentialProblem):
        await rig.finish(other.adopt("admissions"))


async def test_forgetting_leaves_a_tombstone_and_tells_the_vendor_nothing(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.seen(await rig.follow(1, "failed"), JobState.FAILED)
    gone = await engine.forget(job.id)
    assert gone.forgotten_at is not None
    assert await rig.ledger.jobs() == []
    assert not list(rig.sim.requests)


async def test_an_unsaved_report_is_not_forgotten(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.seen(await rig.follow(1, "ready"), JobState.READY)
    with pytest.raises(SafetyProblem):
        await engine.forget(job.id)
    assert (await engine.forget(job.id, unsaved=True)).forgotten_at is not None


async def test_a_saved_report_may_be_forgotten_while_its_file_lies_there(rig: Rig) -> None:
    engine = await rig.start()
    path = Path(rig.folder / "a.json")
    path.write_bytes(b"[]")
    artifact = Artifact(ArtifactState.SAVED, str(path), 2, 2)
    job = await rig.seen(await rig.follow(1, "ready"), JobState.READY, artifact=artifact)
    path.unlink()
    with pytest.raises(SafetyProblem):
        await engine.forget(job.id)
    path.write_bytes(b"[]")
    assert (await engine.forget(job.id)).forgotten_at is not None
    assert path.exists()


async def test_waiting_and_unsure_submits_can_be_forgotten_and_are_not_sent(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "5"}), method="POST", path="/Report")
    waits = (await rig.finish(engine.submit("main", SPEC))).job
    await engine.forget(waits.id)
    engine.poll()
    await rig.passes(60)
    assert len(rig.submits()) == 1


async def test_a_submit_under_way_cannot_be_forgotten(rig: Rig) -> None:
    engine = await rig.start()
    hang = Hang()
    rig.sim.inject("7g", hang, method="POST", path="/Report")
    task = rig.begin(engine.submit("main", SPEC))
    await rig.until(hang.arrived.is_set)
    (job,) = await rig.ledger.jobs()
    with pytest.raises(SafetyProblem):
        await engine.forget(job.id)
    hang.release()
    await rig.finish(task)


async def test_a_submit_whose_process_is_gone_can_be_forgotten(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    intent = Intent(
        IntentKind.SUBMIT, Stage.SENDING, rig.clock.now(), "k", owner="elsewhere:1:0:gone", tries=1
    )
    await rig.ledger.change(
        job.id, lambda row: replace(row, state=JobState.SUBMITTING, intent=intent, reference=None)
    )
    assert (await engine.forget(job.id)).forgotten_at is not None


@pytest.mark.parametrize("grouped", [False, True])
async def test_a_report_that_becomes_ready_while_it_is_judged_is_not_forgotten(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, grouped: bool
) -> None:
    if grouped:
        engine, job = await group_at_work(rig)

        async def both() -> list[Job] | None:
            children = await rig.ledger.children(job.id)
            return children if len(children) == 2 else None

        ready, running = await rig.until(both)
        await rig.seen(ready, JobState.RUNNING)
    else:
        rig.account("main")
        engine = await rig.start()
        running = job = await rig.follow(1)
    judge = engine._reconcile._unsaved

    async def judged_then_ready(row: Job) -> bool:
        unsaved = await judge(row)
        await rig.seen(running, JobState.READY)
        return unsaved

    monkeypatch.setattr(engine._reconcile, "_unsaved", judged_then_ready)
    with pytest.raises(SafetyProblem, match="not saved"):
        await engine.forget(job.id)
    assert (await rig.job(job)).forgotten_at is None


async def group_at_work(rig: Rig) -> tuple[Engine, Job]:
    """A group that runs and is polled: of its two children one is ready."""
    rig.account("billing")
    engine = await rig.start()
    rig.sim.add(
        "sigma", "group:77", "billing", name="All", stage="running",
        children=[{"name": "A", "stage": "ready"}, {"name": "B", "stage": "running"}],
    )  # fmt: skip
    job = await engine.track("billing", "group:77")
    engine.poll()
    return engine, job


async def test_a_group_takes_its_children_along(rig: Rig) -> None:
    engine, job = await group_at_work(rig)

    async def both() -> bool:
        return len(await rig.ledger.children(job.id)) == 2

    await rig.until(both)
    await engine.forget(job.id, unsaved=True)
    assert await rig.ledger.jobs() == []


async def test_a_group_that_runs_is_not_forgotten_with_a_report_that_is_ready(rig: Rig) -> None:
    engine, job = await group_at_work(rig)

    async def one_ready() -> bool:
        return any(child.state is JobState.READY for child in await rig.ledger.children(job.id))

    await rig.until(one_ready)
    with pytest.raises(SafetyProblem, match="not saved"):
        await engine.forget(job.id)


@pytest.mark.parametrize("where", ["globally", "at the account"])
async def test_read_only_blocks_adopt_pause_and_forget_but_not_track(rig: Rig, where: str) -> None:
    rig.account("admissions", read_only=where == "at the account")
    engine = await rig.start(read_only=where == "globally")
    job = await engine.track("admissions", "86446/1")
    for blocked in (
        engine.adopt("admissions"),
        engine.pause("admissions", True),
        engine.forget(job.id, unsaved=True),
    ):
        with pytest.raises(SafetyProblem, match="read-only"):
            await blocked
