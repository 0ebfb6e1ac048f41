"""An account in trouble: throttled, refused, unreachable; over with the first good answer."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from reportdash.errors import AuthFailed, BadPayload, CallFailed, NoCredential
from reportdash.model import Account, Health, JobState, replace
from reportdash.net.http import Session
from reportdash.simulator import Hang, Reply, Reset
from tests.engine.rig import SPEC, Rig

BUSY = Reply(
    429, b'{"message": "Too many requests"}', {"Retry-After": "120", "Content-Type": "application/json"}
)


def saying(**headers: str) -> Callable[[Any, Callable[[], Awaitable[Any]]], Awaitable[Any]]:
    """A fault: the real answer, with these headers (`_` for `-`) beside its own."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}

    async def fault(request: Any, serve: Callable[[], Awaitable[Any]]) -> Any:
        reply = await serve()
        return replace(reply, headers={**reply.headers, **more})

    return fault


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


async def test_a_refusal_is_remembered_after_the_next_acceptance_in_every_process(rig: Rig) -> None:
    right = rig.forget_key("main")
    secret = "REPORTDASH_SECRET__MAIN__PASSWORD"
    rig.environ["REPORTDASH_SECRET__MAIN__USERNAME"] = right["username"]
    rig.environ[secret] = "wrong"
    engine = await rig.start(owner="elsewhere:1")
    await rig.follow(1)
    engine.poll()
    refused = await in_health(rig, Health.AUTH_FAILED)
    words = "The username or password is incorrect."
    assert refused.refused_at is not None
    assert (refused.refusal, refused.refused_at <= rig.clock.now()) == (words, True)
    rig.environ[secret] = right["password"]
    await engine.logged_in("main")
    row = await rig.until(lambda: healthy(rig))
    assert row.message is None
    other = await rig.another(owner="elsewhere:2")
    seen = await other.ledger.account("main")
    assert (seen.refused_at, seen.refusal) == (refused.refused_at, words)


async def test_what_is_kept_of_a_refusal_is_short_clean_and_holds_no_secret(rig: Rig) -> None:
    rig.environ["REPORTDASH_SECRET__MAIN__PASSWORD"] = "SEKRET-2217"
    engine = await rig.start()
    seat = engine.seat("main")
    with pytest.raises(AuthFailed):
        await rig.finish(seat.client.sign_in())
    said = AuthFailed(f"\x1b[2Jno SEKRET-2217\n{'x' * 900}", status=401)
    row = await engine._health.failed(seat, said, asked=rig.clock.now())
    assert row is not None
    assert row.refusal is not None
    assert "SEKRET" not in row.refusal + (row.message or "")
    assert row.refusal.isprintable()
    assert len(row.refusal) <= 200


async def test_it_stands_in_the_row_whether_the_vendor_or_we_said_that_nobody_can_sign_in(rig: Rig) -> None:
    engine = await rig.start()
    seat, words = engine.seat("main"), "no key yet"

    async def said(error: CallFailed) -> bool:
        row = await engine._health.failed(seat, error, asked=rig.clock.now())
        assert row is not None
        assert (row.health, row.message) == (Health.AUTH_FAILED, words)
        return row.keyless

    assert not await said(AuthFailed(words, status=401))
    assert await said(NoCredential(words))
    assert not await said(AuthFailed(words, status=401))
    assert not (await engine._health.accepted("main")).keyless
    # The vendor's words are no reason to leave ours away, though they are the same.
    await said(AuthFailed(words, status=401))
    rig.forget_key("main")
    await rig.follow(1)
    engine.poll()

    async def keyless() -> bool:
        return (await rig.row()).keyless

    await rig.until(keyless)


async def test_answers_to_one_burst_are_one_refusal_and_a_missing_key_is_none(rig: Rig) -> None:
    engine = await rig.start()
    seat, asked = engine.seat("main"), rig.clock.now()
    first = await engine._health.failed(seat, AuthFailed("no", status=401), asked=asked)
    await rig.clock.advance(2)
    assert await engine._health.failed(seat, AuthFailed("no", status=401), asked=asked) == first
    await rig.clock.advance(60)
    again = await engine._health.failed(seat, AuthFailed("no", status=401), asked=rig.clock.now())
    assert first is not None
    assert again is not None
    assert (again.refused_at or 0) > (first.refused_at or 0)
    assert again.since == first.since
    await rig.clock.advance(60)
    row = await engine._health.failed(seat, NoCredential("the vault is locked"), asked=rig.clock.now())
    assert row is not None
    assert (row.message, row.refusal, row.refused_at) == ("the vault is locked", "no", again.refused_at)
    assert row.keyless


async def test_another_credential_is_noticed_even_when_nobody_says_so(rig: Rig) -> None:
    right = rig.forget_key("main")
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await in_health(rig, Health.AUTH_FAILED)
    rig.environ.update({f"REPORTDASH_SECRET__MAIN__{key.upper()}": value for key, value in right.items()})
    await rig.state(job, JobState.RUNNING, within=120)
    assert await healthy(rig)


async def test_a_sign_in_with_an_answer_that_nobody_can_read_is_tried_once_a_minute(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await rig.start()
    await rig.follow(1)
    now, tries = rig.clock.now(), 0
    await rig.ledger.change_account(
        "main", lambda row: replace(row, health=Health.AUTH_FAILED, since=now, message="refused")
    )
    vendor = engine.accounts["main"].vendor

    async def unreadable(*_: object) -> Session:
        nonlocal tries
        tries += 1
        if tries > 10:
            await rig.clock.sleep(3600.0)  # no need to go on for ever
        raise BadPayload("a page of the proxy's")

    with monkeypatch.context() as broken:
        broken.setattr(vendor, "sign_in", unreadable)
        engine.poll()
        await rig.passes(50.0)
        assert tries == 1
        await rig.passes(60.0)
        assert tries == 2
    await engine.logged_in("main")
    await rig.until(lambda: engine.polled_here() == {"main"}, within=5.0)


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


async def test_a_sign_in_that_fails_is_among_the_exchanges_of_the_job_it_was_for(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    rig.sim.inject("7g", Reply(502, b"<html>gateway</html>"), path="/User/Login", times=None)
    engine.poll()

    async def looked() -> bool:
        return (await rig.job(job)).attempts > 0

    await rig.until(looked)
    kept = await rig.ledger.exchanges(job.id)
    assert [(one.method, one.status) for one in kept] == [("POST", 502)]
    sent = (await rig.finish(engine.submit("main", SPEC))).job
    told = await rig.ledger.exchanges(sent.id)
    assert told and {(one.method, one.status) for one in told} == {("POST", 502)}
    assert all(one.url.endswith("/User/Login") for one in (*kept, *told))


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
    await engine.log_out("main")
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


# How long a vendor is left alone, and by which words of its own.


@pytest.mark.parametrize(
    ("told", "least", "most"),
    [
        ("120", 120, 122),
        ("Mon, 21 Sep 2026 14:27:20 GMT", 840, 842),
        ("Monday, 21-Sep-26 14:27:20 GMT", 840, 842),
        ("Mon Sep 21 14:27:20 2026", 840, 842),
        ("86400", 3600, 3601.1),
        ("Tue, 21 Sep 2027 14:27:20 GMT", 3600, 3601.1),
        ("0", 4, 6),
        ("Mon, 21 Sep 2026 12:00:00 GMT", 4, 6),
        ("-120", 4, 6),
        ("120s", 4, 6),
        ("1e3", 4, 6),
        ("soon", 4, 6),
        ("", 4, 6),
        ("Mon, 21 Sep 2026 14:27:20 +0200", 4, 6),
    ],
)
async def test_a_retry_after_is_waited_out_whatever_its_form_and_nonsense_is_not(
    rig: Rig, told: str, least: float, most: float
) -> None:
    engine = await rig.start()
    for number in range(1, 4):
        await rig.follow(number)
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": told}), path="/Report/Status*")
    engine.poll()
    await rig.until(lambda: len(rig.looks()) >= 2, within=4000)
    refused, again = (call.at for call in rig.looks()[:2])
    # On a busy machine this clock runs on for some seconds while the ledger writes.
    assert least <= again - refused <= most + 20
    await rig.until(lambda: healthy(rig))


async def test_few_calls_left_throttle_the_account_for_a_minute_and_no_job_fails(rig: Rig) -> None:
    engine = await rig.start()
    jobs = [await rig.follow(number) for number in range(1, 4)]
    few = saying(X_RateLimit_Limit="5000", X_RateLimit_Remaining="49")
    rig.sim.inject("7g", few, path="/Report/Status*")
    engine.poll()
    row = await in_health(rig, Health.THROTTLED)
    assert row.until is not None
    assert row.until == pytest.approx(rig.looks()[0].at + 60, abs=0.5)
    assert row.message == "49 of 5000 calls are left of what the vendor allows"
    before = len(rig.looks())
    await rig.passes(row.until - rig.clock.now() - 1)
    assert len(rig.looks()) == before <= 2
    assert (await rig.row()).health is Health.THROTTLED
    await rig.until(lambda: healthy(rig), within=5)
    for job in jobs:
        seen = await rig.state(job, JobState.RUNNING)
        assert seen.attempts == 0
        assert await rig.ledger.last_error(job.id) is None


async def test_an_account_stays_throttled_while_few_calls_are_left_and_is_asked_once_a_minute(
    rig: Rig,
) -> None:
    engine = await rig.start()
    for number in range(1, 4):
        await rig.follow(number)
    few = saying(X_RateLimit_Remaining="49")
    rig.sim.inject("7g", few, path="/Report/Status*", times=None)
    engine.poll()
    begun = await in_health(rig, Health.THROTTLED)
    before = len(rig.looks())
    seen = set()
    for _ in range(60):
        await rig.passes(10)
        row = await rig.row()
        seen.add((row.health, row.since))
    assert seen == {(Health.THROTTLED, begun.since)}
    assert 9 <= len(rig.looks()) - before <= 10


async def test_nothing_left_waits_for_the_reset_that_the_vendor_names(rig: Rig) -> None:
    engine = await rig.start()
    for number in range(1, 4):
        await rig.follow(number)
    none = saying(X_RateLimit_Limit="100", X_RateLimit_Remaining="0", X_RateLimit_Reset="900")
    rig.sim.inject("7g", none, path="/Report/Status*")
    engine.poll()
    row = await in_health(rig, Health.THROTTLED)
    assert row.until is not None
    assert row.until == pytest.approx(rig.looks()[0].at + 901, abs=0.5)
    before = len(rig.looks())
    await rig.until(lambda: len(rig.looks()) > before)
    assert rig.looks()[before].at >= row.until


async def test_few_calls_left_told_to_a_submit_hold_the_polling_back_as_well(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    few = saying(X_RateLimit_Limit="5000", X_RateLimit_Remaining="49")
    rig.sim.inject("7g", few, method="POST", path="/Report")
    await rig.finish(engine.submit("main", SPEC))
    sent = rig.submits()[0].at
    row = await in_health(rig, Health.THROTTLED)
    assert row.until == pytest.approx(sent + 60, abs=0.5)
    assert rig.clock.now() <= sent + 1, "before anything is asked again"
    await rig.passes(58)
    assert [call for call in rig.looks() if call.at > sent] == []
    await rig.until(lambda: healthy(rig))
    assert await rig.ledger.last_error(job.id) is None


async def test_a_slow_pace_by_the_vendors_reset_is_kept_and_is_no_trouble(rig: Rig) -> None:
    rig.account("main", poll_min=5, poll_max=5)
    engine = await rig.start()
    jobs = [await rig.follow(number) for number in range(1, 4)]
    engine.poll()
    for job in jobs:
        await rig.state(job, JobState.RUNNING)
    slow = saying(X_RateLimit_Limit="100", X_RateLimit_Remaining="40", X_RateLimit_Reset="800")
    rig.sim.inject("7g", slow, path="/Report/Status*")
    before = len(rig.looks())
    await rig.until(lambda: len(rig.looks()) > before)
    for _ in range(40):
        await rig.passes(5)
        assert (await rig.row()).health is Health.OK
    assert 10 <= len(rig.looks()) - before <= 15
    for job in jobs:
        assert await rig.ledger.last_error(job.id) is None


async def test_an_accounts_own_requests_per_minute_is_kept_without_a_failed_look(rig: Rig) -> None:
    rig.account("main", requests_per_minute=12, poll_min=1, poll_max=1)
    engine = await rig.start()
    jobs = [await rig.follow(number) for number in range(1, 7)]
    engine.poll()
    for _ in range(60):
        await rig.passes(5)
        assert (await rig.row()).health is Health.OK
    times = [call.at for call in rig.sim.calls("7g")]
    assert all(sum(at <= other < at + 59.99 for other in times) <= 12 for at in times)
    assert len(times) >= 5 * 12 - 3
    for job in jobs:
        assert await rig.ledger.last_error(job.id) is None
        assert len(rig.looks(job.reference)) >= 8


async def test_the_lifted_pace_of_the_demo_minds_no_requests_per_minute(rig: Rig) -> None:
    rig.account("main", requests_per_minute=1, poll_min=1, poll_max=1)
    engine = await rig.start(paced=False)
    for number in range(1, 7):
        await rig.follow(number)
    engine.poll()
    await rig.passes(10)
    assert len(rig.looks()) >= 50


# The breaker, and what comes after.


async def test_an_open_breaker_is_probed_on_time_although_every_job_waits_longer(rig: Rig) -> None:
    rig.account("main", poll_min=20, poll_max=20)
    engine = await rig.start()
    await rig.follow(1)
    rig.sim.inject("7g", Reset(), path="/Report/Status*", times=None)
    engine.poll()

    async def probed_thrice() -> bool:
        return (await rig.row()).failures >= 8

    await rig.until(probed_thrice)
    times = sorted({call.at for call in rig.looks()})
    gaps = [two - one for one, two in itertools.pairwise(times)]
    assert [round(gap) for gap in gaps[-3:]] == [5, 10, 20]
    row = await rig.row()
    assert row.until is not None
    assert row.since == times[0]


async def test_a_waiting_submit_goes_not_beside_the_probe(rig: Rig) -> None:
    rig.account("main", poll_min=1, poll_max=1)
    engine = await rig.start()
    await rig.follow(1)
    rig.sim.inject("7g", Reset(), path="/Report/Status*", times=None)
    engine.poll()

    async def opened() -> bool:
        row = await rig.row()
        return row.failures >= 5 and row.until is not None

    await rig.until(opened)
    full = Reply(429, b"", {"Retry-After": "1"})
    rig.sim.inject("7g", full, method="POST", path="/Report")
    waiting = (await rig.finish(engine.submit("main", SPEC))).job
    assert waiting.state is JobState.SUBMITTING
    sent = len(rig.submits())
    rig.sim._rules.clear()
    hang = Hang()
    rig.sim.inject("7g", hang, path="/Report/Status*")
    await rig.until(hang.arrived.is_set)
    await rig.passes(20)
    assert len(rig.submits()) == sent
    hang.release()
    await rig.state(waiting, JobState.QUEUED)


@pytest.mark.parametrize("trouble", [Reset(), Reply(503, b"busy")], ids=["outage", "throttle"])
async def test_after_trouble_all_jobs_are_fresh_within_an_interval_and_not_at_once(
    rig: Rig, trouble: Any
) -> None:
    rig.account("main", poll_min=20, poll_max=20, max_inflight=16)
    engine = await rig.start()
    jobs = [await rig.follow(number) for number in range(1, 41)]
    engine.poll()
    await rig.until(lambda: len({call.raw for call in rig.looks()}) == 40)
    await rig.passes(30)
    rig.sim.inject("7g", trouble, path="/Report/Status*", times=None)
    await rig.passes(200)
    far = rig.clock.now() + 290
    for job in jobs[:20]:  # as a longer outage leaves them
        await rig.ledger.change(job.id, lambda row: replace(row, attempts=6, next_poll_at=far))
    rig.sim._rules.clear()
    before = len(rig.looks())
    await rig.until(lambda: healthy(rig))
    back = rig.clock.now()
    await rig.passes(22)
    later = [call for call in rig.looks()[before:] if call.at <= back + 22]
    assert len({call.raw for call in later}) == 40
    times = [call.at for call in later]
    assert max(sum(at <= other < at + 1 for other in times) for at in times) <= 5
    assert {(await rig.job(job)).attempts for job in jobs} == {0}


async def test_a_short_stumble_moves_no_job(rig: Rig) -> None:
    rig.account("main", poll_min=20, poll_max=20)
    engine = await rig.start()
    for number in range(1, 11):
        await rig.follow(number)
    engine.poll()
    await rig.until(lambda: len({call.raw for call in rig.looks()}) == 10)
    planned = {job.id: job.next_poll_at for job in await rig.ledger.jobs()}
    rig.sim.inject("7g", Reset(), path="/Report/Status*", times=2)
    await rig.passes(5)
    after = {job.id: job.next_poll_at for job in await rig.ledger.jobs()}
    moved = [job for job, at in planned.items() if after[job] != at]
    assert len(moved) <= 3, "only what was looked at meanwhile"
    assert await healthy(rig)


async def test_a_restart_finds_what_trouble_has_pushed_out(rig: Rig) -> None:
    engine = await rig.start(owner="elsewhere:1")
    job = await rig.follow(1)
    far = rig.clock.now() + 280
    await rig.ledger.change(job.id, lambda row: replace(row, attempts=7, next_poll_at=far))
    engine.poll()
    await rig.state(job, JobState.RUNNING, within=5)
