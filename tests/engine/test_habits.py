"""Learning how long a report takes: fewer looks, and nobody waits much longer for them."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from reportdash.engine import schedule
from reportdash.engine.habits import FEWEST, LONGEST_SILENCE, Habit, Habits
from reportdash.model import Job, JobState, Spec, replace
from reportdash.vendors.contract import PollPolicy
from tests.engine.rig import Rig

NOW = 1_790_000_000.0
POLICY = PollPolicy(5, 30)


def job(age: float = 0.0, state: JobState = JobState.RUNNING, **more: object) -> Job:
    fields: dict[str, object] = {"spec": Spec("Valuation"), "reference": "r", "submitted_at": NOW - age}
    return Job(id="abc234", account="main", vendor="7g", name="n", state=state, **{**fields, **more})  # type: ignore[arg-type]


def taught(*seconds: float) -> Habits:
    habits = Habits()
    habits.seed("main", [("Valuation", each) for each in seconds])
    return habits


def test_nothing_is_concluded_from_few_jobs() -> None:
    assert taught(*[240.0] * (FEWEST - 1)).of(job()) is None
    assert taught(*[240.0] * FEWEST).of(job()) is not None


def test_a_report_that_always_takes_as_long_is_left_alone_until_shortly_before() -> None:
    habit = taught(*[2400.0] * 20).of(job())
    assert habit is not None
    assert 1600 < habit.quiet < 2400


def test_scatter_makes_it_careful() -> None:
    steady = taught(*[200.0, 240.0] * 10).of(job())
    wild = taught(*[60.0, 960.0] * 10).of(job())
    assert steady is not None
    assert wild is not None
    assert wild.quiet < steady.quiet / 2


def test_jobs_started_elsewhere_teach_nothing_and_are_not_judged() -> None:
    habits = taught(*[240.0] * 20)
    assert habits.of(job(tracked=True)) is None
    assert habits.of(job(spec=None)) is None
    assert habits.of(job(spec=Spec("Other"))) is None
    fresh = Habits()
    for _ in range(9):
        fresh.learn(job(60, tracked=True), job(60, JobState.READY, tracked=True), NOW)
    assert fresh.of(job()) is None


def test_only_a_report_that_came_teaches() -> None:
    habits = Habits()
    for state in (JobState.FAILED, JobState.CANCELLED, JobState.LOST, JobState.DELETED, JobState.RUNNING):
        for _ in range(FEWEST):
            habits.learn(job(60), job(60, state), NOW)
    assert habits.of(job()) is None
    for _ in range(FEWEST):
        habits.learn(job(60), job(60, JobState.EMPTY), NOW)
    assert habits.of(job()) is not None


@given(
    st.lists(st.floats(0.1, 1e6), min_size=FEWEST, max_size=40),
    st.floats(0, 1e6),
    st.floats(0, 1, exclude_max=True),
)
def test_no_silence_is_longer_than_ten_minutes(past: list[float], age: float, chance: float) -> None:
    row = job(age)
    at = schedule.after_look(row, POLICY, NOW, lambda: chance, taught(*past).of(row))
    assert at is not None
    assert NOW < at <= NOW + LONGEST_SILENCE
    assert not schedule.too_far(replace(row, next_poll_at=at), POLICY, NOW, None)


def test_a_long_silence_is_preceded_by_one_early_look() -> None:
    habit = Habit(1800.0)
    assert habit.next_look(0.0, 5.0) == 30.0
    assert habit.next_look(30.0, 6.0) == LONGEST_SILENCE


def _life(length: float, habits: Habits | None, draw: random.Random) -> tuple[int, float]:
    """(looks, seconds from its end to the look that saw it) of one job."""
    looks, age = 0, 0.0
    row = job()
    while True:
        habit = habits.of(row) if habits is not None else None
        at = schedule.after_look(job(age), POLICY, NOW, draw.random, habit)
        assert at is not None
        age += at - NOW
        looks += 1
        if age >= length:
            if habits is not None:
                before = job(age, seen_at=None if looks == 1 else NOW - (at - NOW))
                habits.learn(before, job(age, JobState.READY), NOW)
            return looks, age - length


def _compare(spread: float) -> tuple[float, float]:
    """(looks, 90th percentile of the added wait) with learning, each as a share of that without."""
    draw = random.Random(7)
    counts, waits = [0, 0], ([], [])  # type: tuple[list[int], tuple[list[float], list[float]]]
    for _ in range(30):
        median = 240 * math.exp(math.sqrt(1.4**2 - spread**2) * draw.gauss(0, 1))
        habits = Habits()
        for nth in range(40):
            length = median * math.exp(spread * draw.gauss(0, 1))
            for place, memory in enumerate((None, habits)):
                looks, wait = _life(length, memory, draw)
                if nth >= 15:
                    counts[place] += looks
                    waits[place].append(wait)
    late = [sorted(each)[int(len(each) * 0.9)] for each in waits]
    return counts[1] / counts[0], late[1] / late[0]


def test_steady_reports_cost_a_quarter_of_the_looks_and_no_more_waiting() -> None:
    looks, wait = _compare(0.15)
    assert looks < 0.3
    assert wait < 1.1


def test_scattered_reports_cost_no_more_looks_and_no_more_waiting() -> None:
    looks, wait = _compare(1.0)
    assert looks < 0.95
    assert wait < 1.1


async def test_the_engine_learns_from_its_own_jobs_and_from_the_ledger(rig: Rig) -> None:
    engine = await rig.start()
    for _ in range(FEWEST):
        rig.sim.script("7g", None, ["incomplete"] * 12 + ["complete"])
        done = (await rig.finish(engine.submit("main", Spec("Valuation")))).job
        engine.poll()
        await rig.state(done, JobState.READY)
    first = len(rig.looks(done.reference))
    rig.sim.script("7g", None, ["incomplete"])
    later = (await rig.finish(engine.submit("main", Spec("Valuation")))).job
    assert later.next_poll_at is not None
    assert later.next_poll_at - rig.clock.now() > 20
    assert first >= 12
    await engine.stop()
    again = await rig.another(owner="elsewhere:2")
    again.poll()
    await rig.until(lambda: again.polled_here())
    await rig.settle()
    assert again.core.habits.of(later) is not None


async def test_an_interval_from_the_config_is_kept(rig: Rig) -> None:
    rig.account("main", poll_max=15)
    engine = await rig.start()
    engine.core.habits.seed("main", [("Valuation", 3000.0)] * 20)
    outcome = await rig.finish(engine.submit("main", Spec("Valuation")))
    assert outcome.job.next_poll_at is not None
    assert outcome.job.next_poll_at - rig.clock.now() <= 15
