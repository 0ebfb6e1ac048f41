"""What learning saves and what it costs: looks a job, and the wait from its end until a look sees it.

A seeded simulation on a virtual clock: no time passes, so these figures are the same on every machine. The
product's own schedule and its own learning are driven, job after job, by what its own looks have found.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist

from reportdash import lifecycle
from reportdash.engine import schedule
from reportdash.engine.habits import Habits
from reportdash.model import Job, JobState, Seen, Spec
from reportdash.vendors.contract import PollPolicy

POLICY = PollPolicy(5.0, 30.0)
MEDIAN, P95 = 240.0, 2400.0
"""Of the durations of all jobs of all types, seconds."""
SPREADS = (0.15, 0.3, 0.6, 1.0)
"""Within one type, of the natural logarithm."""
TAUGHT = 30
"""Jobs of a type that finish before the count begins."""
START = 1_790_000_000.0
_RUNNING, _READY = Seen(JobState.RUNNING, "running"), Seen(JobState.READY, "ready")
_ALL = math.log(P95 / MEDIAN) / NormalDist().inv_cdf(0.95)


@dataclass(slots=True, frozen=True)
class Cost:
    """Of all counted jobs: looks a job on average; seconds of added wait, 90th percentile and mean."""

    looks: float
    wait_p90: float
    wait_mean: float


def simulate(spread: float, *, types: int, jobs: int, seed: int = 1) -> tuple[Cost, Cost]:
    """The cost with learning, and with `clamp(0.2 age, 5, 30)` alone, for the same jobs.

    The medians of the types lie evenly over their distribution, so that no draw of a few long ones decides.
    """
    draw = random.Random(seed)
    learning: list[tuple[int, float]] = []
    plain: list[tuple[int, float]] = []
    between = math.sqrt(max(0.0, _ALL**2 - spread**2))
    for place in range(types):
        median = MEDIAN * math.exp(between * NormalDist().inv_cdf((place + 0.5) / types))
        habits = Habits()
        for nth in range(TAUGHT + jobs):
            takes = median * math.exp(spread * draw.gauss(0, 1))
            found = _life(takes, habits, draw)
            if nth >= TAUGHT:
                learning.append(found)
                plain.append(_life(takes, None, draw))
    return _cost(learning), _cost(plain)


def _life(takes: float, habits: Habits | None, draw: random.Random) -> tuple[int, float]:
    """Looks at one job, and the seconds from its end to the look that saw it."""
    row = Job(
        id="abc234",
        account="main",
        vendor="7g",
        name="n",
        reference="ref",
        state=JobState.QUEUED,
        submitted_at=START,
        seen_at=START,
        spec=Spec("report"),
    )
    now, looks = START, 0
    while row.state is not JobState.READY:
        usual = habits.of(row) if habits is not None else None
        at = schedule.after_look(row, POLICY, now, draw.random, usual)
        assert at is not None
        now, looks = at, looks + 1
        before, row = row, lifecycle.fold(row, _READY if now - START >= takes else _RUNNING, now)
        if habits is not None:
            habits.learn(before, row)
    return looks, now - START - takes


def _cost(found: list[tuple[int, float]]) -> Cost:
    waits = sorted(wait for _, wait in found)
    return Cost(
        sum(looks for looks, _ in found) / len(found),
        waits[math.ceil(len(waits) * 0.9) - 1],
        sum(waits) / len(waits),
    )


def ratios(*, types: int, jobs: int, seed: int = 1) -> Iterator[tuple[float, Cost, Cost]]:
    """(spread, cost as shares of the baseline's, the baseline's cost) for each spread."""
    for spread in SPREADS:
        ours, theirs = simulate(spread, types=types, jobs=jobs, seed=seed)
        share = replace(
            ours,
            looks=ours.looks / theirs.looks,
            wait_p90=ours.wait_p90 / theirs.wait_p90,
            wait_mean=ours.wait_mean / theirs.wait_mean,
        )
        yield spread, share, theirs
