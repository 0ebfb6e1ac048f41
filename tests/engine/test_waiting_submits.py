"""Submits that have to wait: in which order, and under which words."""

from __future__ import annotations

from reportdash.engine.outcome import Outcome
from reportdash.errors import Exit
from reportdash.model import JobState, Spec, Stage, replace
from reportdash.simulator import Reply
from tests.engine.rig import SPEC, Rig


async def submit(rig: Rig, spec: Spec = SPEC) -> Outcome:
    outcome: Outcome = await rig.finish(rig.engine.submit("main", spec))
    return outcome


async def test_submits_held_back_by_a_throttle_keep_their_order(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "20"}), method="POST", path="/Report")
    first = (await submit(rig, replace(SPEC, params={"ProductID": "first"}))).job
    await rig.passes(1)
    second = (await submit(rig, replace(SPEC, params={"ProductID": "second"}))).job
    await rig.passes(1)
    rig.sim.inject("7g", Reply(429, b"", {"Retry-After": "20"}), method="POST", path="/Report")
    engine.poll()
    await rig.state(first, JobState.QUEUED, within=200)
    await rig.state(second, JobState.QUEUED, within=200)
    assert [b"first" in call.body for call in rig.submits()] == [True, True, True, False]


async def test_a_submit_whose_sign_in_goes_wrong_was_not_sent(rig: Rig) -> None:
    engine = await rig.start()
    rig.sim.inject("7g", Reply(500, b"oops"), method="POST", path="/User/Login", times=None)
    outcome = await submit(rig)
    assert rig.submits() == []
    intent = outcome.job.intent
    assert intent is not None
    assert intent.stage is Stage.WAITING
    assert "unsure" not in (outcome.job.message or "")
    assert outcome.exit_code is Exit.UNREACHABLE
    rig.sim._rules.clear()
    engine.poll()
    await rig.state(outcome.job, JobState.QUEUED, within=400)
    assert len(rig.submits()) == 1


async def test_each_repeat_of_a_submit_that_cannot_be_sent_is_one_line_of_history(rig: Rig) -> None:
    rig.account("main", base_url="http://127.0.0.1:1")
    await rig.start()
    job = (await submit(rig)).job
    assert job.intent is not None
    assert job.intent.tries > 3
    told = [event.what for event in await rig.ledger.history(job.id)]
    assert told[0] == "submit"
    assert "submit sent" not in told, "nobody could be reached, not even to sign in"
    assert len(told) == 1 + job.intent.tries


async def test_a_submit_without_a_key_is_told_as_not_sent_and_nothing_says_that_it_was(rig: Rig) -> None:
    engine = await rig.start()
    keys = rig.forget_key("main")
    outcome = await submit(rig)
    assert outcome.exit_code is Exit.CREDENTIALS
    said = "no credential for main: `reportdash login main` stores one"
    assert outcome.job.message == f"waits for a key: {said}"
    history = await rig.ledger.history(outcome.job.id)
    assert [event.what for event in history] == ["submit", "not sent"]
    assert not any("sending" in (event.message or "") for event in history)
    intent = outcome.job.intent
    assert intent is not None and (intent.stage, intent.tries) == (Stage.WAITING, 0)
    rig.environ |= {f"REPORTDASH_SECRET__MAIN__{name.upper()}": value for name, value in keys.items()}
    await engine.logged_in("main")
    engine.poll()
    await rig.state(outcome.job, JobState.QUEUED, within=200)
    told = [event.what for event in await rig.ledger.history(outcome.job.id)]
    assert told[:4] == ["submit", "not sent", "submit sent", "accepted"]
    assert len(rig.submits()) == 1
