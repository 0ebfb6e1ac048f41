"""Bringing the table and the vendors together without submitting: track, adopt, forget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reportdash import lifecycle
from reportdash.engine.compare import Compare
from reportdash.engine.core import Core, judging
from reportdash.engine.intents import PATIENCE, Intents, pause_before
from reportdash.engine.seat import Seat, another_key
from reportdash.errors import (
    AuthFailed,
    CallFailed,
    CredentialProblem,
    Exit,
    NoCredential,
    Problem,
    SafetyProblem,
    Throttled,
    UsageProblem,
    VendorRefused,
)
from reportdash.model import IntentKind, Job, JobState, Stage, new_id, replace
from reportdash.plain import clean


class Reconcile:
    """Rows for jobs that were started elsewhere, and tombstones for those nobody wants to see."""

    def __init__(
        self, core: Core, compare: Compare, intents: Intents, unsaved: Callable[[Job], Awaitable[bool]]
    ) -> None:
        self._core = core
        self._compare = compare
        self._intents = intents
        self._unsaved = unsaved

    async def track(self, seat: Seat, text: str, *, name: str | None = None, for_: str | None = None) -> Job:
        """Follow the job with this reference; no request. A known reference gives its row.

        `for_`: the id of a submit without an answer that this reference belongs to.
        Raises UsageProblem for a reference the vendor would not know as one.
        """
        with judging(seat.vendor.title, "the reference"):
            reference = seat.vendor.reference(text)
        if for_ is not None:
            return await self._bind(seat, for_, reference, name)
        now = self._core.clock.now()
        job = Job(
            id=new_id(),
            account=seat.name,
            vendor=seat.vendor.name,
            name=name or reference,
            reference=reference,
            state=JobState.QUEUED,
            submitted_at=now,
            updated_at=now,
            next_poll_at=now,
            tracked=True,
        )
        row, _ = await self._core.ledger.add(job, what="tracked")
        return row

    async def _bind(self, seat: Seat, job_id: str, reference: str, name: str | None) -> Job:
        """The reference of a submit that went unanswered: from here on it is looked at."""
        job = await self._core.ledger.job(job_id)
        if job is None or job.account != seat.name:
            raise UsageProblem(f"{job_id} is no job of the account {seat.name}; `reportdash jobs` lists them")
        if not lifecycle.unsure_submit(job):
            raise UsageProblem(
                f"{job_id} is {job.state}: only a submit without an answer takes a reference; "
                "track it without --for"
            )
        now, intent = self._core.clock.now(), job.intent

        def change(row: Job) -> Job | None:
            if row.intent != intent:
                return None
            bound = replace(
                row,
                name=name or row.name,
                reference=reference,
                intent=None,
                message=None,
                next_poll_at=now,
                updated_at=now,
            )
            return lifecycle.enter(bound, JobState.QUEUED, now)

        row = await self._core.ledger.change(
            job_id, change, who="operator", what=f"its reference is {reference}", durable=True
        )
        if row.reference != reference:
            raise UsageProblem(f"{job_id} has changed meanwhile; look at it again")
        return row

    async def adopt_patiently(self, seat: Seat) -> list[Job]:
        """Rows for what the vendor lists and nobody knows. A list call is safe to repeat, for a minute.

        Raises SafetyProblem where the vendor lists nothing, and Problem at the end.
        """
        clock = self._core.clock
        started, tries = clock.monotonic(), 0
        while True:
            try:
                return (await self._compare.run(seat, adopt=True)).adopted
            except (NoCredential, AuthFailed) as error:
                said = f"{seat.name}: {clean(error.text)}"
                if isinstance(error, AuthFailed):  # what else there is to say of a key says its own next step
                    said = f"{said.rstrip('.')}; {await another_key(seat)}"
                raise CredentialProblem(said) from error
            except CallFailed as error:
                tries += 1
                pause = pause_before(tries)
                if isinstance(error, Throttled) and error.retry_after is not None:
                    pause = max(pause, error.retry_after)
                refused = isinstance(error, VendorRefused) and (error.status or 400) < 500
                if refused or clock.monotonic() - started + pause > PATIENCE:
                    raise Problem(
                        f"{seat.name}: {clean(error.text)}; `reportdash doctor` looks at each account",
                        exit_code=Exit.FAILED if refused else Exit.UNREACHABLE,
                    ) from error
                await clock.sleep(pause)

    async def forget(self, job: Job, *, unsaved: bool = False) -> Job:
        """Take the job, and its children, from the table; a tombstone stays. The vendor hears nothing.

        Raises SafetyProblem for an unsaved report, a group's child, and an act that is under way.
        """
        ledger = self._core.ledger
        while True:
            judged = [job, *(await ledger.children(job.id) if job.is_group else ())]
            await self.check_forget(job, unsaved=unsaved)
            job = await ledger.forget(job.id, judged=judged)
            if job.forgotten_at is not None:
                return job

    async def check_forget(self, job: Job, *, unsaved: bool = False) -> None:
        """Raises SafetyProblem with the reason when the job must not be forgotten as it is."""
        if job.parent is not None:
            raise SafetyProblem(
                f"{job.id} is part of the group {job.parent}: a group is forgotten as a whole, take that one"
            )
        intent = job.intent
        if intent is not None and intent.stage is Stage.SENDING and await self._intents.held_elsewhere(job):
            act = "submitted" if intent.kind is IntentKind.SUBMIT else "deleted"
            raise SafetyProblem(f"{job.id} is being {act} right now: wait until that has ended")
        if not unsaved and await self._unsaved(job):
            raise SafetyProblem(
                f"{job.id} is {job.state} and not saved: `reportdash download {job.id}` first, "
                "or give --unsaved to forget it as it is"
            )
