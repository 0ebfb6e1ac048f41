"""Putting the times of looks right: at the start, after trouble of the account, after a jump of the clock.

They stand in the ledger on the wall clock, which can be set; and nobody looks while the machine sleeps.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from reportdash.engine import schedule
from reportdash.engine.core import Core
from reportdash.engine.health import usable_at
from reportdash.engine.seat import Seat
from reportdash.model import Account, Fence, Health, Job, replace

log = logging.getLogger(__name__)

MOST_SPREAD = 10_000


class Times:
    """One account's times, as its poller minds them."""

    def __init__(self, core: Core, seat: Seat) -> None:
        self._core = core
        self._seat = seat
        self._clocks: tuple[float, float] | None = None  # wall − boot time, boot time − time awake
        self._closed_till: float | None = None  # the account's `until` as the last turn saw it

    def open_at(self, row: Account, now: float) -> float:
        """When the account may be asked; a pause longer than any was meant on a clock that has jumped."""
        at = usable_at(row, now)
        longest = max(schedule.LONGEST_THROTTLE + 1.0, schedule.BACKOFF_CAP, self._seat.policy.poll_min)
        return at if at - now <= longest else now

    async def spread(
        self, fence: Fence, in_hand: Collection[str], *, jumped: bool = False, slept: bool = False
    ) -> None:
        """First looks spread over the interval; what a jumped clock put far away is due as well.

        So is what trouble of the account has pushed out, now that the account is well. After a mere sleep
        (`slept`) every time is still meant as it stands. Jobs `in_hand` are under way. Raises LeaseLost.
        """
        core, policy = self._core, self._seat.policy
        now = core.clock.now()
        row = await core.ledger.account(self._seat.name)
        until, well = self.open_at(row, now), row.health is Health.OK
        pause = 0.0 if jumped else schedule.BACKOFF_CAP

        def due(job: Job) -> bool:
            at = job.next_poll_at
            if at is None or slept:
                return at is not None and at <= now
            known = None if jumped else core.habits.of(job)
            if well and job.attempts and job.health is Health.OK:
                return at <= now or at > now + schedule.interval(job, policy, now) * (1 + schedule.JITTER)
            return at <= now or schedule.too_far(job, policy, now, until, pause=pause, usual=known)

        ahead = await core.ledger.due(self._seat.name, float("inf"), limit=MOST_SPREAD)
        jobs = [job for job in ahead if job.id not in in_hand and due(job)]
        if len(jobs) <= 1 and all((job.next_poll_at or now) <= now for job in jobs):
            return
        places = schedule.stagger(jobs, policy, now, core.chance)

        def move(row: Job) -> Job | None:
            return replace(row, next_poll_at=places[row.id]) if due(row) else None

        await asyncio.gather(*(core.ledger.change(job.id, move, fence=fence) for job in jobs))

    async def mind_the_clock(
        self, row: Account, fence: Fence, in_hand: Collection[str]
    ) -> tuple[Account, bool]:
        """Look whether the wall clock was set, or the machine slept. The row after it; whether it was set.

        After a step back, what was due soon would be due in an hour; after a step ahead, or a sleep, all is
        due at once. Raises LeaseLost.
        """
        clock = self._core.clock
        boot = clock.boottime()
        clocks = (clock.now() - boot, boot - clock.monotonic())
        before, self._clocks = self._clocks or clocks, clocks
        moved, slept = clocks[0] - before[0], clocks[1] - before[1]
        jumped = abs(moved) > schedule.JUMP
        if jumped:
            log.info("%s: the clock was moved by %.0f s", self._seat.name, moved)
            row = await self._move(row, moved, fence)
            await self.spread(fence, in_hand, jumped=True)
        elif slept > schedule.JUMP:
            log.info("%s: the machine slept for %.0f s", self._seat.name, slept)
            await self.spread(fence, in_hand, slept=True)
        self._closed_till = row.until
        return row, jumped

    async def _move(self, row: Account, moved: float, fence: Fence) -> Account:
        """Put the account's pause, which was meant on the old wall clock, on the new one."""
        meant = self._closed_till  # any other time was written since the jump

        def fold(row: Account) -> Account | None:
            if row.until is None or row.until != meant:
                return None
            since = row.since + moved if row.since is not None else None
            return replace(row, until=row.until + moved, since=since)

        return await self._core.ledger.change_account(self._seat.name, fold, fence=fence)
