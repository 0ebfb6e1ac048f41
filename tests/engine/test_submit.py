"""Submitting: intent before act, each truth in its own words, never silently twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reportdash.engine.outcome import Outcome
from reportdash.errors import Exit, SafetyProblem, UsageProblem
from reportdash.model import Health, Intent, IntentKind, Job, JobState, Spec, Stage, replace
from reportdash.simulator import Cut, Hang, Lost, Reply, Request, Reset
from reportdash.simulator.faults import Fault, Serve
from reportdash.simulator.wire import json_reply
from tests.engine.rig import SPEC, Rig, guid

NO = json_reply({"result": False, "message": "Unknown report name.", "data": {}})


async def submit(rig: Rig, spec: Spec = SPEC, **how: object) -> Outcome:
    outcome: Outcome = await rig.finish(rig.engine.submit("main", spec, **how))  # type: ignore[arg-type]
    return outcome


async def waiting(rig: Rig, count: int) -> list[Job]:
    """`count` submits that have to wait because ten jobs run already."""
    for number in range(1, 11):
        await rig.follow(number)
    return [(await submit(rig)).job for _ in range(count)]


async def test_the_intent_is_in_the_ledger_before_the_request_leaves(rig: Rig) -> None:
    engine = await rig.start()
    hang = Hang()
    rig.sim.inject("7g", hang, method="POST", path="/Report")
    task = rig.begin(engine.submit("main", SPEC, name="mine"))
    await rig.until(hang.arrived.is_set)
    other = await rig.another(owner="elsewhere:9")
    (row,) = await other.ledger.jobs()
    assert (row.state, row.message, row.name) == (JobState.SUBMITTING, "sending", "mine")
    assert row.intent is not None
    assert (row.intent.kind, row.intent.stage, row.intent.tries) == (IntentKind.SUBMIT, Stage.SENDING, 1)
    assert rig.submits()[0].header("idempotency-key") == row.intent.key
    hang.release()
    outcome = await rig.finish(task)
    assert outcome.job.state is JobState.QUEUED


async def test_intent_and_outcome_are_on_the_disk_and_not_only_written(rig: Rig) -> None:
    engine = await rig.start()
    synced: dict[str, bool] = {}
    real = engine.ledger.change

    async def change(job_id: str, fn: Any, **how: Any) -> Job:
        if how.get("what") is not None:
            synced[how["what"]] = how.get("durable", False)
        return await real(job_id, fn, **how)

    engine.ledger.change = change  # type: ignore[method-assign,assignment]
    outcome = await submit(rig)
    await rig.finish(engine.delete(outcome.job.id, unsaved=True))
    assert synced == {"submit sent": True, "accepted": True, "delete": True, "delete sent": True}


async def test_an_accepted_submit_has_its_reference_and_is_polled(rig: Rig) -> None:
    engine = await rig.start()
    outcome = await submit(rig)
    row = outcome.job
    assert outcome.exit_code is Exit.OK
    assert row.reference is not None
    assert row.reference in outcome.text
    assert (row.state, row.intent, row.name) == (JobState.QUEUED, None, "TransactionSummary")
    assert row.next_poll_at is not None
    kept = await rig.ledger.exchanges(row.id)
    assert [exchange.method for exchange in kept] == ["POST"]
    engine.poll()
    await rig.until(lambda: rig.looks(row.reference))


async def test_a_refused_submit_is_failed_in_the_vendors_words(rig: Rig) -> None:
    await rig.start()
    rig.sim.inject("7g", NO, method="POST", path="/Report")
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.FAILED
    assert (outcome.job.state, outcome.job.message) == (JobState.FAILED, "Unknown report name.")
    assert outcome.job.intent is None
    assert outcome.job.next_poll_at is None
    error = await rig.ledger.last_error(outcome.job.id)
    assert error is not None
    assert error.kind == "refused"


async def test_a_4xx_is_a_plain_no(rig: Rig) -> None:
    await rig.start()
    rig.sim.inject("7g", json_reply({"message": "Bad parameters"}, 422), method="POST", path="/Report")
    outcome = await submit(rig)
    assert (outcome.exit_code, outcome.job.state) == (Exit.FAILED, JobState.FAILED)
    assert outcome.job.message == "Bad parameters"


async def test_the_eleventh_submit_waits_for_a_slot_without_any_request(rig: Rig) -> None:
    await rig.start()
    first, second, third = await waiting(rig, 3)
    assert [job.message for job in (first, second, third)] == [
        "waits for a slot (1st)",
        "waits for a slot (2nd)",
        "waits for a slot (3rd)",
    ]
    assert rig.submits() == []
    assert first.intent is not None
    assert (first.intent.stage, first.state) == (Stage.WAITING, JobState.SUBMITTING)


async def test_waiting_submits_are_sent_in_order_when_slots_come_free(rig: Rig) -> None:
    engine = await rig.start()
    first, second = await waiting(rig, 2)
    engine.poll()
    await rig.passes(30)
    assert rig.submits() == []
    rig.sim.script("7g", guid(4), ["complete"])
    sent = await rig.state(first, JobState.QUEUED)
    assert sent.reference is not None
    rig.sim.script("7g", sent.reference, ["incomplete"])
    await rig.passes(60)
    row = await rig.job(second)
    assert (row.state, row.message) == (JobState.SUBMITTING, "waits for a slot (1st)")
    assert len(rig.submits()) == 1


async def test_a_slot_the_vendor_refuses_makes_the_submit_wait_and_the_account_say_so(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.seveng.full = 409
    rig.sim.seveng.max_live = 0
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.OK
    assert outcome.job.message == "waits for a slot (1st)"
    assert (await rig.row()).slots_full_at is not None
    rig.sim.seveng.max_live = 10
    engine.poll()
    await rig.state(outcome.job, JobState.QUEUED)
    assert (await rig.row()).slots_full_at is None
    assert len(rig.submits()) == 2


async def test_any_refusal_while_every_slot_is_taken_is_the_limit(rig: Rig) -> None:
    await rig.start()
    for number in range(1, 10):
        await rig.follow(number)
    arrived, go = asyncio.Event(), asyncio.Event()

    async def refuse(request: Request, serve: Serve) -> Reply:
        arrived.set()
        await go.wait()
        return NO

    rig.sim.inject("7g", refuse, method="POST", path="/Report")
    task = rig.begin(rig.engine.submit("main", SPEC))
    await rig.until(arrived.is_set)
    await rig.follow(10)  # a tenth job came to our knowledge while the submit was under way
    go.set()
    outcome = await rig.finish(task)
    assert outcome.exit_code is Exit.OK
    assert outcome.job.message == "waits for a slot (1st)"


async def test_a_throttled_submit_waits_and_is_sent_when_the_time_has_come(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "120"}), method="POST", path="/Report")
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.OK
    assert outcome.job.message is not None
    assert outcome.job.message.startswith("waits: throttled until ")
    account = await rig.row()
    assert account.health is Health.THROTTLED
    engine.poll()
    await rig.passes(100)
    assert len(rig.submits()) == 1
    await rig.state(outcome.job, JobState.QUEUED)
    assert account.until is not None
    assert rig.submits()[1].at >= account.until


async def test_a_submit_at_a_throttled_account_is_not_even_tried(rig: Rig) -> None:
    await rig.start()
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "120"}), method="POST", path="/Report")
    await submit(rig)
    second = await submit(rig)
    assert second.exit_code is Exit.OK
    assert len(rig.submits()) == 1


async def test_a_submit_with_a_refused_credential_waits_and_goes_out_after_the_login(rig: Rig) -> None:
    engine = await rig.start()
    right = rig.forget_key("main")
    rig.environ["REPORTDASH_SECRET__MAIN__USERNAME"] = right["username"]
    rig.environ["REPORTDASH_SECRET__MAIN__PASSWORD"] = "wrong"
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.CREDENTIALS
    assert outcome.job.state is JobState.SUBMITTING
    assert outcome.job.message is not None
    assert outcome.job.message.startswith("waits for a key: ")
    assert (await rig.row()).health is Health.AUTH_FAILED
    engine.poll()
    rig.environ["REPORTDASH_SECRET__MAIN__PASSWORD"] = right["password"]
    await engine.logged_in("main")
    await rig.state(outcome.job, JobState.QUEUED)
    assert len(rig.submits()) == 1


async def test_a_submit_without_any_credential_exits_3(rig: Rig) -> None:
    rig.forget_key("main")
    await rig.start()
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.CREDENTIALS
    assert outcome.job.state is JobState.SUBMITTING


async def test_what_was_never_sent_is_retried_for_a_minute_and_then_waits(rig: Rig) -> None:
    rig.account("main", base_url="http://127.0.0.1:1")
    await rig.start()
    started = rig.clock.monotonic()
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.UNREACHABLE
    assert 30 < rig.clock.monotonic() - started <= 61
    assert outcome.job.intent is not None
    assert (outcome.job.intent.stage, outcome.job.intent.owner) == (Stage.WAITING, None)
    assert outcome.job.message is not None
    assert outcome.job.message.startswith("waits: not sent")


@pytest.mark.parametrize(
    "fault",
    [
        Lost(),
        Reset(),
        Reply(500, b"oops"),
        Reply(200, b"<html>welcome</html>", {"Content-Type": "text/html"}),
        Cut(),
        Reply(502, b""),
    ],
    ids=["lost", "reset", "500", "html", "cut", "502"],
)
async def test_a_submit_without_a_readable_answer_is_unsure_and_never_repeated(
    rig: Rig, fault: Fault
) -> None:
    engine = await rig.start()
    rig.sim.inject("7g", fault, method="POST", path="/Report")
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.UNREACHABLE
    row = outcome.job
    assert row.state is JobState.SUBMITTING
    assert row.intent is not None
    assert (row.intent.stage, row.intent.owner) == (Stage.UNSURE, None)
    assert row.message is not None
    assert row.message.startswith("unsure: sent ")
    assert row.message.endswith(", no answer")
    engine.poll()
    await rig.passes(300)
    assert len(rig.submits()) == 1
    assert (await rig.job(row)).message == row.message


async def test_an_unsure_submit_counts_as_a_slot(rig: Rig) -> None:
    await rig.start()
    rig.sim.inject("7g", Lost(), method="POST", path="/Report")
    await submit(rig)
    assert await rig.ledger.slots_used("main") == 1


async def test_an_idempotent_account_repeats_with_the_same_key(rig: Rig) -> None:
    rig.account("main", idempotent=True)
    rig.sim.seveng.idempotent = True
    await rig.start()
    rig.sim.inject("7g", Lost(), method="POST", path="/Report")
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.OK
    assert outcome.job.state is JobState.QUEUED
    keys = [call.header("idempotency-key") for call in rig.submits()]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(list(rig.sim.world.of("7g", "main"))) == 1


async def test_three_repeats_within_a_minute_are_the_most(rig: Rig) -> None:
    rig.account("main", idempotent=True)
    engine = await rig.start()
    rig.sim.inject("7g", Reply(500, b""), method="POST", path="/Report", times=None)
    started = rig.clock.monotonic()
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.UNREACHABLE
    assert len(rig.submits()) == 4
    assert rig.clock.monotonic() - started <= 60
    engine.poll()
    await rig.passes(200)
    assert len(rig.submits()) == 4


async def test_a_webadmit_submit_is_repeated_because_it_returns_the_running_job(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    rig.sim.inject("webadmit", Lost(), method="POST")
    outcome = await rig.finish(engine.submit("admissions", Spec("86446")))
    assert outcome.exit_code is Exit.OK
    assert len(rig.sim.calls("webadmit", "POST")) == 2
    assert len(list(rig.sim.world.of("webadmit", "admissions"))) == 1


async def test_a_reference_we_know_folds_into_its_row(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    first = await rig.finish(engine.submit("admissions", Spec("86446")))
    second = await rig.finish(engine.submit("admissions", Spec("86446")))
    assert second.exit_code is Exit.OK
    assert second.job.id == first.job.id
    assert [job.id for job in await rig.ledger.jobs()] == [first.job.id]
    assert first.job.id in second.text
    assert len(await rig.ledger.exchanges(first.job.id)) == 2


async def test_an_orphaned_submit_is_unsure(rig: Rig) -> None:
    engine = await rig.start()
    job = await orphan(rig)
    engine.poll()
    row = await rig.until(lambda: unsure(rig, job))
    assert row.message.startswith("unsure: sent ")
    await rig.passes(200)
    assert rig.submits() == []


async def test_an_orphaned_submit_is_repeated_where_the_key_makes_it_safe(rig: Rig) -> None:
    rig.account("main", idempotent=True)
    engine = await rig.start()
    job = await orphan(rig)
    engine.poll()
    await rig.state(job, JobState.QUEUED)
    (sent,) = rig.submits()
    assert job.intent is not None
    assert sent.header("idempotency-key") == job.intent.key


async def test_an_orphan_from_long_ago_is_not_repeated_where_only_a_running_job_is_returned(rig: Rig) -> None:
    rig.account("admissions")
    engine = await rig.start()
    job = await orphan(rig, "admissions", "webadmit", age=3600)
    engine.poll()
    await rig.until(lambda: unsure(rig, job))
    assert rig.sim.calls("webadmit", "POST") == []


async def test_an_act_of_a_living_process_is_left_to_it(rig: Rig) -> None:
    engine = await rig.start(owner="elsewhere:1")
    other = await rig.another(owner="elsewhere:2")
    job = await orphan(rig, owner=other.ledger.owner)
    engine.poll()
    await rig.passes(40)
    row = await rig.job(job)
    assert row.intent == job.intent


async def test_an_unsure_submit_is_sent_again_when_the_operator_says_so(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.inject("7g", Reset(), method="POST", path="/Report")
    unsure_one = (await submit(rig)).job
    outcome = await rig.finish(engine.resend(unsure_one.id))
    assert outcome.exit_code is Exit.OK
    assert outcome.job.id == unsure_one.id
    assert outcome.job.state is JobState.QUEUED
    assert len(rig.submits()) == 2


async def test_only_a_submit_without_an_answer_is_sent_again(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    with pytest.raises(UsageProblem):
        await engine.resend(job.id)


async def test_submit_again_takes_the_parameters_over_corrected(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.inject("7g", NO, method="POST", path="/Report")
    failed = (await submit(rig, Spec("EntityBalanceReport", {"EntityID": "1", "ToDate": "x"}))).job
    outcome = await rig.finish(engine.submit_again(failed.id, {"ToDate": "2026-11-01"}))
    assert outcome.exit_code is Exit.OK
    assert outcome.job.id != failed.id
    assert rig.submits()[1].json()["parameters"] == {"EntityID": "1", "ToDate": "2026-11-01"}


async def test_a_job_started_elsewhere_cannot_be_submitted_again(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    with pytest.raises(UsageProblem):
        await engine.submit_again(job.id, {})


async def test_what_the_vendor_is_known_to_refuse_is_said_before_anything_is_written(rig: Rig) -> None:
    engine = await rig.start()
    with pytest.raises(UsageProblem):
        await engine.submit("main", Spec("X", format="csv"))
    assert await rig.ledger.jobs() == []


async def test_read_only_blocks_submits(rig: Rig) -> None:
    engine = await rig.start(read_only=True)
    with pytest.raises(SafetyProblem):
        await engine.submit("main", SPEC)
    assert await rig.ledger.jobs() == []


async def test_a_read_only_poller_sends_no_waiting_submit(rig: Rig) -> None:
    await rig.start(owner="elsewhere:1")
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "1"}), method="POST", path="/Report")
    job = (await submit(rig)).job
    other = await rig.another(owner="elsewhere:2", read_only=True)
    other.poll()
    await rig.passes(120)
    assert other.polled_here() == {"main"}
    assert len(rig.submits()) == 1
    assert (await rig.job(job)).state is JobState.SUBMITTING


async def test_a_slow_submit_of_the_poller_holds_up_no_look(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "5"}), method="POST", path="/Report")
    await submit(rig)
    await rig.follow(1)
    hang = Hang()
    rig.sim.inject("7g", hang, method="POST", path="/Report", times=None)
    engine.poll()
    await rig.until(hang.arrived.is_set)
    looks = len(rig.looks())
    await rig.passes(15)
    assert len(rig.looks()) > looks + 1


async def unsure(rig: Rig, job: Job) -> Job | None:
    row = await rig.job(job)
    return row if row.intent is not None and row.intent.stage is Stage.UNSURE else None


async def orphan(
    rig: Rig,
    account: str = "main",
    vendor: str = "7g",
    *,
    age: float = 5.0,
    owner: str = "elsewhere:1:0:gone",
) -> Job:
    """A submit whose process was killed between the intent and the answer."""
    now = rig.clock.now()
    intent = Intent(IntentKind.SUBMIT, Stage.SENDING, now - age, "the-key", owner=owner, tries=1)
    row, _ = await rig.ledger.add(
        Job(
            id="orphan",
            account=account,
            vendor=vendor,
            name="TransactionSummary",
            reference=None,
            state=JobState.SUBMITTING,
            message="sending",
            submitted_at=now - age,
            spec=replace(SPEC, report="86446", params={}) if vendor == "webadmit" else SPEC,
            intent=intent,
        )
    )
    return row


async def test_a_repeat_that_is_held_back_stays_unsure(rig: Rig) -> None:
    rig.account("main", idempotent=True)
    engine = await rig.start()
    rig.sim.inject("7g", Reset(), method="POST", path="/Report")
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "300"}), method="POST", path="/Report", nth=2)
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.UNREACHABLE
    row = outcome.job
    assert row.intent is not None
    assert row.intent.stage is Stage.UNSURE
    assert (row.message or "").startswith("unsure: sent ")
    engine.poll()  # the key still replays when the time has come
    await rig.state(row, JobState.QUEUED)
    assert len({call.header("idempotency-key") for call in rig.submits()}) == 1
