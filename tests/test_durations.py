"""How long a report usually takes: what twenty finished jobs tell, and what they must not tell."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash import lifecycle
from reportdash.durations import FEWEST, KEPT, Took, report_of, usual
from reportdash.model import Job, JobState, Seen, Spec

NOW = 1_790_000_000.0
spans = st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)).map(lambda pair: (min(pair), max(pair)))


def job(age: float = 0.0, state: JobState = JobState.RUNNING, **more: object) -> Job:
    fields: dict[str, object] = {"spec": Spec("Valuation"), "reference": "r", "submitted_at": NOW - age}
    return Job(id="abc234", account="main", vendor="7g", name="n", state=state, **{**fields, **more})  # type: ignore[arg-type]


def seen_each(step: float, *ends: float) -> list[Took]:
    """Jobs that ended at these ages, looked at each `step` seconds."""
    return [(end // step * step, (end // step + 1) * step) for end in ends]


def test_nothing_is_concluded_from_fewer_than_twenty_jobs() -> None:
    assert usual([(230.0, 240.0)] * (FEWEST - 1)) is None
    assert usual([(230.0, 240.0)] * FEWEST) is not None
    assert FEWEST == 20


def test_the_early_age_is_the_5th_percentile_and_half_are_done_at_the_median() -> None:
    draw = random.Random(3)
    ends = [240 * math.exp(0.3 * draw.gauss(0, 1)) for _ in range(KEPT)]
    found = usual(seen_each(5.0, *ends))
    assert found is not None
    assert found.early == pytest.approx(sorted(ends)[2], rel=0.05)
    assert found.median == pytest.approx(sorted(ends)[KEPT // 2], rel=0.05)
    assert found.spread == pytest.approx(0.3, rel=0.2)


def test_jobs_that_were_done_before_their_first_look_pull_nothing_down() -> None:
    # Looks begin at 200 s: three of fifty were done by then, and nobody knows when.
    draw = random.Random(4)
    ends = sorted(240 * math.exp(0.15 * draw.gauss(0, 1)) for _ in range(KEPT))
    known = usual([(0.0, 200.0) if end < 200.0 else (end - 5, end + 5) for end in ends])
    assert known is not None
    assert 0.8 * ends[2] < known.early <= 200.0
    assert known.median == pytest.approx(ends[KEPT // 2], rel=0.05)


def test_the_newest_count_and_the_old_ones_are_forgotten() -> None:
    found = usual([(99.0, 101.0)] * KEPT + [(9.0, 11.0)] * KEPT)
    assert found is not None
    assert found.early > 80


def test_what_is_left_is_the_median_of_those_that_took_longer() -> None:
    found = usual(seen_each(1.0, *[240.0 * math.exp(0.5 * z / 10) for z in range(-25, 25)]))
    assert found is not None
    assert found.remaining(0.0) == pytest.approx(240, rel=0.1)
    assert 0 < found.remaining(200.0) < 240
    # A job long past its time is not about to end.
    assert found.remaining(2400.0) > found.remaining(300.0)


@given(st.lists(spans, min_size=FEWEST, max_size=80), st.floats(0, 1e7))
def test_whatever_was_seen_the_figures_are_sane(took: list[Took], age: float) -> None:
    found = usual(took)
    assert found is not None
    assert 0 < found.early <= found.median * (1 + 1e-9)
    assert found.spread > 0
    assert found.hazard(age) >= 0 and math.isfinite(found.hazard(age))
    assert found.remaining(age) >= 0 and math.isfinite(found.remaining(age))


def test_only_jobs_submitted_here_are_compared_and_only_with_their_like() -> None:
    assert report_of(job()) == ("main", "Valuation")
    assert report_of(job(tracked=True)) is None
    assert report_of(job(spec=None)) is None
    assert report_of(job(spec=Spec("Other"))) != report_of(job())


READY = Seen(JobState.READY, "complete")


def test_the_end_lies_between_the_last_look_at_work_and_the_first_that_found_it_done() -> None:
    working = job(300.0, seen_at=NOW - 30)
    assert lifecycle.fold(working, READY, NOW).took == (270.0, 300.0)
    assert lifecycle.fold(job(300.0), READY, NOW).took == (0.0, 300.0)


@pytest.mark.parametrize("word", [JobState.READY, JobState.EMPTY, JobState.FAILED, JobState.NOTIFY_FAILED])
def test_every_last_word_of_the_work_counts(word: JobState) -> None:
    assert lifecycle.fold(job(60.0), Seen(word, "w"), NOW).took == (0.0, 60.0)


@pytest.mark.parametrize(
    "word", [JobState.CANCELLED, JobState.DELETED, JobState.UNKNOWN, JobState.FINALIZING]
)
def test_what_was_ended_from_outside_or_goes_on_tells_nothing(word: JobState) -> None:
    assert lifecycle.fold(job(60.0), Seen(word, "w"), NOW).took is None


def test_a_report_that_is_deleted_later_still_tells_what_it_took_and_one_that_goes_back_does_not() -> None:
    done = lifecycle.fold(job(60.0), READY, NOW)
    assert lifecycle.fold(done, READY, NOW + 900).took == (0.0, 60.0)
    assert lifecycle.fold(done, Seen(JobState.DELETED, "x"), NOW + 900).took == (0.0, 60.0)
    assert lifecycle.fold(done, Seen(JobState.RUNNING, "x"), NOW + 900).took is None


def test_a_job_started_elsewhere_or_a_clock_that_went_back_tells_nothing() -> None:
    assert lifecycle.fold(job(60.0, tracked=True), READY, NOW).took is None
    assert lifecycle.fold(job(60.0, seen_at=NOW), READY, NOW - 3600).took is None
