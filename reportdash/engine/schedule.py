"""When to look again: pure arithmetic over jobs and a vendor's poll policy.

Times are seconds since the epoch, delays are seconds. Chance is handed in (a function that gives 0 ≤ x < 1),
so that the same chance gives the same schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reportdash.durations import Usual
from reportdash.model import FINAL, HAS_FILE, Job, JobState
from reportdash.vendors.contract import PollPolicy

Chance = Callable[[], float]

SLOW = 600.0
"""Between two looks at a job that is done but can still expire, or that is lost and may come back."""
BACKOFF_CAP = 300.0
"""The longest pause after failures, unless the account's own interval is longer."""
JITTER = 0.1
"""Each interval is drawn from ± this share, so that jobs that started together drift apart."""
AGE_SHARE = 0.2
"""An old job changes seldom: it is looked at each fifth of its age, within the policy's bounds."""
LEARNT_PACE = 2 / 3
"""With what is learnt, looks are saved where they find nothing; a part of them goes to where they do: there
they come closer together than `poll_max`, by this share."""
WORTH = 0.0115
"""How likely a look must be to find a job done, for a spread of 1 (of the logarithm of its usual time): the
more is known of the end, the more is asked of a look."""
LEAST_WORTH, MOST_WORTH = 0.02, 0.1
FADE = 1.5
"""The power with which the pause grows where a look finds too few."""
LATE_SHARE = 0.07
"""Long after the usual end a job is looked at this rarely, as a share of its age."""
BREAKER_AT = 5
"""Transport errors in a row after which an account is only probed."""
FIRST_PROBE = 5.0
LONGEST_THROTTLE = 3600.0
JUMP = 5.0
"""Wall clock and monotonic clock further apart than this since the last look: the wall clock was set."""

_UNPOLLED = FINAL | {
    JobState.EMPTY,
    JobState.FAILED,
    JobState.CANCELLED,
    JobState.SUBMITTING,
    JobState.DELETING,
}


def polled(job: Job) -> bool:
    """Whether the job is looked at by itself.

    Not: one without a reference, a group's child (its parent's look tells), one that ended without a report,
    one that is being submitted or deleted (its intent decides when).
    """
    return (
        job.reference is not None
        and job.parent is None
        and job.forgotten_at is None
        and job.state not in _UNPOLLED
    )


def may_look(job: Job) -> bool:
    """Whether a look can tell anything: for an operator who asks, settled jobs too."""
    return (
        job.reference is not None
        and job.parent is None
        and job.forgotten_at is None
        and job.intent is None
        and job.state not in FINAL
    )


def interval(job: Job, policy: PollPolicy, now: float) -> float:
    """Seconds between two looks at this job, without jitter."""
    if job.state in HAS_FILE or job.state is JobState.LOST:
        return max(SLOW, policy.poll_max)
    if job.state is JobState.UNKNOWN:
        return policy.poll_max
    age = now - job.submitted_at if job.submitted_at is not None else 0.0
    return min(max(AGE_SHARE * age, policy.poll_min), policy.poll_max)


def after_look(
    job: Job, policy: PollPolicy, now: float, chance: Chance, usual: Usual | None = None
) -> float | None:
    """When to look again after a good look; None for a job that is not looked at any more.

    `usual` is what the finished jobs of this report tell of it, None where they are too few.
    """
    if not polled(job):
        return None
    if usual is not None and job.submitted_at is not None:
        age = max(now - job.submitted_at, 0.0)
        step = learnt_step(usual, policy, age)
        # What is drawn is a share of the pace, not of a silence of perhaps an hour.
        return now + step + _jittered(pace := min(step, _pace(policy, age)), chance) - pace
    at = now + _jittered(interval(job, policy, now), chance)
    if job.state in HAS_FILE and job.expires_at is not None:
        return max(now, min(at, job.expires_at))
    return at


def learnt_step(usual: Usual, policy: PollPolicy, age: float) -> float:
    """Seconds to the next look at a job of this age of which it is known how long it usually takes.

    None before the age at which one in twenty is done, even beyond `poll_max`. From then on at the pace, as
    long as that finds enough of those still at work done; where it finds fewer the pause grows, to a small
    share of the age. A job that takes longer than nearly all others is no usual one: nothing says when it
    will end.
    """
    if age < usual.early:
        return max(usual.early - age, policy.poll_min)
    pace = _pace(policy, age)
    wanted = min(max(WORTH / usual.spread, LEAST_WORTH), MOST_WORTH)
    found = usual.hazard(age) * pace
    longest = max(pace, min(LATE_SHARE * age, SLOW))
    if age >= usual.late:
        return longest
    return pace if found >= wanted else min(pace * (wanted / max(found, 1e-9)) ** FADE, longest)


def _pace(policy: PollPolicy, age: float) -> float:
    return max(min(AGE_SHARE * age, LEARNT_PACE * policy.poll_max), policy.poll_min)


def after_failure(job: Job, policy: PollPolicy, now: float, chance: Chance) -> float | None:
    """When to look again after a failed look; `job.attempts` counts it already."""
    if not polled(job):
        return None
    return now + backoff(min(interval(job, policy, now), policy.poll_max), job.attempts, chance)


def backoff(first: float, failures: int, chance: Chance) -> float:
    """The pause after the `failures`-th failure in a row: `first`, doubling up to 5 min, with jitter."""
    cap = max(BACKOFF_CAP, first)
    delay = min(first * 2.0 ** min(max(failures - 1, 0), 32), cap)
    return min(_jittered(delay, chance), cap)


def probe_delay(probes: int, chance: Chance) -> float:
    """How long an open breaker stays shut after `probes` failed probes: 5 s, then doubling, up to 5 min."""
    return backoff(FIRST_PROBE, probes + 1, chance)


def throttle_delay(retry_after: float | None, streak: int, policy: PollPolicy, chance: Chance) -> float:
    """How long a throttled account is left alone: what the vendor asked for, else a doubling pause.

    `streak` counts the throttles in a row, this one included. What is asked for is obeyed and only ever
    lengthened, by at most a tenth, so that several processes do not come back at the same instant.
    """
    if retry_after is not None:
        asked = min(max(retry_after, 0.0), LONGEST_THROTTLE)
        return asked + min(asked, 10.0) * JITTER * chance()
    return backoff(policy.poll_min, streak, chance)


def stagger(jobs: Sequence[Job], policy: PollPolicy, now: float, chance: Chance) -> dict[str, float]:
    """First looks spread over the interval: id → when, for jobs that are all due at once.

    The first goes at once, so that a lone job never waits.
    """
    count = len(jobs)
    if count <= 1:
        return {job.id: now for job in jobs}
    return {
        job.id: now + interval(job, policy, now) * max(0.0, place + JITTER * (chance() - 0.5)) / count
        for place, job in enumerate(jobs)
    }


def too_far(
    job: Job,
    policy: PollPolicy,
    now: float,
    until: float | None,
    *,
    pause: float = BACKOFF_CAP,
    usual: Usual | None = None,
) -> bool:
    """Whether the next look lies further ahead than any schedule puts it: a clock has jumped, it is due.

    `until` is when a throttled account opens again, `pause` the longest backoff that is believed, `usual`
    what is known of how long such a job takes.
    """
    if job.next_poll_at is None:
        return False
    longest = max(interval(job, policy, now), pause)
    if usual is not None:
        age = max(now - job.submitted_at, 0.0) if job.submitted_at is not None else 0.0
        longest = max(longest, learnt_step(usual, policy, age))
    return job.next_poll_at > max(now, until or now) + longest * (1 + 2 * JITTER)


def passed(until: float | None, since: float | None, now: float) -> bool:
    """Whether a pause that began at `since` and lasts till `until` is over; one from the future is."""
    if until is None or until <= now:
        return True
    return since is not None and since > now + JUMP


def _jittered(delay: float, chance: Chance) -> float:
    return delay * (1 + JITTER * (2 * chance() - 1))
