"""An account in trouble: throttled, refused, unreachable; over with the first good answer."""

from __future__ import annotations

import itertools

from reportdash.model import Account, Health, JobState
from reportdash.simulator import Reply, Reset
from tests.engine.rig import Rig

BUSY = Reply(
    429, b'{"message": "Too many requests"}', {"Retry-After": "120", "Content-Type": "application/json"}
)


async def healthy(rig: Rig, account: str = "main") -> Account | None:
    row = await rig.row(account)
    return row if row.health is Health.OK else None


async def in_health(rig: Rig, health: Health, account: str = "main") -> Account:
    async def there() -> Account | None:
        row = await rig.row(account)
        return row if row.health is health else None

    found: Account = await rig.until(there)
    return found


async def test_retry_after_is_obeyed_for_the_whole_account(rig: Rig) -> None:
    engine = await rig.start()
    jobs = [await rig.follow(number) for number in range(1, 4)]
    rig.sim.inject("7g", BUSY, path="/Report/Status*")
    engine.poll()
    row = await in_health(rig, Health.THROTTLED)
    assert row.until is not None
    refused_at = rig.looks()[0].at
    assert 120 <= row.until - refused_at <= 122
    assert row.message == "HTTP 429: Too many requests"
    before = len(rig.looks())
    await rig.passes(row.until - rig.clock.now() - 2)
    assert len(rig.looks()) == before
    await rig.until(lambda: len(rig.looks()) > before)
    assert rig.looks()[before].at >= row.until
    await rig.until(lambda: healthy(rig))
    for job in jobs:
        await rig.state(job, JobState.RUNNING)


async def test_a_throttle_leaves_the_job_as_it_is(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    rig.sim.inject("7g", BUSY, path="/Report/Status*")
    account = await in_health(rig, Health.THROTTLED)

    async def counted() -> bool:
        return (await rig.job(job)).attempts == 1

    await rig.until(counted)
    row = await rig.job(job)
    assert (row.state, row.vendor_status, row.health) == (JobState.RUNNING, "incomplete", Health.OK)
    assert account.until is not None
    assert row.next_poll_at is not None
    assert row.next_poll_at >= account.until
    error = await rig.ledger.last_error(job.id)
    assert error is not None
    assert (error.kind, error.status) == ("throttled", 429)


async def test_a_throttle_without_a_time_backs_off_and_doubles(rig: Rig) -> None:
    engine = await rig.start()
    await rig.follow(1)
    rig.sim.inject("7g", Reply(503, b"busy"), path="/Report/Status*", times=4)
    engine.poll()
    await rig.until(lambda: len(rig.looks()) >= 5)
    times = [call.at for call in rig.looks()[:5]]
    gaps = [two - one for one, two in itertools.pairwise(times)]
    assert all(two > 1.5 * one for one, two in itertools.pairwise(gaps))
    await rig.until(lambda: healthy(rig))


async def test_after_a_throttle_one_request_tries_before_the_others_follow(rig: Rig) -> None:
    engine = await rig.start()
    for number in range(1, 7):
        await rig.follow(number)
    rig.sim.inject("7g", BUSY, path="/Report/Status*", times=2)
    engine.poll()
    await rig.until(lambda: len(rig.looks()) >= 2)
    await rig.passes(60)
    assert len(rig.looks()) == 2
    await rig.until(lambda: len(rig.looks()) >= 8)
    assert rig.looks()[2].status == 200


async def test_the_breaker_opens_after_five_transport_errors_and_probes_one_at_a_time(rig: Rig) -> None:
    rig.account("main", poll_min=1, poll_max=1)
    engine = await rig.start()
    for number in range(1, 4):
        await rig.follow(number)
    rig.sim.inject("7g", Reset(), path="/Report/Status*", times=None)
    engine.poll()

    async def probed_thrice() -> bool:
        return (await rig.row()).failures >= 10

    await rig.until(probed_thrice)
    assert (await rig.row()).health is Health.UNREACHABLE
    times = sorted({call.at for call in rig.looks()})  # the transport itself asks twice on a reset
    gaps = [two - one for one, two in itertools.pairwise(times)]
    gaps = [gap for gap in gaps if gap > 3]  # below that the breaker was not open yet
    assert 4.9 <= gaps[0] < 6
    assert 9.9 <= gaps[1] < 12
    assert 19.9 <= gaps[2] < 23
    rig.sim._rules.clear()
    back = await rig.until(lambda: healthy(rig))
    assert (back.failures, back.until, back.message) == (0, None, None)


async def test_a_burst_of_failures_opens_the_breaker_once(rig: Rig) -> None:
    rig.account("main", max_inflight=16)
    engine = await rig.start()
    for number in range(1, 11):
        await rig.follow(number)
    engine.poll()
    await rig.until(lambda: len(rig.looks()) >= 10)
    rig.sim.inject("7g", Reset(), path="/Report/Status*", times=None)
    await engine.poll_now([job.id for job in await rig.ledger.jobs()])

    async def opened() -> bool:
        row = await rig.row()
        return row.failures >= 5 and row.until is not None

    await rig.until(opened)
    row = await rig.row()
    assert row.until is not None
    assert row.until - rig.clock.now() <= 5.6


async def test_without_a_credential_no_lease_is_taken_and_the_account_says_so(rig: Rig) -> None:
    rig.forget_key("main")
    engine = await rig.start()
    await rig.follow(1)
    engine.poll()
    row = await in_health(rig, Health.AUTH_FAILED)
    assert row.message == "no key yet"
    assert row.owner is None
    assert engine.refused_here() == {"main": "no key yet"}
    await rig.passes(200)
    assert not list(rig.sim.requests)


async def test_a_login_in_another_process_sets_a_waiting_poller_going(rig: Rig) -> None:
    values = rig.forget_key("main")
    engine = await rig.start(owner="elsewhere:1")
    job = await rig.follow(1)
    engine.poll()
    await in_health(rig, Health.AUTH_FAILED)
    other = await rig.another(owner="elsewhere:2")
    await other.try_credential("main", values)
    rig.environ.update({f"REPORTDASH_SECRET__MAIN__{key.upper()}": value for key, value in values.items()})
    await other.logged_in("main")
    done = await rig.until(lambda: healthy(rig), within=30)
    assert done.accepted_at is not None
    await rig.state(job, JobState.RUNNING, within=30)
    assert engine.polled_here() == {"main"}
    assert engine.refused_here() == {}


async def test_a_refused_credential_is_tried_once_and_then_waits_for_login(rig: Rig) -> None:
    right = rig.forget_key("main")
    rig.environ["REPORTDASH_SECRET__MAIN__USERNAME"] = right["username"]
    rig.environ["REPORTDASH_SECRET__MAIN__PASSWORD"] = "wrong"
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    row = await in_health(rig, Health.AUTH_FAILED)
    assert row.message == "The username or password is incorrect."
    await rig.until(lambda: "main" in engine.refused_here())
    logins = len(rig.sim.calls("7g", "POST", "/User/Login"))
    assert logins == 1
    await rig.passes(900)
    assert len(rig.sim.calls("7g", "POST", "/User/Login")) == logins
    assert (await rig.job(job)).state is JobState.QUEUED
    assert (await rig.row()).owner is None
    rig.environ["REPORTDASH_SECRET__MAIN__PASSWORD"] = right["password"]
    await engine.logged_in("main")
    await rig.state(job, JobState.RUNNING, within=60)
    assert await healthy(rig)


async def test_another_credential_is_noticed_even_when_nobody_says_so(rig: Rig) -> None:
    right = rig.forget_key("main")
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await in_health(rig, Health.AUTH_FAILED)
    rig.environ.update({f"REPORTDASH_SECRET__MAIN__{key.upper()}": value for key, value in right.items()})
    await rig.state(job, JobState.RUNNING, within=120)
    assert await healthy(rig)


async def test_a_new_process_tries_an_account_that_an_older_one_found_refused(rig: Rig) -> None:
    right = rig.forget_key("main")
    first = await rig.start(owner="elsewhere:1")
    job = await rig.follow(1)
    first.poll()
    await in_health(rig, Health.AUTH_FAILED)
    await first.stop()
    rig.environ.update({f"REPORTDASH_SECRET__MAIN__{key.upper()}": value for key, value in right.items()})
    second = await rig.another(owner="elsewhere:2")
    second.poll()
    await rig.state(job, JobState.RUNNING)
    assert await healthy(rig)


async def test_an_expired_session_costs_one_sign_in_and_nobody_notices(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    rig.sim.seveng.expire_tokens()
    looks = len(rig.looks())
    await rig.until(lambda: len(rig.looks()) > looks + 2)
    assert await healthy(rig)
    assert (await rig.job(job)).attempts == 0


async def test_logging_out_ends_polling(rig: Rig) -> None:
    engine = await rig.start()
    await rig.follow(1)
    engine.poll()
    await rig.until(lambda: rig.looks())
    rig.forget_key("main")
    await engine.logged_out("main")
    await rig.until(lambda: not engine.polled_here())
    looks = len(rig.looks())
    await rig.passes(300)
    assert len(rig.looks()) == looks
    assert (await rig.row()).health is Health.AUTH_FAILED


async def test_poll_now_probes_an_open_breaker_at_once(rig: Rig) -> None:
    rig.account("main", poll_min=1, poll_max=1)
    engine = await rig.start()
    job = await rig.follow(1)
    rig.sim.inject("7g", Reset(), path="/Report/Status*", times=8)
    engine.poll()
    await rig.until(lambda: len(rig.looks()) >= 8)
    await rig.passes(1)
    await engine.poll_now([job.id])
    await rig.until(lambda: healthy(rig), within=5)
