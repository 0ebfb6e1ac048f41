"""What the engine makes of 7G's and Sigma's own rules: slots, keys that replay, lives, checks that fail."""

from __future__ import annotations

from uuid import UUID

import pytest

from reportdash.board import facts
from reportdash.engine.outcome import Outcome
from reportdash.errors import Exit
from reportdash.model import Health, Intent, IntentKind, Job, JobState, Spec, Stage, replace
from reportdash.simulator import Lost, Reply, Request, Reset
from reportdash.simulator import Stage as Step
from reportdash.simulator.faults import Serve
from reportdash.simulator.wire import json_reply
from tests.engine.rig import SPEC, Rig, guid

DAY = 86_400.0
GUESS = "slots full (vendor): deleting saved reports may free slots"


async def submit(rig: Rig, account: str = "main", spec: Spec = SPEC) -> Outcome:
    outcome: Outcome = await rig.finish(rig.engine.submit(account, spec))
    return outcome


def sigma(code: str, words: str = "Branch 12 is closed.") -> Reply:
    header = {"replyType": "FAILURE", "success": "false", "statusCode": code, "errorMsg": words}
    return json_reply({"headerMap": header})


async def orphan(rig: Rig, *, sent: float, asked: float | None = None, tries: int = 1) -> Job:
    """A submit whose process was killed `sent` seconds ago, after its request left."""
    now = rig.clock.now()
    intent = Intent(IntentKind.SUBMIT, Stage.SENDING, now - sent, "the-key", "elsewhere:1:0:gone", tries)
    job = Job("orphan", "main", "7g", "TransactionSummary", None, JobState.SUBMITTING, intent=intent)
    when = now - (sent if asked is None else asked)
    row, _ = await rig.ledger.add(replace(job, message="sending", submitted_at=when, spec=SPEC))
    return row


# 7G: slots


async def test_full_at_the_vendor_while_we_count_fewer_says_so_and_what_may_help(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.seveng.finished_hold_slots = True
    for number in range(1, 11):
        await rig.seen(await rig.follow(number, "ready"), JobState.READY)
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.OK
    assert (outcome.job.message, outcome.job.note) == ("waits for a slot (1st)", GUESS)
    assert outcome.text == f"waits for a slot (1st); {GUESS}"
    assert (await rig.row()).slots_full_at is not None
    await rig.finish(engine.delete((await rig.ledger.jobs())[-1].id, unsaved=True))
    engine.poll()
    sent = await rig.state(outcome.job, JobState.QUEUED)
    assert sent.note is None
    assert (await rig.row()).slots_full_at is None


async def test_a_plain_no_after_the_waiting_says_nothing_of_slots(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.seveng.max_live = 0
    waiting = (await submit(rig)).job
    assert waiting.note == GUESS
    no = json_reply({"result": False, "message": "Unknown report name.", "data": {}})
    rig.sim.inject("7g", no, method="POST", path="/Report")
    engine.poll()
    failed = await rig.state(waiting, JobState.FAILED)
    assert (failed.message, failed.note) == ("Unknown report name.", None)


async def test_full_by_our_own_count_is_no_surprise(rig: Rig) -> None:
    await rig.start()
    rig.sim.seveng.max_live = 0
    for number in range(1, 10):
        await rig.follow(number)

    async def tenth(request: Request, serve: Serve) -> Reply | None:
        await rig.follow(10)  # it came to our knowledge while the submit was under way
        return await serve()

    rig.sim.inject("7g", tenth, method="POST", path="/Report")
    outcome = await submit(rig)
    assert (outcome.job.message, outcome.job.note) == ("waits for a slot (1st)", None)
    assert (await rig.row()).slots_full_at is None


async def test_a_submit_answered_by_503_waits_as_one_answered_by_429(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.inject("7g", Reply(503, b"", {"Retry-After": "90"}), method="POST", path="/Report")
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.OK
    assert (outcome.job.message or "").startswith("waits: throttled until ")
    engine.poll()
    await rig.state(outcome.job, JobState.QUEUED)
    first, second = rig.submits()
    assert second.at - first.at >= 90


# 7G: keys


async def test_each_submit_and_each_delete_has_a_uuid_of_its_own(rig: Rig) -> None:
    engine = await rig.start()
    first, second = (await submit(rig)).job, (await submit(rig)).job
    await rig.finish(engine.delete(first.id, unsaved=True))
    await rig.finish(engine.delete(second.id, unsaved=True))
    keys = [call.header("idempotency-key") for call in (*rig.submits(), *rig.deletes())]
    assert len({UUID(key) for key in keys}) == len(keys) == 4


async def test_an_instance_that_once_replayed_is_trusted_from_then_on(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.seveng.idempotent = True
    rig.sim.inject("7g", Lost(), method="POST", path="/Report")
    unsure = await submit(rig)
    assert (unsure.exit_code, len(rig.submits())) == (Exit.UNREACHABLE, 1)
    told = await rig.finish(engine.resend(unsure.job.id))
    assert told.job.state is JobState.QUEUED

    rig.sim.inject("7g", Lost(), method="POST", path="/Report")
    second = await submit(rig)
    assert (second.exit_code, second.job.state) == (Exit.OK, JobState.QUEUED)
    assert len(rig.submits()) == 4
    assert len(list(rig.sim.world.of("7g", "main"))) == 2


@pytest.mark.parametrize(
    ("sent", "asked", "tries", "repeated"),
    [
        (DAY - 60, DAY - 60, 1, True),
        (DAY + 1, DAY + 1, 1, False),
        (60, DAY + 3600, 1, True),  # it had waited for a slot before it was sent at all
        (60, DAY + 3600, 2, False),  # when it was first sent, nobody knows
        (60, DAY - 60, 2, True),
    ],
)
async def test_a_key_replays_for_a_day_from_the_first_sending(
    rig: Rig, sent: float, asked: float, tries: int, repeated: bool
) -> None:
    rig.account("main", idempotent=True)
    engine = await rig.start()
    job = await orphan(rig, sent=sent, asked=asked, tries=tries)
    engine.poll()

    async def settled() -> bool:
        row = await rig.job(job)
        return row.state is JobState.QUEUED or (row.intent is not None and row.intent.stage is Stage.UNSURE)

    await rig.until(settled)
    await rig.passes(60)
    assert len(rig.submits()) == (1 if repeated else 0)


async def test_a_key_sent_again_on_demand_begins_no_new_window(rig: Rig) -> None:
    rig.account("main", idempotent=True)
    engine = await rig.start()
    job = await orphan(rig, sent=DAY - 1800)
    row = await rig.ledger.change(
        job.id,
        lambda row: (
            replace(row, intent=replace(row.intent, stage=Stage.UNSURE, owner=None)) if row.intent else None
        ),
    )
    hour = 3600.0

    async def late(request: Request, serve: Serve) -> Reply | None:
        rig.clock.jump(hour)  # its answer is awaited beyond the end of the window
        return None

    rig.sim.inject("7g", late, method="POST", path="/Report")
    outcome = await rig.finish(engine.resend(row.id))
    assert outcome.exit_code is Exit.UNREACHABLE
    assert len(rig.submits()) == 1
    assert (outcome.job.message or "").startswith("unsure: sent ")


# 7G: lives


async def test_the_life_of_a_report_counts_from_its_submit(rig: Rig) -> None:
    engine = await rig.start()
    job = (await submit(rig)).job
    rig.sim.script("7g", job.reference, ["complete"])
    asked = job.submitted_at or 0.0
    await rig.passes(100)
    engine.poll()
    ready = await rig.state(job, JobState.READY)
    assert (ready.expires_at, ready.tracked) == (asked + DAY, False)


async def test_the_life_of_a_tracked_report_counts_from_the_tracking_and_is_shown_as_a_bound(
    rig: Rig,
) -> None:
    engine = await rig.start()
    tracked_at = rig.clock.now()
    job = await rig.follow(1, "ready", age_s=7200)
    engine.poll()
    ready = await rig.state(job, JobState.READY)
    assert (ready.tracked, ready.expires_at) == (True, tracked_at + DAY)
    shown = facts.next_run(ready, facts.Sight(tracked_at + 3600))
    assert shown is not None and shown.text == "expires≤23h"


@pytest.mark.parametrize(
    ("age", "state"), [(DAY - 3600, JobState.LOST), (DAY, JobState.EXPIRED)], ids=["younger", "a day old"]
)
async def test_gone_is_lost_before_a_day_and_expired_after(rig: Rig, age: float, state: JobState) -> None:
    engine = await rig.start()
    job = await engine.track("main", guid(77))
    await rig.seen(job, JobState.RUNNING, submitted_at=rig.clock.now() - age)
    await engine.poll_now([job.id])
    engine.poll()
    gone = await rig.state(job, state)
    assert gone.message == "Report request could not be found."


# 7G: deleting what completes meanwhile


async def test_a_delete_that_races_with_completion_ends_deleted(rig: Rig) -> None:
    engine = await rig.start()
    reference = rig.at_vendor(1)
    job = await rig.seen(await engine.track("main", reference), JobState.RUNNING)

    async def completes(request: Request, serve: Serve) -> Reply | None:
        rig.sim.script("7g", reference, ["complete"])
        return None

    rig.sim.inject("7g", completes, method="DELETE")
    outcome = await rig.finish(engine.delete(job.id))
    assert (outcome.exit_code, outcome.job.state) == (Exit.OK, JobState.DELETED)
    assert [call.status for call in rig.deletes()] == [0, 200]
    assert len({call.header("idempotency-key") for call in rig.deletes()}) == 1
    engine.poll()
    await rig.passes(60)
    assert (await rig.job(job)).state is JobState.DELETED


# Sigma


async def followed(rig: Rig, reference: str = "REF") -> Job:
    rig.account("billing")
    engine = await rig.start()
    job = await engine.track("billing", reference)
    engine.poll()
    return job


def checks(rig: Rig) -> int:
    return len(rig.sim.calls("sigma", "POST", "*/report-status*"))


async def test_400_on_three_polls_over_ten_minutes_is_lost_and_the_first_good_answer_restores_it(
    rig: Rig,
) -> None:
    job = await followed(rig)
    began = rig.clock.now()
    await rig.passes(590)
    row = await rig.job(job)
    assert checks(rig) >= 3
    assert (row.state, row.health) == (JobState.QUEUED, Health.BAD_PAYLOAD)
    lost = await rig.state(job, JobState.LOST)
    assert rig.clock.now() - began >= 600
    assert (lost.message, lost.health) == ("Invalid reference number.", Health.OK)
    assert (await rig.row("billing")).health is Health.OK

    before, again = checks(rig), rig.clock.now()
    await rig.until(lambda: checks(rig) > before)
    assert rig.clock.now() - again >= 500  # a slow re-check
    rig.sim.add("sigma", "REF", "billing", name="A", stage="ready")
    restored = await rig.state(job, JobState.READY)
    assert (restored.message, restored.gone_count, restored.gone_since) == (None, 0, None)


async def test_a_good_answer_in_between_begins_the_count_of_400s_anew(rig: Rig) -> None:
    rig.sim.add("sigma", "REF", "billing", stage="running")
    rig.sim.script("sigma", "REF", ["GENERATED"])
    no = sigma("400")
    rig.sim.inject("sigma", no, path="*/report-status*", nth=2, times=4)
    job = await followed(rig)

    async def good_again() -> bool:
        row = await rig.job(job)
        return checks(rig) == 6 and row.attempts == 0

    await rig.until(good_again)
    row = await rig.job(job)
    assert (row.state, row.gone_count, row.health) == (JobState.FINALIZING, 0, Health.OK)


async def test_a_500_in_the_body_is_a_check_that_failed_for_as_long_as_it_takes(rig: Rig) -> None:
    rig.sim.add("sigma", "REF", "billing", stage="running")
    rig.sim.script("sigma", "REF", ["GENERATED"])
    job = await followed(rig)
    await rig.state(job, JobState.FINALIZING)
    rig.sim.inject("sigma", sigma("500"), path="*/report-status*", times=None)
    await rig.passes(300)
    row = await rig.job(job)
    assert (row.state, row.health, row.vendor_status) == (
        JobState.FINALIZING,
        Health.BAD_PAYLOAD,
        "GENERATED",
    )
    assert row.attempts > 3
    error = await rig.ledger.last_error(job.id)
    assert error is not None and (error.kind, error.text) == ("bad_payload", "Branch 12 is closed.")
    assert (await rig.row("billing")).health is Health.OK


async def test_a_401_in_the_body_is_the_accounts_trouble_and_not_the_jobs(rig: Rig) -> None:
    rig.sim.add("sigma", "REF", "billing", stage="running")
    rig.sim.inject("sigma", sigma("401", "Unauthorized API."), path="*/report-status*", times=None)
    job = await followed(rig)

    async def refused() -> bool:
        return (await rig.row("billing")).health is Health.AUTH_FAILED

    await rig.until(refused)
    await rig.passes(300)
    assert checks(rig) == 2  # once more with a new token, then it waits for a login
    row = await rig.job(job)
    assert (row.state, row.health) == (JobState.QUEUED, Health.OK)
    assert "Unauthorized API." in ((await rig.row("billing")).message or "")


async def test_204_keeps_a_group_as_it_was(rig: Rig) -> None:
    children = [{"name": "A", "stage": "ready"}, {"name": "B", "stage": "running"}]
    rig.sim.add("sigma", "group:REF", "billing", stage="running", children=children)
    rig.sim.script("sigma", "group:REF", [["PUBLISHED", "GENERATED"]])
    job = await followed(rig, "group:REF")
    await rig.state(job, JobState.RUNNING)
    rig.sim.inject("sigma", Reply(204), path="*/report-status*", times=None)
    before = checks(rig)
    await rig.until(lambda: checks(rig) > before + 1)
    row = await rig.job(job)
    assert (row.state, row.children_total, row.health) == (JobState.RUNNING, 2, Health.OK)
    states = [child.state for child in await rig.ledger.children(job.id)]
    assert states == [JobState.READY, JobState.FINALIZING]


@pytest.mark.parametrize("answer", [sigma("400"), Reply(409, sigma("400").body)], ids=["400", "http 409"])
async def test_a_run_that_sigma_refuses_is_failed_in_its_words(rig: Rig, answer: Reply) -> None:
    rig.account("billing")
    await rig.start()
    rig.sim.inject("sigma", answer, path="*/generate[?]*")
    outcome = await submit(rig, "billing", Spec("AccountTransaction"))
    assert (outcome.exit_code, outcome.job.state) == (Exit.FAILED, JobState.FAILED)
    assert outcome.job.message == "Branch 12 is closed."


async def test_a_run_answered_by_500_in_the_body_is_unsure_and_never_repeated(rig: Rig) -> None:
    rig.account("billing")
    engine = await rig.start()
    rig.sim.inject("sigma", sigma("500"), path="*/generate[?]*")
    outcome = await submit(rig, "billing", Spec("AccountTransaction"))
    assert outcome.exit_code is Exit.UNREACHABLE
    assert (outcome.job.message or "").startswith("unsure: sent ")
    engine.poll()
    await rig.passes(120)
    assert len(rig.sim.calls("sigma", "POST", "*/generate[?]*")) == 1


async def test_a_report_whose_mail_failed_is_fetched_only_by_hand(rig: Rig) -> None:
    rig.account("billing", auto_download=True)
    engine = await rig.start()
    rig.sim.add("sigma", "REF", "billing", name="Cash", stage="running")
    rig.sim.script("sigma", "REF", [Step("NOTIFICATION_FAILED", "Mailbox full.")])
    job = await engine.track("billing", "REF")
    engine.poll()
    await rig.state(job, JobState.NOTIFY_FAILED)
    await rig.passes(120)
    assert (await rig.job(job)).artifact is None
    saved = await rig.finish(engine.downloads.fetch(job.id))
    assert saved.exit_code is Exit.OK
    assert saved.job.artifact is not None and saved.job.artifact.path is not None


async def test_a_reset_run_is_unsure_for_no_page_promises_that_a_repeat_is_safe(rig: Rig) -> None:
    rig.account("billing")
    await rig.start()
    rig.sim.inject("sigma", Reset(), path="*/generate[?]*")
    outcome = await submit(rig, "billing", Spec("AccountTransaction"))
    assert outcome.exit_code is Exit.UNREACHABLE
    assert outcome.job.intent is not None and outcome.job.intent.stage is Stage.UNSURE
