"""What one process must not do to another that works on the same accounts."""

from __future__ import annotations

from typing import Any

import pytest

from reportdash.errors import Exit, Problem
from reportdash.ledger import Ledger
from reportdash.ledger.problems import DiskFull
from reportdash.model import ArtifactState, Health, Job, JobState, Stage, replace
from reportdash.simulator import Hang
from tests.engine.rig import SPEC, Rig


async def test_a_process_without_a_credential_stops_nobody_who_has_one(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    job = await rig.follow(1)
    first.poll()
    await rig.state(job, JobState.RUNNING)
    keys, rig.environ = rig.environ, {}
    second = await rig.another(owner="elsewhere:2")
    rig.environ = keys
    second.poll()
    await rig.passes(60)
    assert first.polled_here() == {"main"}
    assert (await rig.row()).health is Health.OK
    assert second.refused_here() == {}  # the account is polled: that is followed
    looks = len(rig.looks())
    await rig.passes(60)
    assert len(rig.looks()) > looks


async def test_a_wrong_key_elsewhere_costs_the_one_who_has_the_right_one_a_sign_in(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    job = await rig.follow(1)
    first.poll()
    await rig.state(job, JobState.RUNNING)
    keys, rig.environ = rig.environ, {**rig.environ, "REPORTDASH_SECRET__MAIN__PASSWORD": "wrong"}
    second = await rig.another(owner="elsewhere:2")
    rig.environ = keys
    outcome = await rig.finish(second.submit("main", SPEC))
    assert outcome.exit_code is Exit.CREDENTIALS

    async def sent() -> bool:  # by the one whose credential works
        return (await rig.job(outcome.job)).reference is not None

    await rig.until(sent, within=120)
    assert (await rig.row()).health is Health.OK
    assert first.polled_here() == {"main"}


async def test_a_submit_under_way_when_the_lease_is_lost_comes_to_its_end(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    other = await rig.another(owner="elsewhere:2")
    for number in range(1, 11):
        await rig.follow(number)
    waits = (await rig.finish(first.submit("main", SPEC))).job
    assert waits.intent is not None
    assert waits.intent.stage is Stage.WAITING
    slow = Hang(act=True)
    rig.sim.inject("7g", slow, method="POST", path="/Report")
    first.poll()
    rig.sim.script("7g", (await rig.ledger.jobs())[-1].reference or "", ["complete"])
    await rig.until(slow.arrived.is_set)
    fence = first._poller.fence("main")
    assert fence is not None
    await first.ledger.release(fence)
    taken = await other.ledger.take_lease("main")
    assert taken is not None
    await rig.passes(20)
    slow.release()

    async def known() -> bool:
        row = await rig.job(waits)
        return row.reference is not None and row.intent is None

    await rig.until(known, within=120)
    assert len(rig.submits()) == 1


async def test_what_became_ready_just_before_a_leader_died_is_saved_by_the_next(rig: Rig) -> None:
    rig.account("main", auto_download=True)
    first = await rig.start(owner="elsewhere:1")
    job = await rig.follow(1)
    first.poll()
    await rig.state(job, JobState.RUNNING)
    second = await rig.another(owner="elsewhere:2")
    second.poll()
    await rig.passes(10)
    first.downloads.start = lambda *_, **__: None  # type: ignore[method-assign]  # killed before it began
    rig.sim.script("7g", job.reference or "", ["complete"])
    await rig.state(job, JobState.READY, within=120)
    await rig.passes(5)
    await first.stop()
    await rig.until(lambda: second.polled_here() == {"main"}, within=60)

    async def saved() -> bool:
        artifact = (await rig.job(job)).artifact
        return artifact is not None and artifact.state is ArtifactState.SAVED

    await rig.until(saved, within=120)


async def test_an_act_its_living_process_gave_up_is_settled_by_whoever_polls(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    first.poll()
    await rig.until(lambda: first.polled_here())
    second = await rig.another(owner="elsewhere:2")
    hang = Hang(act=True)
    rig.sim.inject("7g", hang, method="POST", path="/Report")
    task = rig.begin(second.submit("main", SPEC))
    await rig.until(hang.arrived.is_set)
    task.cancel()
    (row,) = await rig.ledger.jobs()

    async def unsure() -> bool:
        intent = (await rig.job(row)).intent
        return intent is not None and intent.stage is Stage.UNSURE

    await rig.until(unsure, within=50)
    hang.release()
    assert len(rig.submits()) == 1


async def test_an_accepted_submit_is_kept_although_the_ledger_was_out_of_reach(rig: Rig) -> None:
    engine = await rig.start()
    change, tries = engine.ledger.change, []

    async def sometimes(job_id: str, fn: Any, **how: Any) -> Job:
        if how.get("what") == "accepted":
            tries.append(job_id)
            if len(tries) < 4:
                raise Problem("no space is left")
        return await change(job_id, fn, **how)

    engine.ledger.change = sometimes  # type: ignore[method-assign,assignment]
    outcome = await rig.finish(engine.submit("main", SPEC))
    assert outcome.exit_code is Exit.OK
    assert (await rig.job(outcome.job)).reference is not None


async def test_a_viewer_can_do_all_that_the_poller_can(rig: Rig) -> None:
    """Submit, download, delete, track, pause and log in, from a process that polls nothing."""
    leader = await rig.start(owner="elsewhere:1")
    leader.poll()
    await rig.until(lambda: leader.polled_here() == {"main"})
    viewer = await rig.another(owner="elsewhere:2")
    viewer.poll()
    await rig.passes(5)
    rig.sim.script("7g", None, ["complete"])
    sent = (await rig.finish(viewer.submit("main", SPEC))).job
    reference = rig.at_vendor(5)
    tracked = await viewer.track("main", reference)
    await rig.state(sent, JobState.READY, within=120)
    await rig.state(tracked, JobState.RUNNING, within=120)
    saved = await rig.finish(viewer.downloads.fetch(sent.id))
    assert saved.ok, saved.text
    outcome = await rig.finish(viewer.delete(sent.id))
    assert outcome.exit_code is Exit.OK
    assert (await leader.ledger.job(sent.id) or sent).state is JobState.DELETED
    await rig.finish(viewer.pause("main", True))
    await rig.until(lambda: leader.polled_here() == set())
    looks = len(rig.looks())
    await rig.passes(60)
    assert len(rig.looks()) == looks
    await rig.finish(viewer.pause("main", False))
    await rig.until(lambda: leader.polled_here() | viewer.polled_here() == {"main"}, within=60)
    await rig.until(lambda: len(rig.looks()) > looks, within=120)
    await rig.finish(viewer.logged_in("main"))
    await rig.finish(viewer.forget(sent.id))
    assert [job.id for job in await leader.ledger.jobs()] == [tracked.id]
    assert len(rig.submits()) == 1
    assert len(rig.deletes()) == 1


async def test_on_a_full_disk_no_vendor_is_asked_for_what_could_not_be_kept(rig: Rig) -> None:
    engine = await rig.start()
    job = await rig.follow(1)
    engine.poll()
    await rig.state(job, JobState.RUNNING)
    store = rig.ledger.store
    commit, room = store.commit, False

    def full(changes: Any, **how: Any) -> Any:
        if not room:
            raise DiskFull("the disk is full")
        return commit(changes, **how)

    store.commit = full  # type: ignore[method-assign]
    await rig.passes(120)
    assert rig.ledger.full
    looks = len(rig.looks())
    await rig.passes(600)
    assert len(rig.looks()) - looks <= 2
    rig.sim.script("7g", job.reference or "", ["complete"])
    room = True
    await rig.state(job, JobState.READY, within=120)
    assert not rig.ledger.full


async def test_accounts_a_full_disk_did_not_take_at_the_start_are_polled_when_there_is_room(rig: Rig) -> None:
    ensure, tries = Ledger.ensure_accounts, []

    async def sometimes(self: Ledger, names: Any) -> None:
        tries.append(names)
        if len(tries) < 4:
            raise DiskFull("the disk is full")
        await ensure(self, names)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "ensure_accounts", sometimes)
        engine = await rig.start()
        engine.poll()
        await rig.until(lambda: engine.polled_here() == {"main"}, within=60)
    assert len(tries) == 4


async def test_of_two_processes_that_take_up_one_submit_at_once_one_sends_it(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    second = await rig.another(owner="elsewhere:2")
    for number in range(1, 11):
        await rig.follow(number)
    waits = (await rig.finish(first.submit("main", SPEC))).job
    taken = [
        await engine._intents.claim(waits, lambda row, _: replace(row, message="sending"), what="")
        for engine in (first, second)
    ]
    assert [claimed is not None for claimed in taken] == [True, False]
    intent = (await rig.job(waits)).intent
    assert intent is not None
    assert intent.owner == "elsewhere:1"
