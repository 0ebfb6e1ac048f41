"""A process that ends in the middle of a submit or a delete: nothing is done twice, nothing is forgotten.

REPORTDASH_FAULTS multiplies the rounds with drawn crashes; a round has twenty submits.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.engine.runtime import Engine
from reportdash.model import Job, JobState, Spec, Stage
from reportdash.simulator import Cut, Half, Lost, Reply, Reset, Simulator
from tests.engine.rig import START, Rig

ROUNDS = 2 * int(os.environ.get("REPORTDASH_FAULTS", "1"))
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


class Mortal:
    """An engine that dies before (even) or after (odd) its `at // 2`-th write or request from now on."""

    def __init__(self, engine: Engine, at: int) -> None:
        self.dead = False
        self._at = at
        self._steps = 0
        self._buried = asyncio.Event()
        self._wrap(engine.ledger._thread, "write")
        engine.ledger._thread._beat_at = math.inf  # no heart beats on behind its back
        for seat in engine.accounts.values():
            self._wrap(seat.client._wire, "call")

    def bury(self) -> None:
        """What stands still goes on to its end, and what tidies up after the test is not held up."""
        self._buried.set()

    def _wrap(self, room: Any, name: str) -> None:
        real = getattr(room, name)

        async def step(*args: Any, **how: Any) -> Any:
            mine, self._steps = self._steps, self._steps + 1
            self.dead = self.dead or mine * 2 == self._at
            await self._stand_still()
            result = await real(*args, **how)
            self.dead = self.dead or mine * 2 + 1 == self._at
            await self._stand_still()  # it is done, and nobody has heard of it
            return result

        setattr(room, name, lambda *args, **how: asyncio.ensure_future(step(*args, **how)))

    async def _stand_still(self) -> None:
        if self.dead and not self._buried.is_set():
            await self._buried.wait()
            raise Killed


VENDORS = {"7g": "/Report", "webadmit": "*/export_files", "talkdesk": "*/jobs", "sigma": "*/generate"}
WORDS = {"7g": "complete", "webadmit": "In Progress", "talkdesk": "done", "sigma": "PUBLISHED"}
SUBMITS = [
    *(
        ("7g", account, f"{account}-{n}", Spec(f"{account}-{n}"))
        for account in ("main", "funds", "trusts")
        for n in range(5)
    ),
    ("webadmit", "admissions", "one", Spec("86446")),
    *(
        ("talkdesk", account, "one", Spec("calls", {}, "csv", "2026-08-01", "2026-09-01"))
        for account in ("calls", "support")
    ),
    *(("sigma", account, "one", Spec("AccountTransaction")) for account in ("billing", "treasury")),
]


def drawn_fault(die: random.Random) -> Any:
    """What becomes of a submit on its way: done and told otherwise, not done, refused, put off."""
    return die.choice(
        [
            *(Lost(), Lost(), Reset(), Cut(after=die.randrange(40)), Half()),
            Reply(500, b"<html>oops</html>", {"Content-Type": "text/html"}),
            Reply(503, b""),
            Reply(429, b"{}", {"Retry-After": str(die.randrange(30))}),
            Reply(409, b"{}"),
            Reply(200, b"not yet"),
        ]
    )


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_whatever_crashes_and_answers_are_drawn_no_submit_is_made_twice(rig: Rig, seed: int) -> None:
    """Twenty submits at once; the process that sends them dies, mostly the one that takes them up as well."""
    die = random.Random(seed)
    idempotent = die.random() < 0.5
    rig.sim.seveng.idempotent = idempotent
    for vendor, account, _, _ in SUBMITS:
        rig.account(account, **({"idempotent": True} if idempotent and vendor == "7g" else {}))
        rig.sim.script(vendor, None, [WORDS[vendor]], account)
    for vendor, path in VENDORS.items():
        for _ in range(die.randrange(5)):
            nth, times = die.randint(1, 12), die.randint(1, 3)
            rig.sim.inject(vendor, drawn_fault(die), method="POST", path=path, nth=nth, times=times)
    mortals: list[Mortal] = []
    try:
        await perish_twice(rig, die, mortals)
        await none_is_made_twice_or_forgotten(rig)
    finally:
        for mortal in mortals:
            mortal.bury()


async def perish_twice(rig: Rig, die: random.Random, mortals: list[Mortal]) -> None:
    """Submit everything and die, take it up and die, and live."""
    first = await rig.start(owner="elsewhere:1:0:one")
    mortals.append(Mortal(first, die.randrange(2, 12 * len(SUBMITS))))
    acts = [
        asyncio.ensure_future(first.submit(account, spec, name=name)) for _, account, name, spec in SUBMITS
    ]
    await rig.until(lambda: mortals[0].dead or all(act.done() for act in acts))
    await rig.passes(die.uniform(61, 120))
    if die.random() < 0.7:
        second = await rig.another(owner="elsewhere:2:0:two")
        mortals.append(Mortal(second, die.randrange(14 * len(SUBMITS))))
        second.poll()
        await rig.passes(die.uniform(1, 150))
    rig.engine = await rig.another(owner="elsewhere:3:0:three")
    rig.engine.poll()
    await rig.passes(200)


async def none_is_made_twice_or_forgotten(rig: Rig) -> None:
    rows = {(row.account, row.name): row for row in await rig.ledger.jobs()}
    assert len(rows) == len(await rig.ledger.jobs())
    for vendor, account, name, spec in SUBMITS:
        made = [
            job for job in rig.sim.world.of(vendor, account) if vendor != "7g" or job.report == spec.report
        ]
        row = rows.get((account, name))
        assert len(made) <= 1, f"{account} {name}: made {len(made)} times"
        assert row is not None or not made, f"{account} {name}: forgotten"
        if row is not None and row.reference is not None:
            assert [job.reference for job in made] == [row.reference]
        elif row is not None and row.state is JobState.SUBMITTING:
            assert row.intent is not None and row.intent.stage is not Stage.SENDING
            assert row.intent.stage is Stage.UNSURE or not made, f"{account} {name}: {row.message}"
        elif row is not None:
            assert row.state is JobState.FAILED and not made, f"{account} {name}: {row.state}"


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
