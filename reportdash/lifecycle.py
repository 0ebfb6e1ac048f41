"""The state machine: pure functions that fold what was seen, or what failed, into a job.

Nothing here does I/O or reads a clock: `now` is handed in, seconds since the epoch.
Three axes stay apart: a failed look touches `health` and `attempts`, never `state`; our own copy (`artifact`)
is not touched at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING

from reportdash.model import (
    FINAL,
    HAS_FILE,
    NO_ROWS,
    SETTLED,
    Health,
    IntentKind,
    Job,
    JobState,
    Stage,
    replace,
)

if TYPE_CHECKING:
    from reportdash.model import Seen

GONE_POLLS = 3
GONE_SECONDS = 600.0
"""An uncertain "not found" is believed after this many polls in a row over at least this long."""

_RANK = {
    JobState.SUBMITTING: 0,
    JobState.QUEUED: 1,
    JobState.RUNNING: 2,
    JobState.FINALIZING: 3,
}


def went_back(old: JobState, new: JobState) -> bool:
    """Whether `new` is earlier in the life of a job than `old`: accepted, but flagged."""
    if old in (JobState.UNKNOWN, JobState.LOST, JobState.DELETING) or new not in _RANK:
        return False
    return _RANK[new] < _RANK.get(old, 9)


def fold(job: Job, seen: Seen, now: float, ttl: float | None = None) -> Job:
    """The job after a good look.

    Deleted and expired are final: nothing the vendor says later changes them. A job being deleted stays so
    until the delete is answered, unless the vendor itself says it is deleted.
    `ttl` is the life of a result in seconds from the submit, None where the vendor states none.
    """
    if job.state in FINAL or job.forgotten_at is not None:
        return job
    state, note, message, prior = seen.state, seen.note, seen.message, job.prior
    ours = job.deleted_by_us or job.state is JobState.DELETING
    if job.state is JobState.DELETING and state is not JobState.DELETED:
        state, message, prior = JobState.DELETING, job.message, seen.state
    elif went_back(job.state, state):
        note = f"went back from {job.state}"
    if state is JobState.DELETED and not ours:
        note = "remote"
    if job.message == NO_ROWS and job.saved and state is job.state:
        message = NO_ROWS  # what we found in the file outlives the vendor's unchanged words
    expires_at = seen.expires_at or job.expires_at
    if expires_at is None and ttl is not None and job.submitted_at is not None:
        expires_at = job.submitted_at + ttl
    base = replace(
        job,
        name=_name(job, seen),
        reference=job.reference or seen.reference,
        vendor_status=seen.vendor_status,
        message=message,
        prior=prior,
        deleted_by_us=job.deleted_by_us or (ours and state is JobState.DELETED),
        error_code=seen.error_code,
        note=note,
        health=Health.OK,
        attempts=0,
        seen_at=now,
        took=_took(job, state, now),
        checks=job.checks + 1,
        gone_since=None,
        gone_count=0,
        expires_at=expires_at,
        children_total=seen.children_total if seen.children_total is not None else job.children_total,
    )
    # The answer to a submit settles the submit intent, however it reached us.
    if base.intent is not None and base.intent.kind is IntentKind.SUBMIT and state is not JobState.SUBMITTING:
        base = replace(base, intent=None)
    return _stamp(job, enter(base, state, now), now)


_DONE = HAS_FILE | {JobState.EMPTY, JobState.FAILED}
"""States in which the vendor has said its last word of the work: what it took tells of the next job."""


def _took(job: Job, state: JobState, now: float) -> tuple[float, float] | None:
    """When the work ended: after the last look that found it going on, before this one."""
    if state not in _DONE:
        return None if state not in SETTLED else job.took
    if job.took is not None or job.settled or job.tracked or job.submitted_at is None:
        return job.took
    last = job.seen_at if job.seen_at is not None else job.submitted_at
    span = (max(0.0, last - job.submitted_at), now - job.submitted_at)
    return span if span[0] <= span[1] else None  # a clock that went back tells nothing


def fold_error(job: Job, now: float, *, bad_payload: bool = False, looked: bool = True) -> Job:
    """The job after a look that failed: the state is left alone.

    `bad_payload` for an unreadable answer about this job; the account's own troubles leave its health be.
    """
    if job.state in FINAL or job.forgotten_at is not None:
        return job
    changed = replace(
        job,
        attempts=job.attempts + 1,
        checks=job.checks + (1 if looked else 0),
        health=Health.BAD_PAYLOAD if bad_payload else job.health,
    )
    return _stamp(job, changed, now)


def fold_gone(job: Job, message: str, now: float, *, ttl: float | None, certain: bool = True) -> Job:
    """The job after "not found".

    Ours to delete → deleted. Older than the vendor's `ttl` → expired. Otherwise lost, at once when `certain`,
    else after three polls over ten minutes. A saved copy is never touched; a lost job keeps a slow re-check
    and the first good answer restores it.
    """
    if job.state in FINAL or job.forgotten_at is not None:
        return job
    if job.deleted_by_us or job.state is JobState.DELETING:
        base = replace(job, message=None, attempts=0, checks=job.checks + 1, health=Health.OK)
        return _stamp(job, enter(replace(base, deleted_by_us=True), JobState.DELETED, now), now)
    since = job.gone_since if job.gone_since is not None else now
    counted = replace(job, gone_since=since, gone_count=job.gone_count + 1, checks=job.checks + 1)
    age = now - job.submitted_at if job.submitted_at is not None else 0.0
    if (ttl is not None and age >= ttl) or (job.expires_at is not None and now >= job.expires_at):
        gone = replace(
            counted, message=message, vendor_status=None, note="gone", attempts=0, health=Health.OK
        )
        return _stamp(job, enter(gone, JobState.EXPIRED, now), now)
    believed = certain or (counted.gone_count >= GONE_POLLS and now - since >= GONE_SECONDS)
    if not believed:
        return _stamp(job, replace(counted, attempts=job.attempts + 1, health=Health.BAD_PAYLOAD), now)
    lost = replace(counted, message=message, attempts=0, health=Health.OK)
    return _stamp(job, enter(lost, JobState.LOST, now), now)


def fold_expiry(job: Job, now: float) -> Job:
    """The job when time alone has passed: a result past its life is expired, without asking the vendor."""
    if job.expires_at is None or now < job.expires_at or job.intent is not None:
        return job
    if job.state not in HAS_FILE and job.state not in (JobState.EMPTY, JobState.FAILED):
        return job
    return _stamp(job, enter(replace(job, note="gone"), JobState.EXPIRED, now), now)


def fold_children(parent: Job, known: Sequence[Job], seen: Seen, now: float) -> list[Job]:
    """A group's children after a look at it, in the vendor's order, numbered from 1.

    A new child has an empty id: the ledger gives it one. A child the answer leaves out stays as it was; one
    is what stands in its place, for its reference is the place.
    Children are never polled by themselves.
    """
    by_ordinal = {child.ordinal: child for child in known}
    for ordinal, look in enumerate(seen.children, 1):
        child = by_ordinal.get(ordinal)
        if child is None:
            reference = look.reference or f"{parent.reference}#{ordinal}"
            child = Job(
                id="",
                account=parent.account,
                vendor=parent.vendor,
                name=look.name or reference,
                reference=reference,
                state=JobState.QUEUED,
                submitted_at=parent.submitted_at,
                parent=parent.id,
                ordinal=ordinal,
                tracked=parent.tracked,
            )
        elif look.name and look.name != child.name:
            # Another report stands in this place now: the file of the one before is not its own.
            child = replace(child, name=look.name, artifact=None if child.saved else child.artifact)
        by_ordinal[ordinal] = replace(fold(child, look, now), next_poll_at=None)
    return [by_ordinal[ordinal] for ordinal in sorted(by_ordinal)]


def fold_group(children: Sequence[JobState], total: int | None) -> JobState:
    """A Sigma group's state from its children's; `total` is the number the vendor announces.

    First that applies: fewer children than announced, or any active or unknown → running; all failed →
    failed; any failed → warnings if any child has a file, else failed; any not notified → notify_failed;
    all empty → empty; else ready.
    """
    if not children or (total is not None and len(children) < total):
        return JobState.RUNNING
    if any(child not in SETTLED for child in children):
        return JobState.RUNNING
    if all(child is JobState.FAILED for child in children):
        return JobState.FAILED
    if any(child is JobState.FAILED for child in children):
        has_file = any(child in HAS_FILE for child in children)
        return JobState.READY_WITH_WARNINGS if has_file else JobState.FAILED
    if any(child is JobState.NOTIFY_FAILED for child in children):
        return JobState.NOTIFY_FAILED
    if all(child is JobState.EMPTY for child in children):
        return JobState.EMPTY
    return JobState.READY


def _name(job: Job, seen: Seen) -> str:
    """The operator's name stays; one that only stood in for the vendor's gives way to it."""
    stand_ins = (job.reference, job.spec.report if job.spec is not None else None)
    return seen.name if seen.name and job.name in stand_ins else job.name


def unsure_submit(job: Job) -> bool:
    """A submit that left without a readable answer: an operator has to look at it."""
    return job.state is JobState.SUBMITTING and job.intent is not None and job.intent.stage is Stage.UNSURE


def may_hold_report(state: JobState) -> bool:
    """Whether the vendor may hold a report in this state: without our copy it is unsaved."""
    return state in HAS_FILE or state is JobState.UNKNOWN


def enter(job: Job, state: JobState, now: float) -> Job:
    """The job in `state`, with `settled_at` kept true; for the engine's own transitions too.

    A deleted or expired job has nothing left to do at the vendor: its intent goes.
    """
    if state is job.state:
        return job
    settled_at = job.settled_at
    if state in FINAL:
        job = replace(job, intent=None, prior=None, next_poll_at=None)
    if state in SETTLED:
        if job.state not in SETTLED or settled_at is None:
            settled_at = now
    else:
        settled_at = None
    return replace(job, state=state, settled_at=settled_at)


_BOOKKEEPING = {"seen_at", "checks", "updated_at", "next_poll_at", "rev"}
_visible = attrgetter(*(field.name for field in fields(Job) if field.name not in _BOOKKEEPING))


def _stamp(old: Job, new: Job, now: float) -> Job:
    """`updated_at` moves only when something an operator can see has changed."""
    return new if _visible(old) == _visible(new) else replace(new, updated_at=now)
