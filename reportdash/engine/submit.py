"""Submitting a report: intent before act, never silently twice.

The intent is in the ledger, synced, before the request leaves. What an operator asks for is sent at once;
what had to wait, or lost its sender, is brought to its end by the account's poller.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from reportdash.engine import schedule
from reportdash.engine.core import Core, judging
from reportdash.engine.intents import PATIENCE, REPEATS, Intents, pause_before
from reportdash.engine.outcome import Outcome
from reportdash.engine.seat import Seat
from reportdash.engine.sending import Sender, repeat_is_safe, slot_words, unsure_words
from reportdash.errors import Exit, SafetyProblem, UsageProblem
from reportdash.model import Fence, Intent, IntentKind, Job, JobState, Spec, Stage, new_id, replace
from reportdash.vendors.contract import Action, No


class Submits:
    """Starts reports and brings every open submit to its end."""

    def __init__(self, core: Core, sender: Sender, intents: Intents) -> None:
        self._core = core
        self._sender = sender
        self._intents = intents

    # what an operator asks for

    async def submit(self, seat: Seat, spec: Spec, *, name: str | None = None) -> Outcome:
        """Start a report; goes on for a minute at most with what is safe to repeat.

        Raises SafetyProblem where the vendor takes no submits, UsageProblem for what it is known to refuse.
        """
        can = seat.vendor.can(Action.SUBMIT)
        if isinstance(can, No):
            raise SafetyProblem(can.reason)
        with judging(seat.vendor.title, "what is asked for"):
            spec = seat.vendor.check(spec)
        now, me = self._core.clock.now(), self._core.ledger.owner
        ahead = await self._sender.ahead(seat)
        waits = await self._sender.full(seat, ahead)
        intent = Intent(
            IntentKind.SUBMIT, Stage.WAITING, at=now, key=str(uuid.uuid4()), owner=None if waits else me
        )
        job = Job(
            id=new_id(),
            account=seat.name,
            vendor=seat.vendor.name,
            name=name or spec.report,
            reference=None,
            state=JobState.SUBMITTING,
            message=slot_words(ahead + 1) if waits else None,
            submitted_at=now,
            updated_at=now,
            spec=spec,
            intent=intent,
        )
        self._intents.begin(job.id)
        with self._intents.ending(job.id):
            added, _ = await self._core.ledger.add(job, what="submit")
            if waits:
                return Outcome(added, Exit.OK, added.message or "")
            self._intents.begin(added.id)  # another id, where that one was taken
            with self._intents.ending(added.id):
                return await self._drive(seat, added)

    async def again(
        self, seat: Seat, job: Job, params: Mapping[str, str], *, name: str | None = None
    ) -> Outcome:
        """The same report once more as a new job, with `params` over its own."""
        if job.spec is None:
            raise UsageProblem(
                f"{job.id} was not submitted from here, so its parameters are not known; "
                f"`reportdash submit {job.account} REPORT` starts a new one"
            )
        spec = replace(job.spec, params={**job.spec.params, **params})
        given = job.name if job.name not in (job.spec.report, job.reference) else None
        return await self.submit(seat, spec, name=name or given)

    async def resend(self, seat: Seat, job: Job) -> Outcome:
        """Send an unsure or waiting submit because the operator says so, under the same key."""
        intent = job.intent
        if job.state is not JobState.SUBMITTING or intent is None or intent.kind is not IntentKind.SUBMIT:
            raise UsageProblem(
                f"{job.id} is {job.state}, not a submit without an answer; "
                f"`reportdash submit --again {job.id}` starts a new job"
            )
        if await self._intents.held_elsewhere(job) or not self._intents.begin(job.id):
            raise SafetyProblem(f"{job.id} is being sent right now; look at it again in a minute")
        with self._intents.ending(job.id):
            now = self._core.clock.now()
            # A key that was sent before stays known as such: its window is not a new one.
            tries = min(intent.tries, 1)
            fresh = replace(
                intent,
                stage=Stage.WAITING,
                at=now,
                owner=self._core.ledger.owner,
                tries=tries,
                not_before=None,
            )
            job = await self._core.ledger.change(
                job.id,
                lambda row: replace(row, intent=fresh) if row.intent == intent else None,
                who="operator",
                what="send again",
                durable=True,
            )
            if job.intent != fresh:
                raise SafetyProblem(f"{job.id} is being sent right now; look at it again in a minute")
            return await self._drive(seat, job)

    async def _drive(self, seat: Seat, job: Job) -> Outcome:
        """Send, and go on with what is safe for a minute; the rest is for the poller or the operator."""
        clock = self._core.clock
        started, repeats = clock.monotonic(), 0
        while True:
            sent = await self._sender.send(seat, job)
            if not sent.again:
                return sent.outcome
            pause = pause_before(repeats + 1)
            unanswered = sent.job.intent is not None and sent.job.intent.stage is Stage.UNSURE
            late = clock.monotonic() - started + pause > PATIENCE
            if late or (unanswered and repeats >= REPEATS):
                return (await self._sender.park(sent)).outcome
            repeats += 1
            await clock.sleep(pause)
            job = sent.job

    # what the account's poller does by itself

    async def advance(self, seat: Seat, jobs: list[Job], fence: Fence) -> float | None:
        """Send the waiting submits whose turn it is, settle the orphaned ones; who asked first goes first.

        Returns when to look again by the clock, or None when only an event can change anything.
        """
        core = self._core
        place, blocked = 0, False
        next_at: float | None = None
        # By when it was asked for: a try that was held back must not cost the place.
        for job in sorted(jobs, key=lambda job: job.submitted_at or 0.0):
            intent = job.intent
            if intent is None or intent.kind is not IntentKind.SUBMIT:
                continue
            if await self._intents.held_elsewhere(job):
                next_at = _sooner(next_at, core.clock.now() + PATIENCE / 2)
                continue
            if intent.stage is not Stage.WAITING:
                job = await self._unanswered(seat, job, fence)
                intent = job.intent
                if intent is None or intent.not_before is None:
                    continue
            else:
                place += 1
            now = core.clock.now()
            if not schedule.passed(intent.not_before, intent.at, now):
                next_at = _sooner(next_at, intent.not_before)
                blocked = blocked or intent.stage is Stage.WAITING
                continue
            if intent.stage is Stage.WAITING and (blocked or await self._sender.full(seat)):
                blocked = True
                await self._note_place(seat, job, place, fence)
                continue
            if not self._intents.begin(job.id):
                continue
            with self._intents.ending(job.id):
                sent = await self._sender.send(seat, job, fence=fence)
                if sent.again:
                    tries = sent.job.intent.tries if sent.job.intent is not None else 1
                    repeat_at = core.clock.now() + pause_before(tries)
                    sent = await self._sender.park(sent, repeat_at=repeat_at)
            left = sent.job.intent
            if left is not None and left.not_before is not None:
                next_at = _sooner(next_at, left.not_before)
            if intent.stage is Stage.WAITING and (left is None or left.stage is not Stage.WAITING):
                place -= 1
            blocked = blocked or sent.blocked
        return next_at

    async def _unanswered(self, seat: Seat, job: Job, fence: Fence) -> Job:
        """A submit whose sender is gone, or that is unsure: repeated where that does no harm, else unsure.

        `not_before` of the result's intent says when it is repeated; None: it is the operator's to decide.
        """
        intent, now = job.intent, self._core.clock.now()
        assert intent is not None
        orphaned = intent.stage is Stage.SENDING
        if not orphaned and intent.not_before is None and intent.owner is None:
            return job
        safe = repeat_is_safe(seat, job, now) and intent.tries <= REPEATS
        repeat_at = (now if orphaned else intent.not_before) if safe else None
        after = replace(intent, stage=Stage.UNSURE, owner=None, not_before=repeat_at)
        if after == intent:
            return job
        words = unsure_words(intent.at)
        return await self._core.ledger.change(
            job.id,
            lambda row: (
                replace(row, intent=after, message=words, updated_at=now) if row.intent == intent else None
            ),
            fence=fence,
            durable=True,
            what="the sender ended before an answer came" if orphaned else None,
        )

    async def _note_place(self, seat: Seat, job: Job, place: int, fence: Fence) -> None:
        if seat.slots is None:
            return
        words, intent, now = slot_words(place), job.intent, self._core.clock.now()
        if job.message == words:
            return
        await self._core.ledger.change(
            job.id,
            lambda row: replace(row, message=words, updated_at=now) if row.intent == intent else None,
            fence=fence,
        )


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((at for at in (one, other) if at is not None), default=None)
