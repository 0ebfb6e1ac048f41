"""The engine as a whole: what happens by itself, what an operator may do, and an orderly end."""

from __future__ import annotations

import asyncio

import pytest

from reportdash.errors import AuthFailed, Unreachable, UsageProblem
from reportdash.model import Artifact, ArtifactState, Job, JobState, Spec
from reportdash.simulator import Hang
from tests.engine.rig import SPEC, Rig, guid


async def saved(rig: Rig, job: Job) -> Job | None:
    row = await rig.job(job)
    return row if row.artifact is not None and row.artifact.state is ArtifactState.SAVED else None


async def test_an_auto_download_account_saves_what_becomes_ready(rig: Rig) -> None:
    rig.account("main", auto_download=True)
    engine = await rig.start()
    job = await engine.track("main", rig.scripted(1, "incomplete", "complete"))
    engine.poll()
    row = await rig.until(lambda: saved(rig, job))
    assert row.state is JobState.READY


async def test_without_auto_download_nothing_is_fetched(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1, "ready")
    engine.poll()
    await rig.state(job, JobState.READY)
    await rig.passes(30)
    assert (await rig.job(job)).artifact is None
    assert rig.sim.calls("7g", "GET", "/Report") == []


async def test_an_unknown_word_never_starts_a_download(rig: Rig) -> None:
    rig.account("main", auto_download=True)
    engine = await rig.start()
    job = await engine.track("main", rig.scripted(1, "suspended"))
    engine.poll()
    await rig.state(job, JobState.UNKNOWN)
    await rig.passes(60)
    assert rig.sim.calls("7g", "GET", "/Report") == []


async def test_watch_downloads_what_it_wants_even_where_another_process_polls(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    wanted, other = await rig.follow(1, "ready"), await rig.follow(2, "ready")
    first.poll()
    await rig.state(other, JobState.READY)
    await rig.state(wanted, JobState.READY)
    watching = await rig.another(owner="elsewhere:2", download_ready=lambda job: job.id == wanted.id)
    watching.poll()
    await rig.until(lambda: saved(rig, wanted))
    await rig.passes(10)
    assert await saved(rig, other) is None


async def test_what_a_dead_process_was_fetching_is_gone_on_with(rig: Rig) -> None:
    rig.account("main", auto_download=True)
    engine = await rig.start()
    job = await rig.seen(
        await rig.follow(1, "ready"),
        JobState.READY,
        artifact=Artifact(ArtifactState.FETCHING, owner="elsewhere:1:0:gone"),
    )
    engine.poll()
    await rig.until(lambda: saved(rig, job))


@pytest.mark.parametrize("how", ["auto_download", "watch"])
async def test_what_could_not_be_saved_is_tried_again_by_the_next_process(rig: Rig, how: str) -> None:
    """A folder that was away, a link that was refused: `watch --download` from cron comes again."""
    rig.account("main", auto_download=how == "auto_download")
    engine = await rig.start(download_ready=how == "watch")
    failed = Artifact(ArtifactState.FAILED, error="cannot be written")
    job = await rig.seen(await rig.follow(1, "ready"), JobState.READY, artifact=failed)
    engine.poll()
    await rig.until(lambda: saved(rig, job))


async def test_try_credential_tells_the_truth_and_keeps_nothing(rig: Rig) -> None:
    values = rig.forget_key("main")
    engine = await rig.start()
    await rig.finish(engine.try_credential("main", values))
    with pytest.raises(AuthFailed, match="incorrect"):
        await rig.finish(engine.try_credential("main", {**values, "password": "wrong"}))
    assert (await rig.row()).message is None


async def test_try_credential_at_a_dead_vendor_is_unreachable(rig: Rig) -> None:
    values = rig.forget_key("main")
    rig.account("main", base_url="http://127.0.0.1:1")
    engine = await rig.start()
    with pytest.raises(Unreachable):
        await rig.finish(engine.try_credential("main", values))


async def test_a_disabled_action_says_why(rig: Rig) -> None:
    rig.account("billing")
    engine = await rig.start()
    running = await rig.follow(1)
    report = await engine.track("billing", "r1")
    assert engine.can("delete", running)
    assert "Sigma has no delete" in str(engine.can("delete", report))
    assert "no report to download" in str(engine.can("download", running))
    assert not engine.can("submit", running)
    assert not engine.can("resend", running)
    done = await rig.seen(running, JobState.DELETED)
    assert not engine.can("delete", done)
    assert not engine.can("poll", done)
    blocked = await rig.another(owner="elsewhere:2", read_only=True)
    assert "read-only" in str(blocked.can("delete", running))
    assert "read-only" in str(blocked.can("forget", running))


async def test_an_account_that_left_the_config_keeps_its_rows(rig: Rig) -> None:
    rig.account("funds")
    engine = await rig.start()
    job = await rig.follow(1, account="funds")
    del rig.accounts["funds"]
    later = await rig.another(owner="elsewhere:2")
    assert not later.can("delete", job)
    assert not later.can_download(job)
    assert later.can("forget", job)
    with pytest.raises(UsageProblem, match="funds"):
        await later.delete(job.id)
    assert (await engine.ledger.job(job.id)) is not None


async def test_stopping_in_the_middle_of_a_submit_leaves_its_truth_in_the_ledger(rig: Rig) -> None:
    engine = await rig.start(owner="elsewhere:1:0:one")
    hang = Hang(act=True)
    rig.sim.inject("7g", hang, method="POST", path="/Report")
    task = rig.begin(engine.submit("main", SPEC))
    await rig.until(hang.arrived.is_set)
    task.cancel()
    await asyncio.wait({task})
    await engine.stop()
    (row,) = await rig.ledger.jobs()
    assert row.state is JobState.SUBMITTING
    assert row.message == "sending"
    await engine.ledger.close()
    rig.engine = later = await rig.another(owner="elsewhere:2:0:two")
    later.poll()

    async def unsure() -> bool:
        return ((await rig.job(row)).message or "").startswith("unsure: sent ")

    await rig.until(unsure)
    hang.release()
    assert len(rig.submits()) == 1


async def test_the_header_figures_count_requests_and_changes(rig: Rig) -> None:
    engine = await rig.start()
    engine.poll()
    job = await engine.track("main", rig.scripted(1, "pending", "incomplete", "complete"))
    await rig.state(job, JobState.READY)
    assert engine.requests_per_minute() >= 4
    assert engine.changes_per_second() > 0
    await rig.passes(120)
    assert engine.requests_per_minute() == 0
    assert engine.changes_per_second() == 0


async def test_polling_can_be_limited_to_some_accounts(rig: Rig) -> None:
    rig.account("funds")
    engine = await rig.start()
    await rig.follow(1)
    await rig.follow(2, account="funds")
    engine.poll(["funds"])
    await rig.until(lambda: rig.looks(guid(2)))
    await rig.passes(30)
    assert rig.looks(guid(1)) == []
    with pytest.raises(UsageProblem):
        engine.poll(["nosuch"])


async def test_a_name_given_to_a_submit_stays_and_again_keeps_it(rig: Rig) -> None:
    engine = await rig.start()
    first = await rig.finish(engine.submit("main", Spec("TransactionSummary"), name="May"))
    again = await rig.finish(engine.submit_again(first.job.id, {}))
    assert (first.job.name, again.job.name) == ("May", "May")


async def test_nothing_is_remembered_of_a_job_that_is_forgotten(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1, "ready")
    engine.poll()
    await rig.state(job, JobState.READY)
    at = engine._poller
    at._passed_over[job.id] = "main"  # as where another process polled when it came
    await rig.until(lambda: job.id in at._last_updated)
    await engine.forget(job.id, unsaved=True)
    await rig.until(lambda: job.id not in {*at._last_updated, *at._passed_over, *at._offered})
