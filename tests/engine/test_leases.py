"""Several processes, one ledger: an account is polled by one of them at a time."""

from __future__ import annotations

import asyncio

import pytest

from reportdash.errors import LeaseLost, Problem
from reportdash.model import JobState, replace
from reportdash.simulator import Hang
from tests.engine.rig import Rig


async def test_one_process_polls_and_the_other_follows(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    second = await rig.another(owner="elsewhere:2")
    job = await rig.follow(1)
    first.poll()
    await rig.state(job, JobState.RUNNING)
    second.poll()
    await rig.passes(60)
    assert first.polled_here() == {"main"}
    assert second.polled_here() == set()
    times = [call.at for call in rig.looks()]
    assert len(times) == len(set(times))


async def test_a_follower_takes_over_when_the_leader_ends(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    second = await rig.another(owner="elsewhere:2")
    await rig.follow(1)
    first.poll()
    await rig.until(lambda: first.polled_here())
    second.poll()
    await rig.passes(10)
    await first.stop()
    await rig.until(lambda: second.polled_here() == {"main"}, within=10)


async def test_a_lease_is_renewed_long_before_it_ends(rig: Rig) -> None:
    engine = await rig.start()
    engine.poll()
    await rig.until(lambda: engine.polled_here())
    for _ in range(12):
        await rig.passes(10)
        lease = (await rig.row()).lease_until
        assert lease is not None
        assert lease - rig.clock.now() > 15


async def test_a_process_that_lost_its_lease_writes_nothing_more_and_follows(rig: Rig) -> None:
    first = await rig.start(owner="elsewhere:1")
    job = await rig.follow(1)
    first.poll()
    await rig.state(job, JobState.RUNNING)
    rig.sim.script("7g", job.reference or "", ["complete"])
    slow = Hang(act=True)
    rig.sim.inject("7g", slow, path="/Report/Status*")
    await first.poll_now([job.id])
    await rig.until(slow.arrived.is_set)
    fence = first._poller.fence("main")
    assert fence is not None
    # As after a long stop of the whole process: the lease ran out, somebody else polls.
    other = await rig.another(owner="elsewhere:2")
    await first.ledger.release(fence)
    taken = await other.ledger.take_lease("main")
    assert taken is not None
    slow.release()
    await rig.until(lambda: not first.polled_here())
    await rig.passes(20)
    assert (await rig.job(job)).state is JobState.RUNNING
    with pytest.raises(LeaseLost):
        await first.ledger.change(job.id, lambda row: replace(row, name="x"), fence=fence)
    assert (await rig.row()).owner == "elsewhere:2"
    await other.ledger.release(taken)
    await rig.until(lambda: first.polled_here() == {"main"}, within=40)
    await rig.state(job, JobState.READY)


async def test_stopping_gives_the_leases_back(rig: Rig) -> None:
    rig.account("funds")
    engine = await rig.start()
    engine.poll()
    await rig.until(lambda: engine.polled_here() == {"main", "funds"})
    await engine.stop()
    assert [row.owner for row in await rig.ledger.accounts()] == [None, None]


@pytest.mark.parametrize("how", ["a stumble", "a stop"])
async def test_a_poller_that_ends_just_as_it_begins_gives_its_lease_back(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    engine = await rig.start()
    begun, go = asyncio.Event(), asyncio.Event()
    rescued_at = engine.ledger.rescued_at

    async def slow() -> float | None:
        if not begun.is_set():
            begun.set()
            await go.wait()
            raise Problem("the ledger is locked for long")
        return await rescued_at()

    monkeypatch.setattr(engine.ledger, "rescued_at", slow)
    engine.poll()
    await rig.until(begun.is_set)
    assert (await rig.row()).owner is not None
    if how == "a stop":
        await engine.stop()
    go.set()
    await rig.settle()
    assert engine.polled_here() == set()
    assert (await rig.row()).owner is None


async def test_stopping_does_not_wait_for_a_vendor_that_hangs(rig: Rig) -> None:
    engine = await rig.start()
    await rig.follow(1)
    hang = Hang()
    rig.sim.inject("7g", hang, path="/Report/Status*", times=None)
    engine.poll()
    await rig.until(hang.arrived.is_set)
    await engine.stop()
    assert engine.polled_here() == set()
    assert (await rig.row()).owner is None


async def test_a_worker_whose_ledger_fails_while_it_is_given_up_does_not_live_on(rig: Rig) -> None:
    engine = await rig.start()
    await rig.follow(1)
    engine.poll()
    await rig.until(lambda: bool(engine.polled_here()))
    tasks = list(engine._poller._tasks.values())
    await rig.ledger.close()
    await engine.stop()
    assert [task for task in tasks if not task.done()] == []
