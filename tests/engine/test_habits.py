"""Learning how long a report takes: fewer looks, and nobody waits longer for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.durations import FEWEST, Took, Usual, usual
from reportdash.engine import schedule
from reportdash.engine.habits import Habits
from reportdash.model import Job, JobState, Spec, replace
from reportdash.vendors.contract import PollPolicy
from tests.bench.schedule import ratios
from tests.engine.rig import Rig

NOW = 1_790_000_000.0
POLICY = PollPolicy(5, 30)
policies = st.builds(lambda low, more: PollPolicy(low, low + more), st.floats(0.01, 600), st.floats(0, 3600))
usuals = st.builds(
    lambda early, more, spread: Usual(early, early * more, early * more**2, 0.0, spread),
    st.floats(0.05, 1e5),
    st.floats(1, 100),
    st.floats(0.05, 4),
)


def job(age: float = 0.0, state: JobState = JobState.RUNNING, **more: object) -> Job:
    fields: dict[str, object] = {"spec": Spec("Valuation"), "reference": "r", "submitted_at": NOW - age}
    return Job(id="abc234", account="main", vendor="7g", name="n", state=state, **{**fields, **more})  # type: ignore[arg-type]


def taught(*spans: Took) -> Habits:
    habits = Habits()
    habits.seed("main", [("Valuation", span) for span in spans])
    return habits


def test_nothing_is_expected_before_twenty_jobs_have_finished() -> None:
    assert taught(*[(235.0, 240.0)] * (FEWEST - 1)).of(job()) is None
    assert taught(*[(235.0, 240.0)] * FEWEST).of(job()) is not None


def test_the_first_look_comes_at_the_5th_percentile_even_beyond_poll_max() -> None:
    row = job()
    known = taught(*[(2390.0, 2400.0)] * 20).of(row)
    assert known is not None
    at = schedule.after_look(row, POLICY, NOW, lambda: 0.5, known)
    assert at == NOW + known.early
    assert 2300 < known.early < 2400


def test_what_jobs_of_other_reports_and_accounts_took_is_no_matter() -> None:
    habits = taught(*[(235.0, 240.0)] * 20)
    assert habits.of(replace(job(), account="other")) is None
    assert habits.of(job(spec=Spec("Other"))) is None
    assert habits.of(job(tracked=True)) is None


@pytest.mark.parametrize("state", sorted(set(JobState) - {JobState.QUEUED, JobState.RUNNING}))
def test_only_a_job_on_its_usual_way_is_left_alone(state: JobState) -> None:
    assert taught(*[(2390.0, 2400.0)] * 20).of(job(state=state)) is None


def test_a_finished_job_is_learnt_from_once() -> None:
    habits = taught(*[(235.0, 240.0)] * (FEWEST - 1))
    before, after = job(240.0), job(240.0, JobState.READY, took=(230.0, 240.0))
    habits.learn(before, before)
    assert habits.of(job()) is None
    habits.learn(before, after)
    assert habits.of(job()) is not None
    again = taught()
    for _ in range(FEWEST):
        again.learn(after, after)
    assert again.of(job()) is None


@given(usuals, policies, st.floats(0, 1e6))
def test_the_pause_has_its_bounds_whatever_was_learnt(known: Usual, policy: PollPolicy, age: float) -> None:
    step = schedule.learnt_step(known, policy, age)
    assert step >= policy.poll_min
    if age < known.early:
        assert step == max(known.early - age, policy.poll_min)
    else:
        assert step <= max(policy.poll_max, min(0.07 * age, 600.0)) + 1e-9


def test_looks_come_close_around_the_usual_end_and_seldom_long_after() -> None:
    known = usual([(235.0, 245.0)] * 10 + [(220.0, 230.0)] * 10 + [(250.0, 260.0)] * 10)
    assert known is not None
    around, long_after = (schedule.learnt_step(known, POLICY, age) for age in (known.median, 7200.0))
    assert around <= 20
    assert long_after > 60
    ages = [known.early + 5 * n for n in range(2000)]
    assert all(schedule.learnt_step(known, POLICY, age) <= 600 for age in ages)


@given(usuals, policies, st.floats(0, 1e6), st.floats(0, 1, exclude_max=True))
def test_nothing_that_was_learnt_counts_as_a_jumped_clock(
    known: Usual, policy: PollPolicy, age: float, chance: float
) -> None:
    row = job(age)
    at = schedule.after_look(row, policy, NOW, lambda: chance, known)
    assert at is not None and at > NOW
    assert not schedule.too_far(replace(row, next_poll_at=at), policy, NOW, None, usual=known)
    assert not schedule.too_far(replace(row, next_poll_at=at), policy, at - 0.001, None, usual=known)


def test_learning_costs_fewer_looks_and_no_more_waiting() -> None:
    """The figures to reach; the virtual clock makes them the same on every machine."""
    reach = {0.15: 1 / 4, 0.3: 1 / 3, 0.6: 0.65, 1.0: 0.9}
    for spread, share, _ in ratios(types=80, jobs=10, seed=7):
        assert share.looks <= reach[spread], spread
        assert share.wait_p90 <= 1.0, spread


async def test_the_engine_learns_from_its_own_jobs_and_again_from_the_ledger(rig: Rig) -> None:
    engine = await rig.start()
    engine.poll()
    for _ in range(FEWEST):
        rig.sim.script("7g", None, ["incomplete"] * 3 + ["complete"])
        done = (await rig.finish(engine.submit("main", Spec("Valuation")))).job
        await rig.state(done, JobState.READY)
    took = [job.took for job in await rig.ledger.jobs()]
    assert all(span is not None and 10 < span[0] < span[1] for span in took)
    rig.sim.script("7g", None, ["incomplete"] * 3 + ["complete"])
    later = (await rig.finish(engine.submit("main", Spec("Valuation")))).job
    known = engine.core.habits.of(later)
    assert known is not None
    assert later.next_poll_at == pytest.approx(rig.clock.now() + known.early)
    assert not rig.looks(later.reference)
    await engine.stop()
    again = await rig.another(owner="elsewhere:2")
    again.poll()
    await rig.until(lambda: again.polled_here())
    await rig.settle()
    seeded = again.core.habits.of(later)
    assert seeded is not None and seeded.early == pytest.approx(known.early)
    assert not rig.looks(later.reference), "a restart gives the patience up"


async def test_a_report_deleted_after_it_was_saved_is_remembered(rig: Rig) -> None:
    engine = await rig.start()
    engine.poll()
    rig.sim.script("7g", None, ["incomplete", "complete"])
    done = (await rig.finish(engine.submit("main", Spec("Valuation")))).job
    await rig.state(done, JobState.READY)
    await rig.finish(engine.delete(done.id, unsaved=True))
    assert [report for report, _ in await rig.ledger.durations("main")] == ["Valuation"]
