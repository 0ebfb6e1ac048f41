"""When to look again: the laws, over generated jobs, policies and chance."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.engine import schedule
from reportdash.engine.seat import effective
from reportdash.model import FINAL, HAS_FILE, Job, JobState
from reportdash.vendors.contract import AccountSettings, PollPolicy

NOW = 1_790_000_000.0
chances = st.floats(0, 1, exclude_max=True)
policies = st.builds(lambda low, more: PollPolicy(low, low + more), st.floats(0.01, 600), st.floats(0, 3600))
POLLED = sorted(
    set(JobState)
    - FINAL
    - {JobState.SUBMITTING, JobState.DELETING, JobState.FAILED, JobState.EMPTY, JobState.CANCELLED}
)
ENDED = [JobState.FAILED, JobState.EMPTY, JobState.CANCELLED, JobState.DELETED, JobState.EXPIRED]


def job(state: JobState = JobState.RUNNING, age: float = 0.0, **more: object) -> Job:
    fields: dict[str, object] = {"reference": "ref", "submitted_at": NOW - age, "id": "abc234"}
    return Job(account="main", vendor="7g", name="n", state=state, **{**fields, **more})  # type: ignore[arg-type]


@given(policies, st.floats(0, 1e6), chances)
def test_an_active_job_is_looked_at_each_fifth_of_its_age_within_the_bounds(
    policy: PollPolicy, age: float, chance: float
) -> None:
    at = schedule.after_look(job(age=age), policy, NOW, lambda: chance)
    assert at is not None
    wanted = min(max(0.2 * age, policy.poll_min), policy.poll_max)
    assert abs(at - NOW - wanted) <= wanted * schedule.JITTER + 1e-6


@given(policies)
def test_an_unknown_word_is_looked_at_at_poll_max(policy: PollPolicy) -> None:
    assert schedule.interval(job(JobState.UNKNOWN), policy, NOW) == policy.poll_max


@given(policies, chances, st.sampled_from([*sorted(HAS_FILE), JobState.LOST]))
def test_ready_and_lost_jobs_keep_a_slow_recheck(policy: PollPolicy, chance: float, state: JobState) -> None:
    at = schedule.after_look(job(state), policy, NOW, lambda: chance)
    assert at is not None
    assert at - NOW >= 600 * 0.9 - 1e-6


@given(policies, chances, st.sampled_from(ENDED))
def test_what_has_ended_without_a_report_is_not_looked_at(
    policy: PollPolicy, chance: float, state: JobState
) -> None:
    assert schedule.after_look(job(state), policy, NOW, lambda: chance) is None
    assert schedule.after_failure(job(state, attempts=1), policy, NOW, lambda: chance) is None


@pytest.mark.parametrize("state", [JobState.SUBMITTING, JobState.DELETING])
def test_an_open_intent_is_no_matter_of_looks(state: JobState) -> None:
    assert not schedule.polled(job(state))


def test_a_child_and_a_job_without_a_reference_are_never_looked_at_by_themselves() -> None:
    assert not schedule.polled(job(parent="parent"))
    assert not schedule.polled(job(reference=None))
    assert not schedule.polled(job(forgotten_at=NOW))


def test_a_ready_job_is_looked_at_no_later_than_its_end() -> None:
    soon = job(JobState.READY, expires_at=NOW + 30)
    assert schedule.after_look(soon, PollPolicy(5, 30), NOW, lambda: 0.5) == NOW + 30
    late = job(JobState.READY, expires_at=NOW - 30)
    assert schedule.after_look(late, PollPolicy(5, 30), NOW, lambda: 0.5) == NOW


@given(st.floats(0.05, 2000), st.lists(chances, min_size=30, max_size=30))
def test_backoff_starts_at_the_interval_doubles_and_ends_at_five_minutes(
    first: float, chance: list[float]
) -> None:
    draws = iter(chance)
    pauses = [schedule.backoff(first, failures, lambda: next(draws)) for failures in range(1, 31)]
    cap = max(300.0, first)
    assert abs(pauses[0] - min(first, cap)) <= first * schedule.JITTER + 1e-9
    assert max(pauses) <= cap + 1e-9
    assert pauses[-1] >= cap * (1 - schedule.JITTER) - 1e-9
    for one, two in itertools.pairwise(pauses):
        assert two >= min(2 * one * 0.9 / 1.1, cap * 0.9) - 1e-9


def test_the_first_probe_comes_after_five_seconds_then_the_pause_doubles_to_five_minutes() -> None:
    assert [schedule.probe_delay(n, lambda: 0.5) for n in range(8)] == [5, 10, 20, 40, 80, 160, 300, 300]


@given(st.floats(0, 1e9, allow_nan=False), chances)
def test_retry_after_is_obeyed_and_at_most_a_second_longer(asked: float, chance: float) -> None:
    pause = schedule.throttle_delay(asked, 1, PollPolicy(5, 30), lambda: chance)
    assert min(asked, 3600) <= pause <= min(asked, 3600) + 1


def test_a_throttle_without_a_time_backs_off() -> None:
    pauses = [schedule.throttle_delay(None, n, PollPolicy(5, 30), lambda: 0.5) for n in (1, 2, 3, 9)]
    assert pauses == [5, 10, 20, 300]


@given(st.integers(2, 300), policies, st.lists(chances, min_size=300, max_size=300))
def test_first_looks_are_spread_over_the_interval(
    count: int, policy: PollPolicy, chance: list[float]
) -> None:
    draws = iter(chance)
    jobs = [job(age=1e9, id=f"j{n}") for n in range(count)]
    places = sorted(schedule.stagger(jobs, policy, NOW, lambda: next(draws)).values())
    assert places[0] >= NOW
    assert places[-1] <= NOW + policy.poll_max
    share = policy.poll_max / count
    assert all(two - one <= share * 1.2 + 1e-6 for one, two in itertools.pairwise(places))
    # No window of the interval holds more than its share of looks.
    assert all(places[n + 2] - places[n] >= share * 0.8 - 1e-6 for n in range(count - 2))


def test_a_lone_job_never_waits() -> None:
    assert schedule.stagger([job()], PollPolicy(5, 30), NOW, lambda: 0.9) == {"abc234": NOW}


@given(policies, st.floats(0, 1e6), st.integers(1, 20), chances)
def test_nothing_this_schedule_made_counts_as_too_far(
    policy: PollPolicy, age: float, attempts: int, chance: float
) -> None:
    for state in POLLED:
        row = job(state, age, attempts=attempts)
        for at in (
            schedule.after_look(row, policy, NOW, lambda: chance),
            schedule.after_failure(row, policy, NOW, lambda: chance),
        ):
            assert not schedule.too_far(job(state, age, next_poll_at=at), policy, NOW, None)


def test_a_time_an_hour_ahead_is_a_clock_that_went_back() -> None:
    row = job(next_poll_at=NOW + 3600 + 5)
    assert schedule.too_far(row, PollPolicy(5, 30), NOW, None)
    assert not schedule.too_far(row, PollPolicy(5, 30), NOW, NOW + 3600)


@given(st.floats(0.01, 1000), st.floats(0.01, 1000))
def test_an_accounts_own_bounds_replace_the_vendors(low: float, high: float) -> None:
    policy = PollPolicy(5, 30, slots=10, max_inflight=4)

    def bounds(**keys: float) -> tuple[float, float]:
        settings = AccountSettings(vendor="7g", base_url="https://api.example.org", **keys)  # type: ignore[arg-type]
        made = effective(policy, settings)
        return made.poll_min, made.poll_max

    assert bounds() == (5, 30)
    assert bounds(poll_min=low)[0] == low
    assert bounds(poll_max=high)[1] == high
    assert bounds(poll_min=low)[0] <= bounds(poll_min=low)[1]
    assert bounds(poll_max=high)[0] <= bounds(poll_max=high)[1]
