"""The vendor's whole list held against the ledger: only there, only here, told differently."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from reportdash.engine import compare
from reportdash.errors import BadPayload, Problem, UsageProblem
from reportdash.model import NOT_RECENT, UNLISTED, Job, JobState, Seen, replace
from reportdash.simulator import Reply, Stage
from tests.engine.rig import SPEC, Rig


def there(rig: Rig, number: int, stage: str = "running") -> str:
    reference = f"86446/{number}"
    rig.sim.add("webadmit", reference, "admissions", stage=stage)
    return reference


def lists(rig: Rig) -> int:
    return len(rig.sim.calls("webadmit", "GET", "*/user_identities/*/export_files"))


async def compared(rig: Rig) -> None:
    """One comparison, as the poller makes it."""
    engine = rig.engine
    await rig.finish(engine._compare.run(engine.seat("admissions"), adopt=False))


async def tracked(rig: Rig, number: int, state: JobState, word: str) -> Job:
    job = await rig.engine.track("admissions", f"86446/{number}")
    return await rig.seen(job, state, vendor_status=word)


async def test_what_only_the_vendor_has_is_counted_and_named_and_becomes_no_row(rig: Rig) -> None:
    rig.account("admissions")
    await rig.start()
    for number in range(1, 15):
        there(rig, number)
    known = await tracked(rig, 1, JobState.RUNNING, "In Progress")
    await compared(rig)
    row = await rig.row("admissions")
    assert row.only_there_count == 13
    assert row.only_there == tuple(f"86446/{n}" for n in range(2, 12))
    assert row.listed_at is not None and 0 <= rig.clock.now() - row.listed_at < 60
    assert [job.id for job in await rig.ledger.jobs()] == [known.id]


async def test_adopting_leaves_nothing_at_the_vendor_only(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    there(rig, 1)
    await compared(rig)
    assert (await rig.row("admissions")).only_there_count == 1
    assert len(await rig.finish(engine.adopt("admissions"))) == 1
    row = await rig.row("admissions")
    assert (row.only_there_count, row.only_there) == (0, ())


async def test_what_was_forgotten_here_is_not_at_the_vendor_only(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    there(rig, 1, "failed")
    job = await tracked(rig, 1, JobState.FAILED, "Failed")
    await engine.forget(job.id)
    await compared(rig)
    assert (await rig.row("admissions")).only_there_count == 0


async def test_a_row_the_list_does_not_have_keeps_its_state_and_says_so(rig: Rig) -> None:
    rig.account("calls")
    engine = await rig.start()
    job = await rig.seen(await engine.track("calls", "calls/1"), JobState.READY, vendor_status="done")
    await rig.finish(engine._compare.run(engine.seat("calls"), adopt=False))
    after = await rig.job(job)
    assert (after.state, after.drift) == (JobState.READY, UNLISTED)
    rig.sim.add("talkdesk", "calls/1", "calls", stage="ready")
    await rig.finish(engine._compare.run(engine.seat("calls"), adopt=False))
    assert (await rig.job(job)).drift is None


async def test_a_list_of_recent_ones_says_only_that(rig: Rig) -> None:
    rig.account("admissions")
    await rig.start()
    job = await tracked(rig, 1, JobState.READY, "Available")
    await compared(rig)
    after = await rig.job(job)
    assert (after.state, after.drift) == (JobState.READY, NOT_RECENT)


async def test_a_row_that_says_itself_that_it_is_gone_does_not_drift(rig: Rig) -> None:
    rig.account("admissions")
    await rig.start()
    jobs = [await tracked(rig, n, state, "") for n, state in enumerate((JobState.LOST, JobState.DELETED), 1)]
    await compared(rig)
    assert [(await rig.job(job)).drift for job in jobs] == [None, None]


async def test_a_deleted_row_the_vendor_still_lists_is_different_and_stays_deleted(rig: Rig) -> None:
    rig.account("admissions")
    await rig.start()
    there(rig, 1, "ready")
    job = await tracked(rig, 1, JobState.DELETED, "Available")
    await compared(rig)
    after = await rig.job(job)
    assert (after.state, after.drift) == (JobState.DELETED, "listed as Available")


async def test_what_the_list_tells_differently_is_taken_for_the_newest_word(rig: Rig) -> None:
    rig.account("admissions")
    await rig.start()
    for number, stage in ((1, "ready"), (2, "failed"), (3, "running")):
        there(rig, number, stage)
    running = await tracked(rig, 1, JobState.RUNNING, "In Progress")
    lost = await tracked(rig, 2, JobState.LOST, "")
    odd = await tracked(rig, 3, JobState.UNKNOWN, "On Hold")
    await rig.clock.advance(60)
    await compared(rig)
    assert (await rig.job(running)).state is JobState.READY
    assert (await rig.job(lost)).state is JobState.FAILED
    assert (await rig.job(odd)).state is not JobState.UNKNOWN
    assert {(await rig.job(job)).drift for job in (running, lost, odd)} == {None}


async def test_a_job_looked_at_since_the_list_was_asked_for_is_not_set_back(rig: Rig) -> None:
    rig.account("admissions")
    await rig.start()
    there(rig, 1, "running")
    job = await tracked(rig, 1, JobState.READY, "Available")
    await rig.ledger.change(job.id, lambda row: replace(row, seen_at=rig.clock.now() + 1))
    await compared(rig)
    assert (await rig.job(job)).state is JobState.READY


async def test_a_list_that_breaks_off_tells_nothing_of_what_is_missing(rig: Rig) -> None:
    rig.account("calls")
    engine = await rig.start()
    job = await engine.track("calls", "calls/6f1b2a90c3d4")
    await rig.seen(job, JobState.READY, vendor_status="done")
    rig.sim.inject("talkdesk", Reply(500, b"oops"), path="/data/reports/csat/jobs", times=None)
    seat = engine.seat("calls")
    task = rig.begin(engine._compare.run(seat, adopt=False))
    await rig.until(task.done)
    assert task.exception() is not None
    assert (await rig.job(job)).drift is None
    assert (await rig.row("calls")).listed_at is None


async def test_a_report_type_that_is_not_listed_does_not_drift(rig: Rig) -> None:
    rig.account("calls")
    engine = await rig.start()
    job = await engine.track("calls", "own_type/6f1b2a90c3d4")
    await rig.seen(job, JobState.READY, vendor_status="done")
    await rig.finish(engine._compare.run(engine.seat("calls"), adopt=False))
    assert (await rig.job(job)).drift is None


async def test_the_poller_compares_by_itself_but_not_while_it_starts_and_at_most_hourly(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (compare.COMPARE_FIRST, compare.COMPARE_EVERY) == (300.0, 3600.0)
    monkeypatch.setattr(compare, "COMPARE_FIRST", 60.0)
    monkeypatch.setattr(compare, "COMPARE_EVERY", 300.0)
    rig.account("admissions")
    engine = await rig.start()
    there(rig, 1, "failed")
    engine.poll()
    await rig.passes(50)
    assert lists(rig) == 0
    await rig.passes(50)
    assert (await rig.row("admissions")).only_there == ("86446/1",)
    assert lists(rig) == 1
    await rig.passes(240)
    assert lists(rig) == 1
    await rig.passes(60)
    assert lists(rig) == 2
    await engine.stop()
    again = await rig.another(owner="elsewhere:2")
    again.poll()
    await rig.passes(120)
    assert lists(rig) == 2, "a restart is no reason to ask anew"


async def test_a_script_of_the_vendor_is_taken_as_the_list_gives_it(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    there(rig, 1, "running")
    rig.sim.script("webadmit", "86446/1", [Stage("Success With Errors")])
    job = await engine.track("admissions", "86446/1")
    await rig.seen(job, JobState.RUNNING, vendor_status="In Progress")
    await rig.clock.advance(1)
    await compared(rig)
    assert (await rig.job(job)).state is JobState.READY_WITH_WARNINGS


async def test_a_vendors_own_mistake_in_its_list_is_a_sentence_not_the_end(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.account("admissions")
    engine = await rig.start()

    async def broken() -> AsyncIterator[Seen]:
        raise KeyError("secret-in-the-answer")
        yield

    monkeypatch.setattr(engine.seat("admissions").vendor, "list", broken)
    with pytest.raises(Problem, match="could not be read") as told:
        await rig.finish(engine.adopt("admissions"))
    assert "secret" not in told.value.text


@pytest.mark.parametrize("adopt", [True, False])
async def test_a_list_without_end_is_given_up_and_the_loop_has_its_turns_meanwhile(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, adopt: bool
) -> None:
    rig.account("admissions")
    engine = await rig.start()
    seat, turns = engine.seat("admissions"), 0

    async def endless() -> AsyncIterator[Seen]:
        for number in itertools.count():
            yield Seen(JobState.RUNNING, "In Progress", reference=f"1/{number}")

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    monkeypatch.setattr(seat.vendor, "list", endless)
    monkeypatch.setattr(compare, "MOST_LISTED", 500)
    beside = asyncio.ensure_future(others())
    with pytest.raises(BadPayload, match="without end"):
        await rig.finish(engine._compare.run(seat, adopt=adopt))
    beside.cancel()
    assert turns >= 500 // compare.TURN
    assert len(await rig.ledger.jobs()) == (500 if adopt else 0)
    assert (
        await rig.row("admissions")
    ).only_there_count == 0  # nothing is said of a list nobody read to its end


@pytest.mark.parametrize("odd", [1.8e12, 1e300, float("nan"), float("inf"), -1e300])
async def test_a_time_that_is_on_no_calendar_is_not_taken_over(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, odd: float
) -> None:
    """Milliseconds where seconds belong: one such row, and no command could print any."""
    rig.account("admissions")
    engine = await rig.start()
    vendor = engine.seat("admissions").vendor
    told = Seen(JobState.READY, "Available", reference="1/2", expires_at=odd, submitted_at=odd)

    async def one() -> AsyncIterator[Seen]:
        yield told

    async def status(job: Job) -> Seen:
        return told

    monkeypatch.setattr(vendor, "list", one)
    monkeypatch.setattr(vendor, "status", status)
    (job,) = await rig.finish(engine.adopt("admissions"))
    looked = await rig.finish(engine.look(job.id))
    for row in (job, looked):
        assert row.expires_at is None and row.submitted_at is not None
        assert row.as_json()["submitted_at"]


async def test_a_vendors_own_mistake_about_what_was_typed_is_a_sentence(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await rig.start()
    vendor = engine.seat("main").vendor

    def broken(_: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(vendor, "check", broken)
    monkeypatch.setattr(vendor, "reference", broken)
    with pytest.raises(UsageProblem, match="7G could not judge what is asked for"):
        await engine.submit("main", SPEC)
    with pytest.raises(UsageProblem, match="7G could not judge the reference"):
        await engine.track("main", "x")
    assert await rig.ledger.jobs() == []


async def test_a_report_found_empty_is_not_made_ready_by_a_list_that_has_no_word_for_it(rig: Rig) -> None:
    rig.account("calls")
    engine = await rig.start()
    rig.sim.add("talkdesk", "calls/1", "calls", stage="ready")
    job = await rig.seen(await engine.track("calls", "calls/1"), JobState.EMPTY, vendor_status="entries")
    await rig.clock.advance(1)
    await rig.finish(engine._compare.run(engine.seat("calls"), adopt=False))
    after = await rig.job(job)
    assert (after.state, after.drift) == (JobState.EMPTY, None)


async def test_a_vendors_own_mistake_over_a_file_is_a_sentence_not_the_end(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await rig.start()
    job = await rig.seen(await rig.follow(1, "ready"), JobState.READY, vendor_status="complete")

    async def broken(_: Job) -> None:
        raise KeyError("secret-in-the-answer")

    monkeypatch.setattr(engine.seat("main").vendor, "artifact", broken)
    outcome = await rig.finish(engine.downloads.fetch(job.id))
    assert not outcome.ok
    assert "could not be read" in outcome.text and "secret" not in outcome.text
    assert not (await rig.job(job)).saved


async def damaged(rig: Rig) -> None:
    """What the ledger has after it was damaged and replaced: nobody knows what is missing."""
    store = rig.ledger.store
    await rig.ledger._thread.write(
        lambda: store.db.execute("UPDATE meta SET rescued_at = ?", (rig.clock.now(),)), durable=True
    )


async def test_after_a_damage_what_only_the_list_knows_comes_back_by_itself_at_once(rig: Rig) -> None:
    rig.account("admissions")
    rig.account("calls")
    engine = await rig.start()
    there(rig, 1)
    rig.sim.add("talkdesk", "calls/1", "calls", stage="ready")
    await damaged(rig)
    engine.poll()
    await rig.passes(30)
    jobs = {job.reference: job for job in await rig.ledger.jobs()}
    assert jobs.keys() == {"86446/1", "calls/1"}
    assert jobs["calls/1"].state is JobState.READY
    (first, *_) = await rig.ledger.history(jobs["86446/1"].id)
    assert (first.who, first.what) == (
        "reportdash",
        "came back from the vendor's list: the ledger was damaged",
    )
    # Once: what others start there later is theirs.
    asked = lists(rig)
    there(rig, 2)
    await rig.passes(1200)
    assert "86446/2" not in {job.reference for job in await rig.ledger.jobs()}
    assert lists(rig) - asked < 30


async def test_after_a_damage_others_jobs_as_the_backup_knew_them_and_forgotten_ones_stay_away(
    rig: Rig,
) -> None:
    rig.account("admissions")
    engine = await rig.start()
    there(rig, 1)
    there(rig, 2, "failed")
    await engine.forget((await tracked(rig, 2, JobState.FAILED, "Failed")).id)
    await compared(rig)
    assert (await rig.row("admissions")).only_there == ("86446/1",)
    await rig.clock.advance(60)
    await damaged(rig)
    there(rig, 3)
    engine.poll()
    await rig.passes(30)
    assert [job.reference for job in await rig.ledger.jobs()] == ["86446/3"]
    assert (await rig.row("admissions")).only_there == ("86446/1",)


async def test_after_a_damage_a_list_that_fails_is_asked_for_again_and_a_read_only_account_gets_no_rows(
    rig: Rig,
) -> None:
    rig.account("admissions")
    rig.account("calls", read_only=True)
    engine = await rig.start()
    there(rig, 1)
    rig.sim.add("talkdesk", "calls/1", "calls", stage="ready")
    rig.sim.inject("webadmit", Reply(500, b"oops"), path="*/export_files*", times=1)
    await damaged(rig)
    engine.poll()
    await rig.passes(10)
    assert await rig.ledger.jobs() == []
    await rig.passes(200)
    assert [job.reference for job in await rig.ledger.jobs()] == ["86446/1"]
