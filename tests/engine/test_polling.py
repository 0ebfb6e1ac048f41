"""Polling: what is due is looked at, the vendor's word reaches the ledger, a failed look changes no state."""

from __future__ import annotations

import itertools

from reportdash.errors import Problem
from reportdash.model import Health, Job, JobState, replace
from reportdash.simulator import Hang, Reply, Reset
from tests.engine.rig import Rig, guid


async def test_a_tracked_job_is_followed_to_its_end(rig: Rig) -> None:
    engine = await rig.start()
    reference = rig.scripted(1, "pending", "incomplete", "complete")
    job = await engine.track("main", reference)
    engine.poll()
    done = await rig.state(job, JobState.READY)
    assert done.vendor_status == "complete"
    assert done.settled_at is not None
    told = [event.what for event in await rig.ledger.history(job.id)]
    assert told[-2:] == ["queued → running", "running → ready"]


async def test_an_unknown_word_is_shown_as_unknown_and_polled_at_poll_max(rig: Rig) -> None:
    engine = await rig.start()
    job = await engine.track("main", rig.scripted(1, "suspended"))
    engine.poll()
    row = await rig.state(job, JobState.UNKNOWN)
    assert row.vendor_status == "suspended"
    assert row.next_poll_at is not None
    assert row.seen_at is not None
    assert row.next_poll_at - row.seen_at == 30.0


async def test_a_young_job_is_looked_at_each_poll_min_and_an_old_one_each_fifth_of_its_age(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.until(lambda: len(rig.looks()) >= 22)
    times = [call.at for call in rig.looks()]
    gaps = [two - one for one, two in itertools.pairwise(times)]
    assert gaps[0] < 7
    assert gaps[-1] > 25
    assert max(gaps) < 32
    assert (await rig.job(job)).attempts == 0


async def test_the_accounts_own_intervals_replace_the_vendors(rig: Rig) -> None:
    rig.account("main", poll_min=60, poll_max=90)
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()

    async def looked() -> bool:
        return (await rig.job(job)).seen_at is not None

    await rig.until(looked)
    row = await rig.job(job)
    assert row.next_poll_at is not None
    assert row.seen_at is not None
    assert row.next_poll_at - row.seen_at == 60.0


async def test_a_ready_job_keeps_a_slow_recheck_and_a_failed_one_none(rig: Rig) -> None:
    engine = await rig.start()
    ready, failed = await rig.follow(1, "ready"), await rig.follow(2, "failed")
    engine.poll()
    done = await rig.state(ready, JobState.READY)
    ended = await rig.state(failed, JobState.FAILED)
    assert done.next_poll_at is not None
    assert done.next_poll_at - rig.clock.now() > 590
    assert ended.next_poll_at is None


async def test_requests_in_flight_never_pass_the_accounts_limit(rig: Rig) -> None:
    rig.account("main", max_inflight=3)
    engine = await rig.start()
    for number in range(1, 9):
        await rig.follow(number)
    stop = Hang()
    rig.sim.inject("7g", stop, path="/Report/Status*", times=None)
    engine.poll()
    await rig.until(lambda: len(rig.looks()) >= 3)
    await rig.passes(20)
    assert len(rig.looks()) == 3
    stop.release()
    await rig.until(lambda: len(rig.looks()) >= 8)


async def test_many_due_jobs_are_spread_over_the_interval_at_the_start(rig: Rig) -> None:
    rig.account("main", poll_min=40, poll_max=40)
    engine = await rig.start()
    for number in range(1, 21):
        await rig.follow(number)
    started = rig.clock.now()
    engine.poll()
    await rig.until(lambda: len(rig.looks()) >= 20)
    times = [call.at - started for call in rig.looks()[:20]]
    assert max(times) - min(times) > 30
    halves = [sum(20 * n <= at < 20 * (n + 1) for at in times) for n in range(2)]
    assert min(halves) >= 7


async def test_a_failed_look_leaves_the_state_and_is_rescheduled_in_the_ledger(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    rig.sim.inject("7g", Reply(500, b"<html>oops</html>"), path="/Report/Status*", times=3)

    async def failed_twice() -> bool:
        return (await rig.job(job)).attempts == 2

    await rig.until(failed_twice)
    row = await rig.job(job)
    assert row.state is JobState.RUNNING
    assert row.vendor_status == "incomplete"
    assert row.health is Health.BAD_PAYLOAD
    error = await rig.ledger.last_error(job.id)
    assert error is not None
    assert (error.kind, error.status) == ("bad_payload", 500)
    # The second pause is twice the first.
    assert row.next_poll_at is not None
    assert row.next_poll_at - rig.clock.now() > 8

    async def good_again() -> bool:
        return (await rig.job(job)).attempts == 0

    await rig.until(good_again)
    assert (await rig.job(job)).health is Health.OK
    assert await rig.ledger.last_error(job.id) is None
    assert (await rig.row()).health is Health.OK


async def test_exchanges_of_looks_are_kept_without_secrets(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    kept = await rig.ledger.exchanges(job.id)
    assert [exchange.method for exchange in kept][:1] == ["GET"]
    assert "incomplete" in kept[0].response
    session = rig.looks()[0].header("authorization")
    assert session
    assert all(session not in exchange.request + exchange.response + exchange.url for exchange in kept)


async def test_not_found_is_lost_at_once_at_7g_and_the_first_good_answer_restores_it(rig: Rig) -> None:
    engine = await rig.start()
    job = await engine.track("main", guid(77))
    engine.poll()
    lost = await rig.state(job, JobState.LOST)
    assert lost.message
    assert lost.next_poll_at is not None
    rig.at_vendor(77, "ready")
    await rig.state(job, JobState.READY)


async def test_a_groups_children_are_written_by_the_groups_look_alone(rig: Rig) -> None:
    rig.account("billing")
    engine = await rig.start()
    rig.sim.add(
        "sigma", "group:77", "billing", name="All", stage="running",
        children=[{"name": "A", "stage": "ready"}, {"name": "B", "stage": "running"}],
    )  # fmt: skip
    job = await engine.track("billing", "group:77")
    engine.poll()

    async def both() -> bool:
        return len(await rig.ledger.children(job.id)) == 2

    await rig.until(both)
    parent = await rig.job(job)
    children = await rig.ledger.children(job.id)
    assert parent.state is JobState.RUNNING
    assert parent.children_total == 2
    assert [(c.reference, c.next_poll_at) for c in children] == [("group:77#1", None), ("group:77#2", None)]
    assert len({c.id for c in children}) == 2


async def test_one_dead_account_slows_no_other(rig: Rig) -> None:
    rig.account("funds", poll_min=5, poll_max=5)
    rig.account("main", base_url="http://127.0.0.1:1")
    engine = await rig.start()
    dead = await engine.track("main", guid(1))
    await rig.follow(2, account="funds")
    engine.poll()
    await rig.until(lambda: len(rig.looks(guid(2))) >= 10)
    times = [call.at for call in rig.looks(guid(2))]
    assert all(two - one < 6.5 for one, two in itertools.pairwise(times))
    assert (await rig.row("main")).health is Health.UNREACHABLE
    assert (await rig.row("funds")).health is Health.OK
    assert (await rig.job(dead)).state is JobState.QUEUED


async def test_poll_now_looks_at_a_settled_job_too(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.seen(await rig.follow(1, "ready"), JobState.FAILED)
    engine.poll()
    await rig.passes(5)
    assert rig.looks() == []
    await engine.poll_now([job.id])
    await rig.state(job, JobState.READY)


async def test_poll_now_in_another_process_is_done_by_the_one_that_polls(rig: Rig) -> None:
    engine = await rig.start(owner="elsewhere:1")
    job = await rig.follow(1, "ready")
    engine.poll()
    await rig.state(job, JobState.READY)
    other = await rig.another(owner="elsewhere:2")
    looks = len(rig.looks())
    await other.poll_now([job.id])
    await rig.until(lambda: len(rig.looks()) > looks, within=30)
    assert engine.polled_here() == {"main"}
    assert other.polled_here() == set()


async def test_a_paused_account_is_left_alone_until_it_is_resumed(rig: Rig) -> None:
    engine = await rig.start()
    await rig.follow(1)
    engine.poll()
    await rig.until(lambda: rig.looks())
    await engine.pause("main", True)
    await rig.until(lambda: not engine.polled_here())
    looks = len(rig.looks())
    await rig.passes(120)
    assert len(rig.looks()) == looks
    assert (await rig.row()).shown is Health.PAUSED
    await engine.pause("main", False)
    await rig.until(lambda: len(rig.looks()) > looks)


async def test_pausing_works_in_whichever_process_polls(rig: Rig) -> None:
    engine = await rig.start(owner="elsewhere:1")
    await rig.follow(1)
    engine.poll()
    await rig.until(lambda: rig.looks())
    other = await rig.another(owner="elsewhere:2")
    await other.pause("main", True)
    await rig.until(lambda: not engine.polled_here())


async def test_a_clock_that_goes_back_an_hour_delays_no_look_by_more_than_an_interval(rig: Rig) -> None:
    engine = await rig.start()
    await rig.follow(1)
    engine.poll()
    await rig.until(lambda: len(rig.looks()) >= 3)
    looks = len(rig.looks())
    rig.clock.jump(-3600)
    await rig.until(lambda: len(rig.looks()) > looks + 2, within=120)


async def test_a_clock_that_went_back_while_nobody_ran_delays_nothing_either(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    ahead = rig.clock.now() + 3700
    await rig.ledger.change(job.id, lambda row: replace(row, next_poll_at=ahead))
    engine.poll()
    await rig.until(lambda: rig.looks(), within=60)


async def test_after_a_long_sleep_everything_is_due_but_spread(rig: Rig) -> None:
    rig.account("main", poll_min=40, poll_max=40)
    engine = await rig.start()
    for number in range(1, 11):
        await rig.follow(number)
    engine.poll()
    await rig.until(lambda: len(rig.looks()) >= 10)
    await rig.passes(5)
    woken, before = rig.clock.now() + 8 * 3600, len(rig.looks())
    rig.clock.jump(8 * 3600)
    await rig.until(lambda: len(rig.looks()) >= before + 10, within=120)
    times = [call.at - woken for call in rig.looks()[before : before + 10]]
    assert max(times) - min(times) > 15


async def test_a_result_past_its_life_is_expired_without_a_request(rig: Rig) -> None:
    engine = await rig.start()
    soon = rig.clock.now() + 90
    ready = await rig.seen(await rig.follow(1, "ready"), JobState.READY, expires_at=soon)
    failed = await rig.seen(await rig.follow(2, "failed"), JobState.FAILED, expires_at=soon)
    engine.poll()
    await rig.state(ready, JobState.EXPIRED)
    await rig.state(failed, JobState.EXPIRED)
    assert rig.looks() == []


async def test_settled_rows_older_than_keep_days_leave_the_table(rig: Rig) -> None:
    engine = await rig.start(keep_days=30)
    old = await rig.seen(await rig.follow(1), JobState.FAILED, settled_at=rig.clock.now() - 31 * 86_400)
    young = await rig.seen(await rig.follow(2), JobState.FAILED, settled_at=rig.clock.now() - 29 * 86_400)
    engine.poll()

    async def gone() -> bool:
        return (await rig.job(old)).forgotten_at is not None

    await rig.until(gone)
    assert (await rig.job(young)).forgotten_at is None


async def test_a_vendors_own_mistake_stops_nobody(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    vendor = engine.seat("main").vendor
    whole, broken = vendor.status, {"times": 2}

    async def status(asked: object) -> object:
        if broken["times"]:
            broken["times"] -= 1
            raise KeyError("a surprise")
        return await whole(asked)  # type: ignore[arg-type]

    vendor.status = status  # type: ignore[method-assign, assignment]
    engine.poll()
    await rig.state(job, JobState.RUNNING)


async def test_a_reset_connection_is_the_accounts_trouble_and_not_the_jobs(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    rig.sim.inject("7g", Reset(), path="/Report/Status*", times=2)

    async def unreachable() -> bool:
        return (await rig.row()).health is Health.UNREACHABLE

    await rig.until(unreachable)

    async def counted() -> bool:
        return (await rig.job(job)).attempts == 1

    await rig.until(counted)
    row = await rig.job(job)
    assert (row.state, row.health) == (JobState.RUNNING, Health.OK)

    async def well() -> bool:
        return (await rig.row()).health is Health.OK and (await rig.job(job)).attempts == 0

    await rig.until(well)


async def test_results_outlive_their_time_whatever_lies_before_them(rig: Rig) -> None:
    engine = await rig.start()
    old = rig.clock.now() - 1000
    gone = [
        Job(f"gone{n:03}", "gone", "7g", "x", f"ref-{n}", JobState.READY, submitted_at=old, expires_at=old)
        for n in range(150)
    ]
    await engine.ledger.add_many(gone)
    job = await rig.follow(1)
    job = await rig.seen(job, JobState.READY, expires_at=rig.clock.now() - 10)
    engine.poll()
    await rig.state(job, JobState.EXPIRED, within=300)


async def test_downloads_of_a_dead_process_are_gone_on_with_though_the_first_look_failed(rig: Rig) -> None:
    engine = await rig.start()
    recover, tries = engine.downloads.recover, []

    async def locked_once() -> list[str]:
        tries.append(1)
        if len(tries) == 1:
            raise Problem("another process writes the ledger")
        return await recover()

    engine.downloads.recover = locked_once  # type: ignore[method-assign]
    engine.poll()
    await rig.until(lambda: len(tries) == 2, within=30)
    await rig.passes(30)
    assert len(tries) == 2
