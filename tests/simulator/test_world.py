"""How jobs go on: by time and chance that repeats, by a script, at a rate, or not at all."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from reportdash.simulator import Simulator
from reportdash.simulator.world import Job, Stage, World

from .conftest import Clock


def words(sim: Simulator, clock: Clock, job: Job, seconds: int = 400) -> list[str]:
    """The word the job has each second."""
    seen = []
    for _ in range(seconds):
        seen.append(sim.world.peek(job).word)
        clock.advance(1)
    return seen


def submitted(sim: Simulator, count: int = 1) -> list[Job]:
    vendor = sim.talkdesk
    account = vendor.accounts["calls"]
    return [vendor.create(account, f"calls/{number}", "calls", "calls") for number in range(count)]


def test_the_same_seed_gives_the_same_courses() -> None:
    def courses(seed: int) -> list[tuple[Stage, ...]]:
        return [job.plan for job in submitted(Simulator(seed), 20)]

    assert courses(7) == courses(7)
    assert courses(7) != courses(8)


def test_a_job_takes_a_quarter_to_four_minutes_and_ends_for_good(clock: Clock) -> None:
    sim = Simulator(now=clock)
    for job in submitted(sim, 200):
        assert 15 <= job.plan[-1].after <= 270
        assert [stage.after for stage in job.plan] == sorted(stage.after for stage in job.plan)
    job = submitted(sim)[0]
    seen = words(sim, clock, job)
    assert seen[0] == "created"
    assert seen[-1] == job.plan[-1].word


def test_pace_makes_it_faster(clock: Clock) -> None:
    slow, fast = Simulator(now=clock), Simulator(now=clock, pace=100)
    job, same = submitted(slow)[0], submitted(fast)[0]
    clock.advance(3)
    assert slow.world.peek(job).word == "created"
    assert fast.world.peek(same) == job.plan[-1]


def test_fates_are_mixed(clock: Clock) -> None:
    ends = Counter(job.plan[-1].word for job in submitted(Simulator(now=clock), 400))
    assert set(ends) == {"done", "failed", "canceled", "deleted"}
    assert ends["done"] > 280
    odd = sum(any(stage.word == "archiving" for stage in job.plan) for job in submitted(Simulator(), 400))
    assert 0 < odd < 40


def test_a_script_takes_a_step_a_look_and_keeps_the_last(clock: Clock) -> None:
    sim = Simulator(now=clock)
    sim.script("talkdesk", None, ["created", "done"], account="support")
    sim.script("talkdesk", None, ["processing", "failed"])
    job = submitted(sim)[0]
    assert [sim.world.look(job).word for _ in range(3)] == ["processing", "failed", "failed"]
    assert sim.world.peek(job).word == "failed"
    sim.script("talkdesk", job.reference, ["done"])
    assert sim.world.look(job).word == "done"
    with pytest.raises(ValueError):
        sim.script("talkdesk", job.reference, [])
    with pytest.raises(KeyError):
        sim.script("talkdesk", "calls/none", ["done"])


@pytest.mark.parametrize(
    ("vendor", "reference", "stage", "word"),
    [
        ("7g", "a", "running", "incomplete"),
        ("7g", "a", "failed", "error"),
        ("7g", "a", "suspended", "suspended"),
        ("sigma", "a", "running", ""),
        ("sigma", "a", "finalizing", "GENERATED"),
        ("sigma", "a", "notify_failed", "NOTIFICATION_FAILED"),
        ("webadmit", "1/2", "ready_with_warnings", "Success With Errors"),
        ("webadmit", "1/2", "empty", "Empty List"),
        ("talkdesk", "calls/a", "cancelled", "canceled"),
        ("talkdesk", "calls/a", "unknown", "archiving"),
    ],
)
def test_known_jobs_stand_at_our_stage_in_the_vendors_word(
    clock: Clock, vendor: str, reference: str, stage: str, word: str
) -> None:
    sim = Simulator(now=clock)
    job = sim.add(vendor, reference, report="calls", stage=stage, age_s=300, name="One")
    assert sim.world.look(job).word == word
    assert job.submitted_at == clock.at - 300


def test_a_known_active_job_goes_on_from_its_stage(clock: Clock) -> None:
    sim = Simulator(now=clock)
    job = sim.add("talkdesk", "calls/a", report="calls", stage="processing", age_s=9000)
    seen = words(sim, clock, job)
    assert seen[0] == "processing"
    assert "created" not in seen
    assert seen[-1] in ("done", "failed", "canceled", "deleted")
    settled = sim.add("talkdesk", "calls/b", report="calls", stage="failed", message="Query cancelled.")
    assert set(words(sim, clock, settled)) == {"failed"}


def test_an_account_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        Simulator().add("7g", "a", "nobody")


@pytest.mark.parametrize(
    ("vendor", "reference"), [("webadmit", "12"), ("talkdesk", "calls"), ("talkdesk", "a/b/c")]
)
def test_a_reference_in_another_form_is_an_error(vendor: str, reference: str) -> None:
    with pytest.raises(ValueError):
        Simulator().add(vendor, reference)


def test_no_changes_means_none(clock: Clock) -> None:
    sim = Simulator(now=clock, changes=0)
    jobs = [sim.add("7g", str(n), report="X", stage=stage) for n, stage in enumerate(("queued", "running"))]
    jobs += submitted(sim)
    first = [sim.world.look(job) for job in jobs]
    clock.advance(3600)
    assert [sim.world.look(job) for job in jobs] == first


@pytest.mark.parametrize("rate", [0.5, 10, 60])
def test_changes_come_at_the_given_rate_among_active_words(clock: Clock, rate: float) -> None:
    sim = Simulator(now=clock, changes=rate)
    jobs = [sim.add("7g", f"g{n}", report="X", stage="running") for n in range(20)]
    jobs += [sim.add("talkdesk", f"calls/{n}", report="calls", stage="queued") for n in range(20)]
    jobs += [sim.add("sigma", f"s{n}", report="X", stage="running") for n in range(20)]
    jobs += [sim.add("webadmit", f"1/{n}", report="1", stage="queued") for n in range(20)]
    settled = sim.add("7g", "over", report="X", stage="ready")
    group = sim.add("sigma", "group:g", report="P", children=[{"name": "A", "stage": "running"}])
    last = {job: sim.world.look(job) for job in [*jobs, group]}
    changes: Counter[Job] = Counter()
    for _ in range(400):
        clock.advance(0.1)
        for job, before in last.items():
            last[job] = sim.world.look(job)
            changes[job] += last[job] != before
    assert changes.total() == pytest.approx(40 * rate, rel=0.05, abs=1)
    if rate >= 10:
        assert max(changes.values()) - min(changes.values()) <= 1, "spread evenly"
    assert all(sim.vendors[job.vendor].live(stage) for job, stage in last.items() if not job.group)
    assert sim.world.look(settled).word == "complete"


def test_a_change_nobody_looked_at_is_not_followed_by_another(clock: Clock) -> None:
    sim = Simulator(now=clock, changes=100)
    job = sim.add("7g", "a", report="X", stage="queued")
    sim.world.look(job)
    clock.advance(10)
    assert sim.world.look(job).word == "incomplete"
    assert sim.world.look(job).word == "incomplete"


def test_a_deleted_job_takes_no_changes(clock: Clock) -> None:
    sim = Simulator(now=clock, changes=10)
    gone, stays = (sim.add("7g", name, report="X", stage="queued") for name in "ab")
    sim.world.look(stays)
    gone.deleted_at = clock.at
    seen = []
    for _ in range(20):
        clock.advance(0.1)
        seen.append(sim.world.look(stays).word)
    assert sum(one != two for one, two in pairwise(seen)) >= 18


def test_a_pace_must_be_positive(clock: Clock) -> None:
    with pytest.raises(ValueError):
        World(pace=0, now=clock)
