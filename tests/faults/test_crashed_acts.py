"""A process that ends in the middle of a submit or a delete: nothing is done twice, nothing is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.engine.runtime import Engine
from reportdash.model import Job, JobState, Spec, Stage
from reportdash.simulator import Simulator
from tests.engine.rig import START, Rig

STEPS = 6
"""Ledger writes and vendor calls of one act, each with a moment before and one after."""


class Killed(BaseException):
    """The process is gone: nothing after this moment happens."""


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    clock = ManualClock(START)
    async with Simulator(now=clock.now) as sim:
        made = Rig(sim, clock, tmp_path)
        yield made
        await made.close()


def dies(engine: Engine, account: str, at: int) -> Callable[[], int]:
    """Let the engine die before (even) or after (odd) its `at // 2`-th step. How many steps it came."""
    steps, dead = 0, False

    def mortal(room: Any, name: str) -> None:
        real = getattr(room, name)

        async def step(*args: Any, **how: Any) -> Any:
            nonlocal steps, dead
            mine, steps = steps, steps + 1
            dead = dead or mine * 2 == at
            if dead:  # and for ever: nothing that tidies up comes to it
                raise Killed
            result = await real(*args, **how)
            dead = mine * 2 + 1 == at
            if dead:
                raise Killed
            return result

        setattr(room, name, step)

    mortal(engine.ledger, "add")
    mortal(engine.ledger, "change")
    mortal(engine.seat(account).vendor, "submit")
    mortal(engine.seat(account).vendor, "delete")
    return lambda: steps


async def perish(rig: Rig, work: Any) -> None:
    """Run the act to its death, or to its end."""
    task = asyncio.ensure_future(work)
    await rig.until(task.done)
    with suppress(Killed):
        task.result()


async def survivor(rig: Rig) -> Engine:
    """Another process, a while after the first one died: its heartbeat has grown old."""
    await rig.passes(90)
    rig.engine = await rig.another(owner="elsewhere:2:0:two")
    rig.engine.poll()
    return rig.engine


@pytest.mark.parametrize("at", range(2 * STEPS))
@pytest.mark.parametrize("kind", ["7g", "7g idempotent", "webadmit"])
async def test_a_submit_is_never_made_twice_and_never_forgotten(rig: Rig, kind: str, at: int) -> None:
    account, spec = ("admissions", Spec("86446")) if kind == "webadmit" else ("main", Spec("Valuation"))
    rig.account(account, **({"idempotent": True} if "idempotent" in kind else {}))
    rig.sim.seveng.idempotent = "idempotent" in kind
    vendor = kind.split()[0]
    rig.sim.script(vendor, None, ["In Progress" if vendor == "webadmit" else "incomplete"])
    engine = await rig.start(owner="elsewhere:1:0:one")
    reached = dies(engine, account, at)
    await perish(rig, engine.submit(account, spec))
    await survivor(rig)
    await rig.passes(300)
    made = list(rig.sim.world.of(vendor, account))
    assert len(made) <= 1
    rows = await rig.ledger.jobs()
    if at == 0:  # it died before the ledger knew: nothing was sent
        assert (rows, made) == ([], [])
        return
    (row,) = rows
    if row.reference is not None:
        assert [job.reference for job in made] == [row.reference]
        assert row.state is JobState.RUNNING
    else:
        assert row.state is JobState.SUBMITTING
        assert row.intent is not None
        assert row.intent.stage is Stage.UNSURE
        assert (row.message or "").startswith("unsure: sent ")
    if made:
        assert row.reference is not None or row.intent is not None
    assert reached() > 0


@pytest.mark.parametrize("at", range(2 * STEPS))
async def test_a_delete_that_was_begun_is_finished_and_ends_deleted(rig: Rig, at: int) -> None:
    rig.account("main")
    engine = await rig.start(owner="elsewhere:1:0:one")
    job: Job = await rig.seen(await rig.follow(1, "running"), JobState.RUNNING)
    dies(engine, "main", at)
    await perish(rig, engine.delete(job.id))
    await survivor(rig)
    await rig.passes(300)
    row = await rig.job(job)
    if at == 0:  # it died before the ledger knew
        assert row.state is JobState.RUNNING
        assert rig.deletes() == []
        return
    assert row.state is JobState.DELETED
    assert row.deleted_by_us
    assert row.intent is None
    assert len(rig.deletes()) == 1
