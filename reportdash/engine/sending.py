"""One sending of a submit: what the vendor's answer, or its silence, makes of the job.

Afterwards the row says which truth holds: accepted, refused, waiting (nothing reached the vendor) or unsure.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from reportdash import lifecycle
from reportdash.engine import schedule
from reportdash.engine.core import Core, discreet, hhmm, last_error, nth, reading
from reportdash.engine.health import HealthDesk, usable_at
from reportdash.engine.intents import PATIENCE, Intents
from reportdash.engine.outcome import Outcome
from reportdash.engine.seat import Seat
from reportdash.errors import (
    AuthFailed,
    BadPayload,
    CallFailed,
    Exit,
    NoCredential,
    NotFound,
    Problem,
    SlotsFull,
    Throttled,
    Unreachable,
    VendorRefused,
)
from reportdash.model import Fence, Health, IntentKind, Job, JobState, Stage, Submitted, replace
from reportdash.plain import clean

log = logging.getLogger(__name__)

LEDGER_PAUSE = 2.0
"""Seconds between two tries to keep an answer while the ledger cannot be written."""
FULL_AT_VENDOR = "slots full (vendor): deleting saved reports may free slots"
"""Beside a submit that waits although we count fewer jobs than the vendor has slots."""
RUNNING_WINDOW = 60.0
"""How long after a submit its repeat counts as safe where the vendor returns the job that still runs."""


@dataclass(slots=True, frozen=True)
class Sent:
    """What one sending came to.

    `again`: it may be sent once more by itself. `blocked`: the account takes no further submit for now.
    """

    job: Job
    exit_code: Exit
    text: str
    again: bool = False
    blocked: bool = False

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.job, self.exit_code, self.text)


class Sender:
    """Sends submits, one request at a time, and writes what became of them."""

    def __init__(self, core: Core, health: HealthDesk, intents: Intents) -> None:
        self._core = core
        self._health = health
        self._intents = intents

    async def send(self, seat: Seat, job: Job, *, fence: Fence | None = None) -> Sent:
        """Send once. What it came to is in the ledger before this returns.

        Only the claim carries the fence: what came of a request that has left is true whoever polls.
        """
        core, now = self._core, self._core.clock.now()
        account = await core.ledger.account(seat.name)
        open_at = usable_at(account, now)
        if open_at > now and account.health is Health.THROTTLED:
            assert job.intent is not None
            doubtful = job.intent.stage is Stage.UNSURE
            sent = await self._wait(job, throttled_words(open_at), Exit.OK, not_before=open_at)
            return replace(await self._stay_unsure(sent) if doubtful else sent, blocked=True)
        assert job.intent is not None
        doubtful = job.intent.stage is Stage.UNSURE
        asked = core.clock.now()
        shut = await self._shut_out(seat, job)
        if isinstance(shut, (NoCredential, AuthFailed)):
            # Before the claim: the job's history tells of no sending where none was possible.
            await self._health.failed(seat, shut, asked=asked)
            sent = await self._failed(seat, job, shut)
            return await self._stay_unsure(sent) if doubtful else sent
        claimed = await self._intents.claim(
            job,
            lambda row, _: replace(row, message="sending", note=None, updated_at=now),
            # What came of a repeat is line enough.
            what="" if job.intent.tries or shut is not None else "submit sent",
            fence=fence,
        )
        if claimed is None:
            job = await core.ledger.job(job.id) or job
            return Sent(job, Exit.OK, job.message or "taken up by another process")
        assert claimed.spec is not None
        assert claimed.intent is not None
        asked = core.clock.now()
        failure: CallFailed
        with core.exchanges.of(claimed.id) as exchanges:
            try:
                if shut is not None:
                    raise shut
                with reading(seat.name, f"the submit of {claimed.id}", seat.hide):
                    submitted = await seat.vendor.submit(claimed.spec, claimed.intent.key)
            except CallFailed as error:
                failure = error
            else:
                sent = await self._accepted(seat, claimed, submitted)
                if sent.job.id != claimed.id:
                    while exchanges:
                        await core.ledger.record(sent.job.id, exchanges.pop(0))
                await self._health.answered(seat.name, asked=asked)
                return sent
        if isinstance(failure, (Throttled, NoCredential, AuthFailed, Unreachable)):
            await self._health.failed(seat, failure, asked=asked)
        else:
            await self._health.answered(seat.name, asked=asked)
        if doubtful and isinstance(failure, VendorRefused | NotFound):
            # This sending made no job, but an earlier one may have: it is not refused as a whole.
            return await self._unsure(seat, claimed, failure, what="refused when sent again")
        sent = await self._failed(seat, claimed, failure)
        return await self._stay_unsure(sent) if doubtful else sent

    async def _shut_out(self, seat: Seat, job: Job) -> CallFailed | None:
        """Why nobody can sign in, so that nothing would leave; None where there is a session."""
        with self._core.exchanges.of(job.id):
            try:
                await seat.client.have_session(job.id)
            except CallFailed as error:
                return error
        return None

    async def park(self, sent: Sent, *, repeat_at: float | None = None) -> Sent:
        """Let go of an intent that was not brought to its end; an unsure one is repeated at `repeat_at`."""
        intent = sent.job.intent
        if intent is None:
            return replace(sent, again=False)
        freed = replace(intent, owner=None)
        if intent.stage is Stage.UNSURE:
            freed = replace(freed, not_before=repeat_at)
        job = await self._core.ledger.change(
            sent.job.id,
            lambda row: replace(row, intent=freed) if row.intent == intent else None,
            durable=True,
        )
        return replace(sent, job=job, again=False)

    # slots

    async def ahead(self, seat: Seat, of: Job | None = None) -> int:
        """Submits of this account that wait (asked for before `of`); 0 where the vendor has no slots."""
        if seat.slots is None:
            return 0
        jobs = await self._core.ledger.open_intents(seat.name)
        return sum(
            1
            for job in jobs
            if job.intent and job.intent.kind is IntentKind.SUBMIT and job.intent.stage is Stage.WAITING
            if of is None or (job.submitted_at or 0.0) < (of.submitted_at or 0.0)
        )

    async def full(self, seat: Seat, more: int = 0) -> bool:
        """Whether the jobs we count, and `more`, take every slot the vendor gives."""
        return seat.slots is not None and await self._core.ledger.slots_used(seat.name) + more >= seat.slots

    async def _note_slots(self, seat: Seat, full_at: float | None) -> None:
        await self._core.ledger.change_account(
            seat.name,
            lambda row: replace(row, slots_full_at=full_at) if row.slots_full_at != full_at else None,
        )

    # what came of it

    async def _accepted(self, seat: Seat, job: Job, submitted: Submitted) -> Sent:
        now = self._core.clock.now()
        policy, chance = seat.policy, self._core.chance
        seen = discreet(submitted.seen, seat.hide)

        def change(row: Job) -> Job:
            if row.forgotten_at is not None:  # forgotten on its way: the tombstone knows its reference now
                return replace(row, reference=submitted.reference, intent=None)
            bare = replace(row, reference=submitted.reference)
            folded = lifecycle.fold(bare, seen, now, policy.ttl)
            if folded.state is JobState.SUBMITTING:
                folded = replace(lifecycle.enter(folded, JobState.QUEUED, now), intent=None)
            at = schedule.after_look(folded, policy, now, chance, self._core.habits.of(folded))
            return replace(folded, updated_at=now, next_poll_at=at)

        row = await self._keep(job, change, submitted.reference)
        if seat.slots is not None:
            await self._note_slots(seat, None)
        if row.id == job.id:
            return Sent(row, Exit.OK, f"accepted: {submitted.reference}")
        row = await self._core.ledger.change(
            row.id,
            lambda known: replace(known, next_poll_at=now) if schedule.polled(known) else None,
        )
        return Sent(row, Exit.OK, f"the vendor gave the report of {row.id}: {submitted.reference}")

    async def _keep(self, job: Job, change: Callable[[Job], Job], reference: str) -> Job:
        """The reference is known to nobody else: a full disk or a lock is waited for, a minute at most."""
        clock = self._core.clock
        started = clock.monotonic()
        while True:
            try:
                return await self._core.ledger.change(
                    job.id, change, who="vendor", what="accepted", durable=True, clear_error=True
                )
            except Problem as problem:
                if clock.monotonic() - started >= PATIENCE:
                    told = (
                        f"{job.id} was accepted as {clean(reference)}, which could not be kept; when it can, "
                    )
                    told += f"`reportdash track {job.account} {clean(reference)} --for {job.id}`"
                    raise Problem(f"{told}: {problem.text}") from problem
                await clock.sleep(LEDGER_PAUSE)

    async def _failed(self, seat: Seat, job: Job, error: CallFailed) -> Sent:
        """What a failed sending means: refused, waits, or unsure."""
        now, words = self._core.clock.now(), clean(error.text)
        assert job.intent is not None
        match error:
            case SlotsFull():
                return await self._slots_full(seat, job, error)
            case Throttled():
                account = await self._core.ledger.account(seat.name)
                until = max(account.until or now, now)
                sent = await self._wait(job, throttled_words(until), Exit.OK, not_before=until, error=error)
                return replace(sent, blocked=True)
            case NoCredential() | AuthFailed():
                message = f"waits for a key: {words}"
                what = "not sent" if job.message != message else None
                sent = await self._wait(job, message, Exit.CREDENTIALS, error=error, what=what)
                return replace(sent, blocked=True)
            case Unreachable(sent=False) | BadPayload(sent=False):
                pause = schedule.backoff(seat.policy.poll_min, job.intent.tries, self._core.chance)
                message = f"waits: not sent: {words}"
                sent = await self._wait(
                    job, message, Exit.UNREACHABLE, not_before=now + pause, error=error, keep=True
                )
                return replace(sent, again=True, blocked=True)
            case VendorRefused() | NotFound():
                # This sending counts itself; a refusal with every slot taken is the limit speaking.
                if await self.full(seat, -1):
                    return await self._slots_full(seat, job, error)
                return await self._refused(job, error)
            case _:
                return await self._unsure(seat, job, error)

    async def _refused(self, job: Job, error: CallFailed) -> Sent:
        now, words = self._core.clock.now(), clean(error.text)
        code = clean(error.code, 80) if error.code else None

        def change(row: Job) -> Job | None:
            if row.intent != job.intent:
                return None
            ended = replace(
                row, intent=None, message=words, error_code=code, next_poll_at=None, updated_at=now
            )
            return lifecycle.enter(ended, JobState.FAILED, now)

        row = await self._core.ledger.change(
            job.id,
            change,
            who="vendor",
            what="submit refused",
            durable=True,
            error=last_error(error, now),
        )
        return Sent(row, Exit.FAILED, f"refused: {words}")

    async def _slots_full(self, seat: Seat, job: Job, error: CallFailed) -> Sent:
        """The vendor says full: the submit waits, and is tried again when a slot may have come free.

        Where we count fewer, its finished reports may hold slots as well: then the row says so.
        """
        now = self._core.clock.now()
        assert job.intent is not None
        note = None if await self.full(seat, -1) else FULL_AT_VENDOR
        await self._note_slots(seat, now if note else None)
        pause = schedule.backoff(seat.policy.poll_max, job.intent.tries, self._core.chance)
        words = slot_words(await self.ahead(seat, job) + 1)
        sent = await self._wait(job, words, Exit.OK, not_before=now + pause, error=error, note=note)
        return replace(sent, blocked=True, text=f"{words}; {note}" if note else words)

    async def _unsure(
        self, seat: Seat, job: Job, error: CallFailed, *, what: str = "no answer to the submit"
    ) -> Sent:
        intent = job.intent
        assert intent is not None
        now = self._core.clock.now()
        again = repeat_is_safe(seat, job, now)
        after = replace(intent, stage=Stage.UNSURE, owner=intent.owner if again else None)
        words = unsure_words(intent.at)
        row = await self._core.ledger.change(
            job.id,
            lambda row: (
                replace(row, intent=after, message=words, updated_at=now) if row.intent == intent else None
            ),
            durable=True,
            what=what,
            error=last_error(error, now),
        )
        return Sent(row, Exit.UNREACHABLE, f"{words}: {clean(error.text)}", again=again)

    async def _stay_unsure(self, sent: Sent) -> Sent:
        """This sending reached nobody, but an earlier one may have: it does not become a plain waiting."""
        intent, now = sent.job.intent, self._core.clock.now()
        if intent is None or intent.stage is not Stage.WAITING:
            return sent
        after = replace(intent, stage=Stage.UNSURE)
        words = unsure_words(intent.at)
        row = await self._core.ledger.change(
            sent.job.id,
            lambda row: (
                replace(row, intent=after, message=words, updated_at=now) if row.intent == intent else None
            ),
            durable=True,
        )
        code = Exit.UNREACHABLE if sent.exit_code is Exit.OK else sent.exit_code
        return replace(sent, job=row, exit_code=code, text=f"{words}; {sent.text}")

    async def _wait(
        self,
        job: Job,
        message: str,
        exit_code: Exit,
        *,
        not_before: float | None = None,
        error: CallFailed | None = None,
        keep: bool = False,
        note: str | None = None,
        what: str | None = None,
    ) -> Sent:
        """Nothing was done at the vendor: the submit waits. `keep`: this process goes on with it."""
        intent, now = job.intent, self._core.clock.now()
        assert intent is not None
        owner = intent.owner if keep else None
        after = replace(intent, stage=Stage.WAITING, not_before=not_before, owner=owner)
        row = await self._core.ledger.change(
            job.id,
            lambda row: (
                replace(row, intent=after, message=message, note=note, updated_at=now)
                if row.intent == intent
                else None
            ),
            what=what,
            durable=True,
            error=last_error(error, now) if error is not None else None,
        )
        return Sent(row, exit_code, message)


def repeat_is_safe(seat: Seat, job: Job, now: float) -> bool:
    """Whether sending it once more cannot start a second job.

    The vendor returns the job while it still runs, so only soon after; or it replays its answer to the same
    key, within its window.
    """
    intent, vendor = job.intent, seat.vendor
    assert intent is not None
    age = now - intent.at
    if age < -schedule.JUMP:
        return False  # the clock has gone back: how long ago it was sent, nobody knows
    if vendor.resubmit_is_safe:
        return age <= RUNNING_WINDOW
    # The window opens with the first sending; of several only the last is known, and when it was asked for.
    first = intent.at if intent.tries <= 1 or job.submitted_at is None else job.submitted_at
    return vendor.replays_safely and (vendor.replay_window is None or now - first < vendor.replay_window)


def unsure_words(at: float) -> str:
    return f"unsure: sent {hhmm(at)}, no answer"


def slot_words(place: int) -> str:
    return f"waits for a slot ({nth(place)})"


def throttled_words(until: float) -> str:
    return f"waits: throttled until {hhmm(until)}"
