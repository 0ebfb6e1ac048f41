"""Deleting at the vendor: never an unsaved report by accident, never half-known.

The intent is in the ledger, synced, before the request leaves. A delete that nobody answers is checked by a
status call and sent again while the job is there.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from reportdash import lifecycle
from reportdash.engine import schedule
from reportdash.engine.core import Core, discreet, hhmm, last_error, reading
from reportdash.engine.health import HealthDesk, usable_at
from reportdash.engine.intents import PATIENCE, REPEATS, Intents, pause_before
from reportdash.engine.outcome import Outcome
from reportdash.engine.seat import Seat
from reportdash.errors import (
    AuthFailed,
    CallFailed,
    Exit,
    NoCredential,
    NotFound,
    SafetyProblem,
    Throttled,
    Unreachable,
    VendorRefused,
)
from reportdash.model import (
    FINAL,
    Fence,
    Health,
    Intent,
    IntentKind,
    Job,
    JobState,
    LastError,
    Seen,
    Stage,
    replace,
)
from reportdash.plain import clean
from reportdash.vendors.contract import Action, No

log = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class Tried:
    """What one try of a delete came to. `after`: seconds to the next try at least; None: it has ended."""

    outcome: Outcome
    after: float | None = None
    sent: bool = False  # a delete left, so that the next one is a repeat


class Deletes:
    """Deletes at the vendor. `intact` tells whether our copy of a job's report lies where the ledger says."""

    def __init__(
        self, core: Core, health: HealthDesk, intents: Intents, intact: Callable[[Job], Awaitable[bool]]
    ) -> None:
        self._core = core
        self._health = health
        self._intents = intents
        self._intact = intact

    # what is allowed

    async def unsaved(self, job: Job) -> bool:
        """Whether the vendor may hold a report of which we have no copy; looks at the disk."""
        # Of a group that still runs some children may be ready.
        rows = [job, *(await self._core.ledger.children(job.id) if job.is_group else ())]
        for row in rows:
            if lifecycle.may_hold_report(row.state) and not await self._intact(row):
                return True
        return False

    async def check(self, seat: Seat, job: Job, *, unsaved: bool = False) -> None:
        """Raises SafetyProblem with the reason when the job must not be deleted as it is."""
        if job.parent is not None:
            raise SafetyProblem(
                f"{job.id} is part of the group {job.parent}: a group is acted on as a whole, take that one"
            )
        can = seat.vendor.can(Action.DELETE, job)
        if isinstance(can, No):
            raise SafetyProblem(can.reason)
        if job.state is JobState.SUBMITTING or (job.reference is None and job.state not in FINAL):
            raise SafetyProblem(f"{job.id} has no reference at the vendor yet: `reportdash forget {job.id}`")
        if not unsaved and await self.unsaved(job):
            raise _unsaved_problem(job)

    # what an operator asks for

    async def delete(self, seat: Seat, job: Job, *, unsaved: bool = False) -> Outcome:
        """Delete and wait, a minute at most, until the vendor has confirmed. Raises SafetyProblem."""
        await self.check(seat, job, unsaved=unsaved)
        if job.state in FINAL:
            return Outcome(job, Exit.OK, f"{job.state} already")
        if not unsaved and self._may_have_ended(seat, job):
            # Never, or long not, looked at: it may hold a report for all we know.
            looked = await self._look_first(seat, job)
            if looked.exit_code is not Exit.OK or looked.job.state in FINAL:
                return looked
            job = looked.job
            await self.check(seat, job, unsaved=unsaved)
        if await self._intents.held_elsewhere(job) or not self._intents.begin(job.id):
            raise SafetyProblem(f"{job.id} is being deleted right now: wait until that has ended")
        with self._intents.ending(job.id):
            taken = await self._intend(seat, job, unsaved)
            return await self._drive(seat, taken)

    def _may_have_ended(self, seat: Seat, job: Job) -> bool:
        """Whether the state we know is too old to say that there is no report yet."""
        if job.intent is not None or (job.settled and job.state is not JobState.LOST):
            return False
        if job.seen_at is None:
            return job.tracked
        return self._core.clock.now() - job.seen_at > max(seat.policy.poll_max, PATIENCE)

    async def _look_first(self, seat: Seat, job: Job) -> Outcome:
        seen = await self._look(seat, job)
        if isinstance(seen, CallFailed) and not isinstance(seen, NotFound):
            return Outcome(job, _exit_of(seen), f"not deleted, its status is not known: {clean(seen.text)}")
        if isinstance(seen, NotFound) and job.seen_at is not None:
            return Outcome(job, Exit.OK, "")  # nothing to lose: the delete will say so
        now, policy = self._core.clock.now(), seat.policy
        row = await self._core.ledger.change(job.id, lambda row: self._folded(row, seen, now, policy.ttl))
        if isinstance(seen, NotFound):
            return Outcome(row, Exit.FAILED, f"the vendor does not know it: {clean(seen.text)}")
        return Outcome(row, Exit.OK, "")

    async def _intend(self, seat: Seat, job: Job, unsaved: bool) -> Job:
        """The intent, durably. The rules are looked at once more on the fresh row, inside the transaction."""
        now, me = self._core.clock.now(), self._core.ledger.owner
        key = str(uuid.uuid4())
        intact = await self._intact(job)

        def change(row: Job) -> Job | None:
            if row.forgotten_at is not None or row.state in FINAL:
                return None
            if row.intent != job.intent:
                return None  # somebody has begun something else meanwhile
            if row.intent is not None:
                agreed = unsaved or row.intent.unsaved
                mine = replace(row.intent, owner=me, not_before=None, unsaved=agreed)
                return replace(row, intent=mine, updated_at=now)
            saved = intact and row.artifact == job.artifact
            if lifecycle.may_hold_report(row.state) and not saved and not unsaved:
                raise _unsaved_problem(row)
            intent = Intent(IntentKind.DELETE, Stage.WAITING, at=now, key=key, owner=me, unsaved=unsaved)
            deleting = lifecycle.enter(row, JobState.DELETING, now)
            return replace(
                deleting,
                intent=intent,
                prior=row.state,
                message="delete: not sent yet",
                next_poll_at=None,
                updated_at=now,
            )

        return await self._core.ledger.change(job.id, change, who="operator", what="delete", durable=True)

    async def _drive(self, seat: Seat, job: Job) -> Outcome:
        clock = self._core.clock
        if job.state is not JobState.DELETING or job.intent is None:
            return Outcome(job, Exit.OK, f"{job.state} already")
        if job.intent.owner != self._core.ledger.owner:
            return Outcome(job, Exit.REFUSED, "another process is deleting it: wait until that has ended")
        started, sent, tries = clock.monotonic(), 0, 0
        while True:
            tried = await self._try(seat, job)
            if tried.after is None:
                return tried.outcome
            tries, sent = tries + 1, sent + tried.sent
            pause = max(tried.after, pause_before(tries))
            if sent > REPEATS or clock.monotonic() - started + pause > PATIENCE:
                return await self._park(seat, tried)
            await clock.sleep(pause)
            job = tried.outcome.job

    # what the account's poller does by itself

    async def advance(self, seat: Seat, jobs: list[Job], fence: Fence) -> float | None:
        """Finish the deletes whose process is gone or gave up. Returns when to look again by the clock."""
        next_at: float | None = None
        for job in jobs:
            intent = job.intent
            if intent is None or intent.kind is not IntentKind.DELETE:
                continue
            now = self._core.clock.now()
            at: float | None = None
            if await self._intents.held_elsewhere(job):
                at = now + PATIENCE / 2
            elif not schedule.passed(intent.not_before, intent.at, now):
                at = intent.not_before
            elif self._intents.begin(job.id):
                with self._intents.ending(job.id):
                    tried = await self._try(seat, job, fence=fence)
                    if tried.after is not None:
                        left = (await self._park(seat, tried)).job.intent
                        at = left.not_before if left is not None else None
            if at is not None:
                next_at = at if next_at is None else min(next_at, at)
        return next_at

    # one try

    async def _try(self, seat: Seat, job: Job, *, fence: Fence | None = None) -> Tried:
        """Send once; before a repeat, see by a status call whether the job is still there.

        Whether its report may go is looked at again each time: while a delete waits a job becomes ready, or
        its saved file is moved away.
        """
        core, now = self._core, self._core.clock.now()
        assert job.intent is not None
        account = await core.ledger.account(seat.name)
        open_at = usable_at(account, now)
        if open_at > now and account.health is Health.THROTTLED:
            return Tried(Outcome(job, Exit.UNREACHABLE, _waits(job, open_at)), open_at - now)
        may_have_left = job.intent.tries > 0
        seen: Seen | None = None
        if may_have_left or self._has_waited(seat, job):
            looked = await self._look(seat, job)
            if isinstance(looked, NotFound):
                return Tried(await self._done(job))
            if isinstance(looked, CallFailed):
                return await self._later(job, looked)
            if looked.state is JobState.DELETED:
                return Tried(await self._done(job))
            seen = looked
        # One that left may race with the job's end, and that is what was asked for.
        state = job.prior or JobState.UNKNOWN
        if seen is not None and not may_have_left:
            state = seen.state
        if not job.intent.unsaved and await self._takes(job, state, seen):
            return Tried(await self._kept(seat, job, state, seen))
        claimed = await self._intents.claim(
            job,
            lambda row, _: replace(row, message="deleting", updated_at=now),
            what="delete sent",
            fence=fence,
        )
        if claimed is None:
            job = await core.ledger.job(job.id) or job
            return Tried(Outcome(job, Exit.OK, job.message or "another process is deleting it"))
        assert claimed.intent is not None
        asked = core.clock.now()
        failure: CallFailed | None = None
        with core.exchanges.of(claimed.id):
            try:
                with reading(seat.name, f"the delete of {claimed.id}", seat.hide):
                    await seat.vendor.delete(claimed, claimed.intent.key)
            except CallFailed as error:
                failure = error
        await self._note_health(seat, failure, asked)
        if failure is None or isinstance(failure, NotFound):
            return Tried(await self._done(claimed))
        if isinstance(failure, VendorRefused):
            return await self._refused(seat, claimed, failure)
        if isinstance(failure, (NoCredential, AuthFailed)) and claimed.intent.tries == 1:
            return Tried(await self._back(seat, claimed, failure, None))
        return await self._unanswered(claimed, failure, left=may_have_left)

    async def _takes(self, job: Job, state: JobState, seen: Seen | None) -> bool:
        """Whether the delete would take a report of which we have no copy: in this state, or by its children,
        of which some may be ready while the group still runs. `seen`: the newest word of them.
        """
        if lifecycle.may_hold_report(state) and not await self._intact(job):
            return True
        children = await self._core.ledger.children(job.id) if job.is_group else []
        told = {number: child.state for number, child in enumerate(seen.children if seen else (), 1)}
        for child in children:
            now = told.pop(child.ordinal, child.state)
            if lifecycle.may_hold_report(now) and not await self._intact(child):
                return True
        return any(lifecycle.may_hold_report(now) for now in told.values())

    def _has_waited(self, seat: Seat, job: Job) -> bool:
        """Whether a job that ran when its delete was asked for may have become ready since."""
        assert job.intent is not None
        runs = job.prior is not None and not lifecycle.may_hold_report(job.prior)
        waited = self._core.clock.now() - job.intent.at
        return runs and not job.intent.unsaved and not 0 <= waited <= max(seat.policy.poll_max, PATIENCE)

    async def _unanswered(self, job: Job, error: CallFailed, *, left: bool) -> Tried:
        """No readable answer: it stays deleting; the row says whether a request may have arrived."""
        now, intent = self._core.clock.now(), job.intent
        assert intent is not None
        harmless = isinstance(error, (Throttled, NoCredential, AuthFailed)) or not error.sent
        if harmless and not left:
            after = replace(intent, stage=Stage.WAITING, tries=0)
            words = f"delete: not sent yet: {clean(error.text)}"
        else:
            after = replace(intent, stage=Stage.UNSURE)
            words = f"delete: sent {hhmm(intent.at)}, no answer"
        row = await self._core.ledger.change(
            job.id,
            lambda row: (
                replace(row, intent=after, message=words, updated_at=now) if row.intent == intent else None
            ),
            durable=True,
            error=last_error(error, now),
        )
        return replace(await self._later(row, error), sent=True)

    async def _later(self, job: Job, error: CallFailed) -> Tried:
        """When it goes on by itself after this failure."""
        outcome = Outcome(job, _exit_of(error), f"{job.message or 'deleting'}: {clean(error.text)}")
        if isinstance(error, Throttled):
            account = await self._core.ledger.account(job.account)
            now = self._core.clock.now()
            return Tried(outcome, max((account.until or now) - now, 0.0))
        if isinstance(error, (NoCredential, AuthFailed)):
            return Tried(outcome, 2 * PATIENCE)  # nothing that a minute's patience would change
        return Tried(outcome, 0.0)

    async def _park(self, seat: Seat, tried: Tried) -> Outcome:
        """Leave the delete to the account's poller, with its next time."""
        job = tried.outcome.job
        intent, now = job.intent, self._core.clock.now()
        if intent is None:
            return tried.outcome
        pause = schedule.backoff(seat.policy.poll_max, max(intent.tries, 1), self._core.chance)
        at = now + max(pause, tried.after or 0.0)
        stage = Stage.WAITING if intent.tries == 0 else Stage.UNSURE
        freed = replace(intent, stage=stage, owner=None, not_before=at)
        row = await self._core.ledger.change(
            job.id,
            lambda row: replace(row, intent=freed) if row.intent == intent else None,
            durable=True,
        )
        return replace(tried.outcome, job=row)

    # ends

    async def _done(self, job: Job) -> Outcome:
        now = self._core.clock.now()

        def change(row: Job) -> Job | None:
            if row.state in FINAL:
                return None
            gone = replace(row, deleted_by_us=True, message=None, attempts=0, updated_at=now)
            return lifecycle.enter(gone, JobState.DELETED, now)

        row = await self._core.ledger.change(job.id, change, who="vendor", durable=True, clear_error=True)
        return Outcome(row, Exit.OK, "deleted at the vendor")

    async def _refused(self, seat: Seat, job: Job, error: VendorRefused) -> Tried:
        """The vendor said no. Whether because the job is gone already, its status tells."""
        seen = await self._look(seat, job)
        if isinstance(seen, NotFound) or (isinstance(seen, Seen) and seen.state is JobState.DELETED):
            return Tried(await self._done(job))
        return Tried(await self._back(seat, job, error, seen if isinstance(seen, Seen) else None))

    async def _back(self, seat: Seat, job: Job, error: CallFailed, seen: Seen | None) -> Outcome:
        """Not deleted, for certain: the state it had, or has by now, with the vendor's words as a warning."""
        kind = "refused" if isinstance(error, VendorRefused) else "not sent"
        words = f"delete {kind}: {clean(error.text)}"
        told = last_error(error, self._core.clock.now())
        row = await self._as_before(seat, job, words, seen, error=told)
        return Outcome(row, Exit.FAILED if kind == "refused" else _exit_of(error), words)

    async def _kept(self, seat: Seat, job: Job, state: JobState, seen: Seen | None) -> Outcome:
        """Not sent: the vendor holds the only copy of the report, and nobody said that it may go."""
        state_words = str(state).replace("_", " ")
        words = (
            f"delete not sent: it is {state_words} and its file is not here; save it, or delete it unsaved"
        )
        row = await self._as_before(seat, job, words, seen)
        return Outcome(row, Exit.REFUSED, words)

    async def _as_before(
        self, seat: Seat, job: Job, words: str, seen: Seen | None, error: LastError | None = None
    ) -> Job:
        now, policy, chance = self._core.clock.now(), seat.policy, self._core.chance

        def change(row: Job) -> Job | None:
            if row.state is not JobState.DELETING or row.intent is None or row.intent.key != _key(job):
                return None
            back = lifecycle.enter(row, row.prior or JobState.UNKNOWN, now)
            back = replace(back, intent=None, prior=None, deleted_by_us=False)
            if seen is not None:
                back = lifecycle.fold(back, seen, now, policy.ttl)
            return replace(
                back,
                message=words,
                updated_at=now,
                next_poll_at=schedule.after_look(back, policy, now, chance),
            )

        who = "vendor" if error is not None else "reportdash"
        return await self._core.ledger.change(job.id, change, who=who, what=words, durable=True, error=error)

    # looking

    async def _look(self, seat: Seat, job: Job) -> Seen | CallFailed:
        """One status call; what it raised is its value."""
        asked = self._core.clock.now()
        result: Seen | CallFailed
        with self._core.exchanges.of(job.id):
            try:
                with reading(seat.name, f"the status of {job.id}", seat.hide):
                    result = discreet(await seat.vendor.status(job), seat.hide)
            except CallFailed as error:
                result = error
        await self._note_health(seat, result if isinstance(result, CallFailed) else None, asked)
        return result

    async def _note_health(self, seat: Seat, failure: CallFailed | None, asked: float) -> None:
        if isinstance(failure, (Throttled, NoCredential, AuthFailed, Unreachable)):
            await self._health.failed(seat, failure, asked=asked)
        else:
            await self._health.answered(seat.name, asked=asked)

    def _folded(self, row: Job, seen: Seen | CallFailed, now: float, ttl: float | None) -> Job:
        if isinstance(seen, Seen):
            return lifecycle.fold(row, seen, now, ttl)
        if isinstance(seen, NotFound):
            return lifecycle.fold_gone(row, clean(seen.text), now, ttl=ttl, certain=seen.certain)
        return row


def _unsaved_problem(job: Job) -> SafetyProblem:
    return SafetyProblem(
        f"{job.id} is {job.state} and not saved: `reportdash download {job.id}` first, "
        "or give --unsaved to lose it"
    )


def _key(job: Job) -> str | None:
    return job.intent.key if job.intent is not None else None


def _waits(job: Job, until: float) -> str:
    return f"{job.message or 'deleting'}: waits until {hhmm(until)}"


def _exit_of(error: CallFailed) -> Exit:
    if isinstance(error, (NoCredential, AuthFailed)):
        return Exit.CREDENTIALS
    return Exit.UNREACHABLE
