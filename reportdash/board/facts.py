"""The cells of a row: what the vendor says, age, next moment, our copy. Pure; `now` comes with the Sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from reportdash.board.states import Face, Role, Weight
from reportdash.board.units import HOUR, MINUTE, clock_text, left, ordinal, size, size_short, span
from reportdash.model import (
    HAS_FILE,
    OCCUPIES_SLOT,
    Account,
    ArtifactState,
    Health,
    IntentKind,
    Job,
    JobState,
    Stage,
    Verified,
)

STALE = 15 * MINUTE
"""A working job nobody has looked at for this long shows when it was seen, whatever the health says."""

_MAY_EXPIRE = HAS_FILE | {JobState.UNKNOWN}


class Run(NamedTuple):
    """A piece of text in one style; the screen turns it into a segment."""

    text: str
    role: Role
    bold: bool = False
    underline: bool = False


class Fetch(NamedTuple):
    """A download under way: bytes so far, total (None: unknown), place in the queue (None: running).

    `trouble`: the words of what it is tried again for, `tries` times so far and next at `again_at`.
    """

    bytes: int
    total: int | None
    queued: int | None = None
    trouble: str = ""
    tries: int = 0
    again_at: float | None = None


class Group(NamedTuple):
    """What a group's row says of its children."""

    done: int = 0
    total: int = 0
    saved: int = 0
    files: int = 0
    fetching: bool = False

    @property
    def all_saved(self) -> bool:
        return self.files > 0 and self.saved == self.files


class Sight(NamedTuple):
    """What decides the look of a row besides the job: the time, its account, its download, its estimate.

    `eta`: when it will probably be ready; `usual`: seconds half of its like take; `times`: how many times as
    long as usual it takes already, 0 while that is no matter.
    """

    now: float
    account: Account | None = None
    fetch: Fetch | None = None
    eta: float | None = None
    usual: float | None = None
    times: int = 0
    group: Group | None = None
    savable: bool = True


def says(job: Job, group: Group | None = None) -> str:
    """The vendor's raw word; what stands in parentheses is ours."""
    if group is not None and job.is_group:
        return f"{group.done} of {group.total} done"
    if job.state is JobState.SUBMITTING:
        if job.intent is not None and job.intent.stage is Stage.UNSURE:
            return "(no answer)"
        if job.intent is not None and job.intent.stage is Stage.WAITING:
            return f"({(job.message or 'waits').split(' (')[0].split(':')[0]})"
        return job.vendor_status or ""
    if job.vendor_status:
        return job.vendor_status
    if job.note:
        return f"({job.note})"
    return "(no word yet)" if job.state in OCCUPIES_SLOT else ""


def age(job: Job, now: float) -> str:
    """Since the submit, in one whole unit; empty when that is not known."""
    return "" if job.submitted_at is None else span(now - job.submitted_at)


def expires_soon(job: Job, now: float) -> bool:
    """Whether an unsaved result is in its last hour or last tenth of its life, whichever is longer."""
    if job.expires_at is None or job.saved or job.state not in _MAY_EXPIRE:
        return False
    return now >= alarm_at(job)


def alarm_at(job: Job) -> float:
    """When the expiry of a job becomes urgent; infinity when it never does."""
    if job.expires_at is None:
        return float("inf")
    born = job.submitted_at if job.submitted_at is not None else job.expires_at
    return job.expires_at - max(HOUR, (job.expires_at - born) / 10)


def unseen_since(job: Job, account: Account | None, now: float) -> float | None:
    """When we last had a good look at a working job we cannot look at now; None while all is well."""
    if job.state not in OCCUPIES_SLOT and job.state is not JobState.UNKNOWN:
        return None
    last = job.seen_at if job.seen_at is not None else job.submitted_at
    if last is None or now - last < MINUTE:
        return None
    shut = account is not None and account.shown is not Health.OK
    troubled = shut or job.attempts > 0 or job.health is Health.BAD_PAYLOAD
    # A report known to take an hour is left alone for most of it: then a long silence is as it should be.
    due = job.next_poll_at is None or job.next_poll_at <= now
    return last if troubled or (due and now - last > STALE) else None


def next_moment(job: Job, look: Callable[[], Sight]) -> float:
    """The nearest moment that matters to this row, for sorting; infinity when there is none.

    `look` gives the row's Sight; few rows need it.
    """
    if job.expires_at is not None and job.state in _MAY_EXPIRE:
        return job.expires_at
    if job.state in OCCUPIES_SLOT:
        sight = look()
        if sight.eta is not None and sight.eta > sight.now:
            return sight.eta
    return float("inf")


def next_run(job: Job, sight: Sight) -> Run | None:
    """What time will do to this row: `seen 47m`, `expires 38m`, `ready ~2m`, `3× usual`, `sends 14:33`."""
    now = sight.now
    seen = None if job.parent else unseen_since(job, sight.account, now)
    if seen is not None:
        met = job.tracked and job.seen_at is None  # started elsewhere, and never seen at the vendor
        return Run(f"{'unseen' if met else 'seen'} {span(now - seen)}", Role.WARN)
    if job.expires_at is not None and job.state in _MAY_EXPIRE:
        # The life of a job started elsewhere is counted from when we met it: an upper bound.
        gap = "≤" if job.tracked else " "
        text = f"expires{gap}{left(job.expires_at - now)}"
        urgent = expires_soon(job, now) and not (sight.group and sight.group.all_saved)
        return Run(text, Role.WARN, bold=True) if urgent else Run(text, Role.MUTED)
    sends = sends_at(job)
    if sends is not None and sends - now >= MINUTE:
        return Run(f"sends {clock_text(sends, now)}", Role.MUTED)
    if job.state in OCCUPIES_SLOT and sight.times:
        return Run(f"{sight.times}× usual", Role.WARN)
    if job.state in OCCUPIES_SLOT and sight.eta is not None and sight.eta > now:
        remaining = sight.eta - now
        return Run("ready <1m" if remaining < MINUTE else f"ready ~{span(remaining)}", Role.MUTED)
    return None


def saved_text(job: Job, *, wide: bool) -> str:
    """Size and proof of our copy: ` 2.0 MB · length only`, or ` 2.0 MB ·` where there is little room."""
    artifact = job.artifact
    assert artifact is not None
    sign, proof = {
        Verified.CHECKSUM: ("✓", "sha256"),
        Verified.LENGTH: ("·", "length only"),
        Verified.NONE: ("·", "unchecked"),
    }[artifact.verified]
    text = f"{size(artifact.bytes):>7} {sign}"
    return f"{text} {proof}" if wide else text


def bar(fraction: float, cells: int) -> tuple[str, str]:
    """A bar of `cells`: the part done and the rest. Full only when all is there."""
    done = min(cells, round(fraction * cells))
    if fraction < 1:
        done = min(done, cells - 1)
    return "━" * done, "─" * (cells - done)


def fetch_runs(fetch: Fetch, width: int) -> tuple[Run, ...]:
    """A download under way in `width` cells: a bar with bytes, a place in the queue, or bytes so far.

    One that does not get on says so in place of its bar.
    """
    wide = width >= 20
    if fetch.queued is not None:
        return (Run(f"queued {ordinal(fetch.queued)}" if wide else "queued", Role.TEXT),)
    if fetch.trouble:
        return (Run(f"retrying at {size_short(fetch.bytes)}" if wide else "retrying", Role.WARN),)
    if not fetch.total:
        text = size_short(fetch.bytes)
        return (Run(f"{text} so far" if wide else text, Role.TEXT),)
    fraction = min(1.0, fetch.bytes / fetch.total)
    # 100 % would promise a file that is not yet under its name.
    percent = f"{min(99, int(fraction * 100)):2d}%"
    text = f"{percent} of {size_short(fetch.total)}" if wide else percent
    done, rest = bar(fraction, min(8, width - 1 - len(text)))
    return Run(done, Role.ACCENT), Run(rest, Role.LINE), Run(f" {text}", Role.TEXT)


def file_runs(job: Job, face: Face, sight: Sight, width: int) -> tuple[Run, ...]:
    """Our copy, in a cell of `width`."""
    wide = width >= 20
    if sight.fetch is not None and not job.is_group:
        return fetch_runs(sight.fetch, width)
    rest = Role.MUTED if face.weight is Weight.OVER else Role.TEXT
    group = sight.group
    if group is not None and group.files:
        text = f"{group.saved} of {group.files}" + (" saved" if wide else "")
        if face.weight is Weight.NEEDS_YOU and job.state in HAS_FILE and not group.fetching:
            return (Run(text, face.role, bold=True),)
        return (Run(text, rest),)
    artifact = job.artifact
    if artifact is not None and artifact.state is ArtifactState.SAVED:
        return (Run(saved_text(job, wide=wide), Role.MUTED),)
    if artifact is not None and artifact.state is ArtifactState.FETCHING:
        # Another process downloads it: its progress is not known here.
        return (Run("fetching", Role.TEXT),)
    if artifact is not None and artifact.state is ArtifactState.FAILED and job.state in HAS_FILE:
        return (Run("not saved", Role.BAD, bold=True),)
    if job.state in HAS_FILE and not job.is_group and sight.savable:
        return (Run("not saved", face.role, bold=True),)
    return ()


def sends_at(job: Job) -> float | None:
    """When a waiting submit may be sent, if that is known."""
    intent = job.intent
    if intent is None or intent.kind is not IntentKind.SUBMIT or intent.stage is not Stage.WAITING:
        return None
    return intent.not_before
