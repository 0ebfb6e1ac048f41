"""A wall clock that jumps, a machine that sleeps: looks come in time, holds are kept, acts are single."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock, SystemClock
from reportdash.engine import schedule
from reportdash.engine.worker import LONGEST_WAIT
from reportdash.errors import Exit
from reportdash.model import Health, Intent, IntentKind, Job, JobState, Spec, Stage, replace
from reportdash.net.http import Request
from reportdash.simulator import Hang, Lost, Reply, Simulator
from tests.engine.rig import SPEC, START, Rig
from tests.faults.clients import client_at
from tests.net.lying import Asked, Liar, Peer

HOUR = 3600.0
NIGHT = 8 * HOUR
BUSY = Reply(429, b"{}", {"Retry-After": "120"})


def night(clock: ManualClock) -> None:
    clock.suspend(NIGHT)


def back(clock: ManualClock) -> None:
    clock.jump(-HOUR)


def ahead(clock: ManualClock) -> None:
    clock.jump(HOUR)


def night_on_a_wrong_clock(clock: ManualClock) -> None:
    """Waking up, the machine believes its battery clock."""
    clock.suspend(NIGHT)
    clock.jump(-NIGHT - HOUR)


JUMPS = [back, ahead, night, night_on_a_wrong_clock]
Jump = Callable[[ManualClock], None]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    clock = ManualClock(START)
    (tmp_path / "published").mkdir()
    async with Simulator(now=clock.now, published_dir=tmp_path / "published") as sim:
        made = Rig(sim, clock, tmp_path)
        made.account("main")
        yield made
        await made.close()


@pytest.fixture(params=JUMPS, ids=lambda jump: jump.__name__)
def jump(request: pytest.FixtureRequest) -> Jump:
    found: Jump = request.param
    return found


async def looked_since(rig: Rig, job: Job, count: int) -> bool:
    return (await rig.job(job)).checks > count


def interval(rig: Rig, job: Job) -> float:
    """The longest this job is left alone, one slice of the worker's waiting included."""
    policy = rig.engine.seat(job.account).policy
    return schedule.interval(job, policy, rig.clock.now()) * (1 + schedule.JITTER) + LONGEST_WAIT


async def as_if(rig: Rig, job: Job, state: JobState, **more: Any) -> Job:
    """The row in this state, and due."""
    now = rig.clock.now()
    return await rig.ledger.change(job.id, lambda row: replace(row, state=state, next_poll_at=now, **more))


async def all_looked_at(rig: Rig, jobs: list[Job], *, later: float = 0.0) -> None:
    """Each of them is looked at within its interval, `later` than now at the latest."""
    rows = [await rig.job(job) for job in jobs]
    started = rig.clock.monotonic()
    for row in sorted(rows, key=lambda row: interval(rig, row)):
        left = started + interval(rig, row) + later - rig.clock.monotonic()
        await rig.until(lambda row=row: looked_since(rig, row, row.checks), within=max(left, 0.0))


# Looks.


async def test_after_a_jump_each_job_of_each_account_is_looked_at_within_its_interval(
    rig: Rig, jump: Jump
) -> None:
    rig.account("billing")
    rig.account("admissions")
    rig.account("calls")
    engine = await rig.start()
    now = rig.clock.now()
    words = {JobState.RUNNING: "incomplete", JobState.UNKNOWN: "paused?", JobState.READY: "complete"}
    jobs = []
    for number, (state, word) in enumerate(words.items(), 1):
        job = await engine.track("main", rig.scripted(number, word))
        jobs.append(await as_if(rig, job, state))
    lost = await engine.track("main", "00000000-0000-4000-8000-00000000abcd")
    jobs.append(await as_if(rig, lost, JobState.LOST))
    old = await rig.follow(5)
    jobs.append(await as_if(rig, old, JobState.RUNNING, submitted_at=now - 5 * HOUR))
    for account, reference, word in (
        ("billing", "2djj-6c394d0e", ""),
        ("admissions", "86446/74780", "Queued"),
        ("calls", "calls/6f1b2a90c3d4", "processing"),
    ):
        vendor = rig.accounts[account].vendor
        rig.sim.add(vendor, reference, account, stage="running")
        rig.sim.script(vendor, reference, [word])
        jobs.append(await engine.track(account, reference))
    rig.sim.add("sigma", "group:77", "billing", stage="running", children=[{"name": "A", "stage": "running"}])
    jobs.append(await engine.track("billing", "group:77"))
    engine.poll()
    for job in jobs:
        await rig.until(lambda job=job: looked_since(rig, job, 0), within=700)
    jump(rig.clock)
    await all_looked_at(rig, jobs)
    for job in jobs:
        row = await rig.job(job)
        assert row.attempts == 0
        assert row.next_poll_at is not None
        assert row.next_poll_at <= rig.clock.now() + interval(rig, row)


async def test_a_backoff_and_a_learnt_silence_end_with_the_interval_when_the_clock_jumps(
    rig: Rig, jump: Jump
) -> None:
    engine = await rig.start()
    first, second, third = [await rig.follow(number) for number in (1, 2, 3)]
    engine.poll()
    for job in (first, second, third):
        await rig.state(job, JobState.RUNNING)
    now = rig.clock.now()
    await rig.ledger.change(first.id, lambda row: replace(row, attempts=9, next_poll_at=now + 290))
    await rig.ledger.change(
        second.id, lambda row: replace(row, spec=SPEC, tracked=False, next_poll_at=now + 590)
    )
    await rig.passes(1)
    jump(rig.clock)
    await all_looked_at(rig, [first, second, third])


async def test_a_short_sleep_does_not_take_a_learnt_silence_away(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    at = rig.clock.now() + 590
    await rig.ledger.change(job.id, lambda row: replace(row, spec=SPEC, tracked=False, next_poll_at=at))
    looks = len(rig.looks())
    rig.clock.suspend(60)
    await rig.passes(300)
    assert len(rig.looks()) == looks
    await rig.until(lambda: len(rig.looks()) > looks, within=300)


async def test_what_a_night_made_due_is_spread_over_the_interval(rig: Rig) -> None:
    rig.account("main", poll_min=40, poll_max=40)
    engine = await rig.start()
    for number in range(1, 11):
        await rig.follow(number)
    engine.poll()
    await rig.until(lambda: len(rig.looks()) >= 10)
    await rig.passes(5)
    before = len(rig.looks())
    rig.clock.suspend(NIGHT)
    woken = rig.clock.now()
    await rig.until(lambda: len(rig.looks()) >= before + 10, within=120)
    times = [call.at - woken for call in rig.looks()[before : before + 10]]
    assert max(times) - min(times) > 15


# Accounts that are left alone for a while.


async def throttled(rig: Rig) -> Job:
    """A job whose account was asked to wait for two minutes just now."""
    job = await rig.follow(1)
    rig.sim.inject("7g", BUSY, path="/Report/Status*")
    rig.engine.poll()

    async def there() -> bool:
        return (await rig.row()).health is Health.THROTTLED and (await rig.job(job)).attempts == 1

    await rig.until(there)
    return job


@pytest.mark.parametrize("jump", [back, ahead], ids=["back", "ahead"])
async def test_a_hold_lasts_as_long_as_was_asked_for_whatever_the_wall_clock_does(
    rig: Rig, jump: Jump
) -> None:
    await rig.start()
    job = await throttled(rig)
    looks, held = len(rig.looks()), rig.clock.boottime()
    await rig.passes(10)
    jump(rig.clock)
    await rig.passes(held + 119 - rig.clock.boottime())
    assert len(rig.looks()) == looks
    row = await rig.row()
    assert row.health is Health.THROTTLED
    # What the operator reads is the time on the clock as it is now.
    assert row.until is not None
    assert 0 <= row.until - rig.clock.now() <= 2
    await all_looked_at(rig, [job])


async def test_a_hold_is_over_when_the_machine_has_slept_through_it(rig: Rig) -> None:
    await rig.start()
    job = await throttled(rig)
    rig.clock.suspend(NIGHT)
    await rig.until(lambda: looked_since(rig, job, 1), within=LONGEST_WAIT + 1)
    assert (await rig.row()).health is Health.OK


@pytest.mark.parametrize("health", [Health.THROTTLED, Health.UNREACHABLE])
async def test_an_account_long_in_trouble_is_not_left_alone_for_an_hour_more(
    rig: Rig, health: Health, jump: Jump
) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    now = rig.clock.now()
    await rig.ledger.change_account(
        "main",
        lambda row: replace(row, health=health, since=now - 2 * HOUR, until=now + 200, failures=9),
    )
    await rig.passes(5)
    jump(rig.clock)
    await all_looked_at(rig, [job], later=195)


async def test_a_pause_longer_than_any_is_not_believed_at_the_start(rig: Rig) -> None:
    """The clock went back while nobody ran, at an account that was long in trouble."""
    engine = await rig.start()
    job = await rig.follow(1)
    now = rig.clock.now()
    await rig.ledger.change_account(
        "main",
        lambda row: replace(
            row, health=Health.THROTTLED, since=now - 2 * HOUR, until=now + HOUR + 120, failures=9
        ),
    )
    engine.poll()
    await all_looked_at(rig, [job])


# Sessions and connections.


async def test_a_token_that_ended_over_night_is_renewed_before_it_is_used(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    rig.sim.requests.clear()
    rig.clock.suspend(NIGHT)
    row = await rig.job(job)
    await rig.until(lambda: looked_since(rig, row, row.checks + 2))
    assert {call.status for call in rig.looks()} == {200}
    assert rig.sim.requests[0].path.startswith("/User/")
    assert (await rig.row()).health is Health.OK
    assert await rig.ledger.last_error(job.id) is None


async def test_nothing_is_sent_over_a_connection_of_before_a_sleep() -> None:
    """The server forgot it meanwhile: whatever comes over it is answered by a reset."""
    clock, seen = ManualClock(), set[int]()

    async def script(asked: Asked, peer: Peer) -> None:
        forgotten = asleep and id(peer) in seen
        seen.add(id(peer))
        await (asyncio.sleep(0) if forgotten else peer.answer(200, {}))
        if forgotten:
            peer.reset()

    asleep = False
    async with Liar(script) as liar, client_at(liar.base, clock) as client:
        await client.send(Request("GET", "/a", public=True))
        await client.send(Request("GET", "/b", public=True))
        assert liar.connections == 1
        clock.suspend(NIGHT)
        asleep = True
        # An act would not be repeated: lost on the old connection it would be unsure.
        assert (await client.send(Request("POST", "/Report", json={}, public=True))).status == 200
        assert liar.connections == 2
        clock.suspend(NIGHT)
        assert (await client.send(Request("POST", "/Report", json={}, public=True))).status == 200
        assert liar.connections == 3


async def test_a_call_under_way_is_not_cut_by_the_calls_after_a_sleep() -> None:
    clock, arrived, go = ManualClock(), asyncio.Event(), asyncio.Event()

    async def script(asked: Asked, peer: Peer) -> None:
        if asked.path == "/slow":
            arrived.set()
            await go.wait()
        await peer.answer(200, {})

    async with Liar(script) as liar, client_at(liar.base, clock) as client:
        slow = asyncio.ensure_future(client.send(Request("POST", "/slow", public=True)))
        await arrived.wait()
        clock.suspend(60)
        assert (await client.send(Request("GET", "/other", public=True))).status == 200
        go.set()
        assert (await slow).status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the monotonic clock counts sleep itself")
def test_the_machines_boottime_is_the_clock_that_counts_sleep() -> None:
    clock = SystemClock()
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= clock.boottime() <= time.clock_gettime(time.CLOCK_BOOTTIME)
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    assert before <= clock.monotonic() <= time.clock_gettime(time.CLOCK_MONOTONIC)


# Leases.


async def test_a_process_that_slept_longer_than_its_lease_writes_nothing_once_another_polls(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    job = await rig.follow(1)
    first.poll()
    await rig.state(job, JobState.RUNNING)
    rig.sim.script("7g", job.reference or "", ["complete"])
    slow = Hang(act=True)
    rig.sim.inject("7g", slow, path="/Report/Status*")
    await first.poll_now([job.id])
    await rig.until(slow.arrived.is_set)
    other = await rig.another(owner="elsewhere:2")
    rig.clock.suspend(60)
    taken = await other.ledger.take_lease("main")
    assert taken is not None
    slow.release()
    await rig.until(lambda: not first.polled_here())
    await rig.passes(20)
    assert (await rig.job(job)).state is JobState.RUNNING
    assert (await rig.row()).owner == "elsewhere:2"


async def test_a_process_whose_lease_nobody_took_over_night_goes_on(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    epoch = (await rig.row()).epoch
    rig.clock.suspend(NIGHT)
    await all_looked_at(rig, [job])
    await rig.passes(30)
    row = await rig.row()
    assert row.epoch == epoch
    assert row.lease_until is not None
    assert row.lease_until > rig.clock.now()


async def test_a_dead_pollers_lease_keeps_nobody_away_for_an_hour_when_the_clock_goes_back(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    assert await first.ledger.take_lease("main") is not None
    job = await rig.follow(1)
    second = await rig.another(owner="elsewhere:2")
    second.poll()
    await rig.passes(5)
    assert second.polled_here() == set()
    rig.clock.jump(-HOUR)
    await rig.until(lambda: second.polled_here() == {"main"}, within=10)
    await rig.state(job, JobState.RUNNING, within=60)


# Acts.


async def test_a_submit_that_waits_is_sent_in_time_though_the_clock_went_back(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "20"}), method="POST", path="/Report")
    waits = (await rig.finish(engine.submit("main", SPEC))).job
    assert waits.intent is not None
    assert waits.intent.not_before is not None
    engine.poll()
    await rig.passes(5)
    rig.clock.jump(-HOUR)
    await rig.state(waits, JobState.QUEUED, within=20 + 2 * LONGEST_WAIT)
    assert len(rig.submits()) == 2


async def test_a_delete_that_waits_is_finished_in_time_though_the_clock_went_back(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.seen(await rig.follow(1, "failed"), JobState.FAILED)
    now = rig.clock.now()
    parked = Intent(IntentKind.DELETE, Stage.WAITING, at=now, key="a-key", not_before=now + 60)
    await rig.ledger.change(
        job.id, lambda row: replace(row, state=JobState.DELETING, prior=JobState.FAILED, intent=parked)
    )
    engine.poll()
    await rig.passes(20)
    assert rig.deletes() == []
    rig.clock.jump(-HOUR)
    await rig.state(job, JobState.DELETED, within=60 + LONGEST_WAIT)


async def test_an_unsure_submit_is_not_repeated_on_a_clock_that_went_back(rig: Rig) -> None:
    """WebAdMIT returns the running file for a while only: how long ago it was sent is not known any more."""
    rig.account("admissions")
    engine = await rig.start()
    rig.sim.inject("webadmit", Lost(), method="POST", times=None)
    sent = await rig.finish(engine.submit("admissions", Spec("86446")))
    assert sent.exit_code is Exit.UNREACHABLE
    now = rig.clock.now()
    once = Intent(IntentKind.SUBMIT, Stage.UNSURE, at=now, key="a-key", tries=1, not_before=now)
    await rig.ledger.change(sent.job.id, lambda row: replace(row, intent=once))
    tries = len(rig.sim.calls("webadmit", "POST"))
    rig.clock.jump(-HOUR)
    engine.poll()
    await rig.passes(600)
    assert len(rig.sim.calls("webadmit", "POST")) == tries
    row = await rig.job(sent.job)
    assert row.intent is not None
    assert row.intent.stage is Stage.UNSURE
