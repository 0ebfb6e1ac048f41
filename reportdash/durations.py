"""How long a report takes, told by the jobs of it that have finished. Pure arithmetic; times are seconds.

When a job finished is known only between two looks: after the last one that found it at work, before the one
that found it done. Those intervals are fitted by a log-normal, the usual shape of the time that work takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from reportdash.model import Job

FEWEST = 20
"""Finished jobs of a report below which nothing is concluded."""
KEPT = 50
"""The newest ones, from which it is concluded."""
EARLY = 0.05
"""The share of jobs that are done before the first look: their 5th percentile."""

Took: TypeAlias = tuple[float, float]
"""More than the first, at most the second: seconds from the submit to the end of a job."""

_ROUNDS = 6
_LEAST_SPREAD = 0.05
"""Even a report that always took as long may take a twentieth more or less the next time."""
_LEAST = 0.05
_HALVINGS = 40


def report_of(job: Job) -> tuple[str, str] | None:
    """Jobs that may be compared: the same report of the same account.

    None for a job started elsewhere: nobody here knows when, or what was asked for.
    """
    return (job.account, job.spec.report) if job.spec is not None and not job.tracked else None


class Usual(NamedTuple):
    """What finished jobs of one report tell of the next one.

    `early`: the age before which only one in twenty was done. `median`: the age by which half were. `late`:
    the age after which one in forty was not. `centre` and `spread` are those of the natural logarithm.
    """

    early: float
    median: float
    late: float
    centre: float
    spread: float

    def hazard(self, age: float) -> float:
        """The share, per second, of the jobs still at work at this age that finish now."""
        z = self._place(age)
        left = _beyond(z)
        # Far out in the tail, where nothing is left to divide by, the share is as good as z itself.
        return (_density(z) / left if left > 0 else z) / (self.spread * max(age, _LEAST))

    def remaining(self, age: float) -> float:
        """The median of what is left for a job that is still at work at this age."""
        z = self._place(age)
        half = _beyond(z) / 2
        low = max(z, -9.0)  # below, nothing is done
        high = low + 50.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if _beyond(middle) > half else (low, middle)
        return max(0.0, math.exp(min(self.centre + self.spread * high, 700.0)) - age)

    def _place(self, age: float) -> float:
        return (math.log(max(age, _LEAST)) - self.centre) / self.spread


def _beyond(z: float) -> float:
    """The share of a normal distribution above z."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def _density(z: float) -> float:
    return math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


def usual(took: Iterable[Took]) -> Usual | None:
    """What these jobs tell, the newest `KEPT` of them, newest first; None for fewer than `FEWEST`."""
    spans = [_logs(span) for span, _ in zip(took, range(KEPT), strict=False)]
    if len(spans) < FEWEST:
        return None
    # Expectation and maximisation: where in its interval each job probably ended, then the fit, and again.
    points = [(low + high) / 2 for low, high in spans]
    scatter = [0.0] * len(points)
    centre = spread = 0.0
    for _ in range(_ROUNDS):
        centre = sum(points) / len(points)
        spread = math.sqrt(
            sum((point - centre) ** 2 + own for point, own in zip(points, scatter, strict=True)) / len(points)
        )
        spread = max(spread, _LEAST_SPREAD)
        points, scatter = _expected(spans, centre, spread)
    points.sort()
    return Usual(
        early=math.exp(_quantile(points, EARLY)),
        median=math.exp(_quantile(points, 0.5)),
        late=math.exp(centre + 2 * spread),
        centre=centre,
        spread=spread,
    )


def _logs(span: Took) -> tuple[float, float]:
    # An end that nobody looked for before has no lower bound of its own: a tenth is as good as none.
    high = max(span[1], _LEAST)
    low = min(max(span[0], high / 10, _LEAST), high)
    return math.log(low), math.log(high)


def _expected(spans: Sequence[Took], centre: float, spread: float) -> tuple[list[float], list[float]]:
    """Mean and variance of the normal distribution cut to each interval."""
    points, scatter = [], []
    for low, high in spans:
        a, b = (low - centre) / spread, (high - centre) / spread
        share = _beyond(a) - _beyond(b)
        if share < 1e-9:  # far from all the others, or an interval as good as a point
            points.append((low + high) / 2)
            scatter.append((high - low) ** 2 / 12)
            continue
        at_a, at_b = _density(a), _density(b)
        shift = (at_a - at_b) / share
        points.append(centre + spread * shift)
        scatter.append(max(0.0, spread**2 * (1.0 + (a * at_a - b * at_b) / share - shift**2)))
    return points, scatter


def _quantile(points: Sequence[float], share: float) -> float:
    """Of sorted points, by straight lines between them."""
    place = share * (len(points) - 1)
    below = int(place)
    part = place - below
    return points[below] * (1 - part) + points[min(below + 1, len(points) - 1)] * part
