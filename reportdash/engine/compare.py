"""The vendor's whole list held against the ledger: what is only there, only here, or told differently.

A list is no look that failed: what it leaves out keeps its state, and only its drift says so. What it tells
differently of a live row is the vendor's newest word, and is taken for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reportdash import lifecycle
from reportdash.engine import schedule
from reportdash.engine.core import Core, discreet, reading
from reportdash.engine.health import HealthDesk
from reportdash.engine.look import Looker
from reportdash.engine.seat import Seat
from reportdash.errors import BadPayload, CallFailed, LeaseLost, Problem, SafetyProblem
from reportdash.model import (
    FINAL,
    Account,
    Fence,
    Job,
    JobState,
    Seen,
    new_id,
    replace,
)
from reportdash.plain import clean
from reportdash.vendors.contract import Action, No

if TYPE_CHECKING:
    from reportdash.ledger.reads import Known

log = logging.getLogger(__name__)

ADOPT_EVERY = 600.0
COMPARE_EVERY = 3600.0
COMPARE_FIRST = 300.0
"""Seconds between two whole readings of a list that is to adopt, and of one that only shows what has drifted;
the latter does not add to what a start asks for."""
AGAIN = 60.0
"""Seconds after a list that was to bring back what a damaged ledger lost, and could not be read."""
MOST_LISTED = 100_000
"""Jobs of a list that are read: each of them is kept in memory, and becomes a row where it is adopted."""
TURN = 50
"""Jobs of a list after which everything else has its turn."""
_CONSISTENT = FINAL | {JobState.LOST}
"""States that say themselves that the vendor has the job no longer: nothing drifts when its list agrees."""


@dataclass(slots=True)
class Compared:
    """What one comparison found at the vendor: `adopted`, new rows, and references that became none."""

    adopted: list[Job] = field(default_factory=list)
    only_there: list[str] = field(default_factory=list)


class Compare:
    """Reads a vendor's list to its end and writes where it and the ledger part."""

    def __init__(self, core: Core, health: HealthDesk, looker: Looker) -> None:
        self._core = core
        self._health = health
        self._looker = looker

    async def run(
        self,
        seat: Seat,
        *,
        adopt: bool,
        fence: Fence | None = None,
        what: str = "adopted from the vendor's list",
        but: Collection[str] = (),
    ) -> Compared:
        """Compare; with `adopt`, what nobody knows here becomes a row. What was forgotten stays forgotten.

        `what`: the history line of such a row; references in `but` become none.
        Raises SafetyProblem where the vendor lists nothing, LeaseLost, and what its calls raise; nothing is
        written of a list that breaks off, but for what was adopted until then.
        """
        can = seat.vendor.can(Action.LIST)
        if isinstance(can, No):
            raise SafetyProblem(can.reason)
        core, found = self._core, Compared()
        listed: dict[str, Seen] = {}
        asked = core.clock.now()
        known = await core.ledger.known(seat.name)
        try:
            async for seen in _read(seat):
                if seen.reference is None:
                    continue
                listed[seen.reference] = seen
                if seen.reference in known:
                    continue
                if not adopt or seen.reference in but:
                    found.only_there.append(seen.reference)
                    continue
                # The poller's list carries its fence; without one somebody asked for this.
                who = "reportdash" if fence is not None else "operator"
                row, new = await core.ledger.add(_adopted(core, seat, seen), who=who, what=what)
                if new:
                    found.adopted.append(row)
        except CallFailed as error:
            await self._health.failed(seat, error, asked=asked, fence=fence)
            raise
        await self._health.answered(seat.name, asked=asked, fence=fence)
        writes = [
            write
            for reference, row in known.items()
            if row is not None and (write := self._held(seat, reference, row, listed, asked, fence))
        ]
        await asyncio.gather(*writes)
        await self._tell(seat, found, asked, fence)
        return found

    def _held(
        self,
        seat: Seat,
        reference: str,
        row: Known,
        listed: Mapping[str, Seen],
        asked: float,
        fence: Fence | None,
    ) -> Coroutine[Any, Any, None] | None:
        """Hold one row against the list; what has to be written of it, if anything."""
        seen = listed.get(reference)
        if row.busy or (row.submitted_at is not None and row.submitted_at > asked):
            return None  # an act decides, or the list is older than the job
        drift: str | None = None
        if seen is None:
            drift = seat.vendor.unlisted(reference) if row.state not in _CONSISTENT else None
        elif row.state in FINAL:
            if seen.state is not JobState.DELETED:
                drift = f"listed as {clean(seen.vendor_status or seen.state, 80)}"
        elif row.state is JobState.EMPTY and seen.state is JobState.READY:
            pass  # that nothing is in it was told by the report itself; a list has no word for it
        elif (seen.state, seen.vendor_status) != (row.state, row.vendor_status):
            return self._take(seat, row, seen, asked, fence)
        return self._drift(row, drift, fence) if drift != row.drift else None

    async def _take(self, seat: Seat, row: Known, seen: Seen, asked: float, fence: Fence | None) -> None:
        """The list knows better, unless the job was looked at since: the row becomes what it says."""
        job = await self._core.ledger.job(row.id)
        if job is None or job.intent is not None or (job.seen_at is not None and job.seen_at > asked):
            return
        job = await self._looker.told(seat, job, seen, fence)
        if job.drift is not None:
            await self._drift(row, None, fence)

    async def _drift(self, row: Known, drift: str | None, fence: Fence | None) -> None:
        now = self._core.clock.now()

        def fold(job: Job) -> Job | None:
            if job.forgotten_at is not None or (drift is not None and job.state is not row.state):
                return None  # something has happened since: the next comparison tells
            return replace(job, drift=drift, updated_at=now)

        await self._core.ledger.change(row.id, fold, fence=fence)

    async def _tell(self, seat: Seat, found: Compared, asked: float, fence: Fence | None) -> None:
        """The account's row: when, and what is at the vendor only; the ledger keeps the first few by name."""
        told = tuple(found.only_there)

        def fold(row: Account) -> Account:
            return replace(row, listed_at=asked, only_there=told, only_there_count=len(told))

        await self._core.ledger.change_account(seat.name, fold, fence=fence)


class Comparisons:
    """When one account's list is compared: now and then, and not while its poller starts.

    `adopt`: what the vendor has and nobody knows becomes a row. After a damaged ledger was replaced that
    holds once, at once, for every account that may adopt: what neither backup nor log knew comes back so.
    """

    def __init__(self, core: Core, compare: Compare, seat: Seat, *, adopt: bool, may: bool = True) -> None:
        self._core = core
        self._compare = compare
        self._seat = seat
        self._adopt = adopt
        self._every = ADOPT_EVERY if adopt else COMPARE_EVERY
        self._next = float("-inf")
        self._running = False
        self._may = may
        self._rescued_at: float | None = None

    async def begin(self) -> None:
        """The poller begins anew."""
        self._next = float("-inf")
        self._rescued_at = await self._core.ledger.rescued_at() if self._may else None

    def start(self, row: Account, fence: Fence, now: float) -> None:
        """Start one, beside everything else, if its time has come; `row` is the account's."""
        self._next = min(self._next, now + self._every)  # a clock that went back puts it no further off
        if self._running or now < self._next or not self._seat.vendor.can(Action.LIST):
            return
        if self._rescued_at is not None and (row.listed_at is None or row.listed_at < self._rescued_at):
            self._next, self._running = now + AGAIN, True
            self._core.spawn(self._run(fence, back=row.only_there))
        elif not self._adopt and self._next == float("-inf"):
            self._next = now + COMPARE_FIRST
        elif row.listed_at is not None and now - self._every < row.listed_at <= now:
            self._next = (
                row.listed_at + self._every
            )  # a restart, or another process, is no reason to ask anew
        else:
            self._next, self._running = now + self._every, True
            self._core.spawn(self._run(fence))

    async def _run(self, fence: Fence, *, back: Collection[str] | None = None) -> None:
        """Compare. `back`: after a damage; these references, others' jobs as the backup had it, stay away."""
        try:
            if back is None or self._adopt:
                await self._compare.run(self._seat, adopt=self._adopt, fence=fence)
            else:
                what = "came back from the vendor's list: the ledger was damaged"
                await self._compare.run(self._seat, adopt=True, fence=fence, what=what, but=back)
        except (LeaseLost, KeyError):
            pass  # who polls now compares; what was pruned meanwhile needs none
        except (CallFailed, Problem) as error:
            log.info("%s: its list could not be read whole: %s", self._seat.name, error)
        finally:
            self._running = False


async def _read(seat: Seat) -> AsyncIterator[Seen]:
    """The vendor's list; a mistake of its own code is a list that could not be read."""
    with reading(seat.name, "its list", seat.hide):
        count = 0
        async for seen in seat.vendor.list():
            count += 1
            if count > MOST_LISTED:
                raise BadPayload(f"a list without end: more than {MOST_LISTED} jobs; the rest was not read")
            if not count % TURN:
                await asyncio.sleep(0)  # a page comes at once, however much it holds
            yield discreet(seen, seat.hide)


def _adopted(core: Core, seat: Seat, seen: Seen) -> Job:
    now, policy = core.clock.now(), seat.policy
    assert seen.reference is not None
    bare = Job(
        id=new_id(),
        account=seat.name,
        vendor=seat.vendor.name,
        name=seen.reference,
        reference=seen.reference,
        state=JobState.QUEUED,
        submitted_at=seen.submitted_at or now,
        updated_at=now,
        tracked=seen.submitted_at is None,
        adopted=True,
    )
    job = lifecycle.fold(bare, seen, now, policy.ttl)
    return replace(job, next_poll_at=schedule.after_look(job, policy, now, core.chance))
