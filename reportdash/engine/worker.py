"""One account's poller: takes the lease, looks at what is due, brings open intents to their end.

All it knows of jobs it reads from the ledger; it sleeps on nothing but the clock and changes of the ledger.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from reportdash import lifecycle
from reportdash.engine import schedule
from reportdash.engine.admission import Admission
from reportdash.engine.compare import Compare, Comparisons
from reportdash.engine.core import Core
from reportdash.engine.delete import Deletes
from reportdash.engine.health import HealthDesk, probing
from reportdash.engine.look import Looker
from reportdash.engine.seat import Seat
from reportdash.engine.submit import Submits
from reportdash.engine.times import Times
from reportdash.errors import CallFailed, LeaseLost, Problem
from reportdash.model import Account, Fence, Health, Job, replace

log = logging.getLogger(__name__)

LEASE = 30.0
RENEW = 8.0
"""Between two renewals of a lease: three may fail before it ends."""
FOLLOW = 3.0
"""Between two tries for a lease that another process holds."""
ASK_AGAIN = 60.0
"""Between two looks for a credential that was missing or refused, when nobody says that there is one."""
LONGEST_WAIT = 30.0
MOST_LISTED = 1_000
UNLISTED = 600.0
"""After a list that told nothing: how long jobs are looked at one by one."""
STUMBLE = 5.0
"""Pause after something unexpected, so that it cannot become a busy loop."""


class Worker:
    """Polls one account while it holds the account's lease; follows while another process does.

    `wake` is set by whoever knows of a change, `intents_changed` with it when an intent may have to move.
    """

    def __init__(
        self,
        core: Core,
        seat: Seat,
        *,
        health: HealthDesk,
        looker: Looker,
        submits: Submits,
        deletes: Deletes,
        compare: Compare,
        read_only: bool = False,
    ) -> None:
        self._core = core
        self.seat = seat
        self._looker = looker
        self._submits = submits
        self._deletes = deletes
        adopt = seat.settings.adopt and not read_only
        self._comparisons = Comparisons(core, compare, seat, adopt=adopt, may=not read_only)
        self._times = Times(core, seat)
        self._read_only = read_only
        self.wake = asyncio.Event()
        self.intents_changed = True
        self.fence: Fence | None = None
        self._health = health
        self._admission = Admission(core, seat, health)
        self._in_hand: dict[str, asyncio.Task[None]] = {}  # looks under way, until they are written
        self._asking = 0  # of those, the ones whose request is under way
        self._acting: asyncio.Task[None] | None = None
        self._unlisted: set[str] = set()  # what the vendor's list does not tell: looked at one by one
        self._list_again = float("-inf")
        self._lost = False
        self._next_intents: float | None = None
        self._was_shut = False  # throttled or its breaker open, as the last turn saw the account

    @property
    def refusal(self) -> str | None:
        """Why this process cannot poll the account for want of a credential, if so."""
        return self._admission.refusal

    @property
    def leads(self) -> bool:
        return self.fence is not None

    async def run(self) -> None:
        """Follow, lead, follow …, until cancelled."""
        task = asyncio.current_task()
        assert task is not None
        while True:
            pause = STUMBLE
            try:
                fence = await self._take()
                await self._lead(fence)
            except LeaseLost:
                log.info("%s: another process polls it now", self.seat.name)
                pause = 0.0
            except (Problem, OSError, CallFailed) as error:
                log.warning("%s: polling stumbled: %s", self.seat.name, error)
            except Exception:
                log.exception("%s: polling stumbled", self.seat.name)
            else:
                pause = 0.0
            if task.cancelling():
                return  # what failed while it was given up must not keep it alive
            if pause:
                await self._core.clock.sleep(pause)

    # following

    async def _take(self) -> Fence:
        """Wait until this process may poll: a credential is there, and nobody else holds the lease."""
        core, seat = self._core, self.seat
        while True:
            self.wake.clear()
            row = await core.ledger.account(seat.name)
            if row.paused:
                await core.wait(self.wake, LONGEST_WAIT)
                continue
            if await core.ledger.held_elsewhere(seat.name):  # it has what it takes: our own key is no matter
                self._admission.refusal = None
                await core.wait(self.wake, FOLLOW)
                continue
            credential = await self._admission.credential(row)
            if credential is None:
                await core.wait(self.wake, ASK_AGAIN)
                continue
            fence = await core.ledger.take_lease(seat.name, LEASE)
            if fence is None:
                await core.wait(self.wake, FOLLOW)
                continue
            if row.health is not Health.AUTH_FAILED or await self._admission.accepted(credential):
                return fence
            await core.ledger.release(fence)
            await self._ask_later(row)

    async def _ask_later(self, row: Account) -> None:
        """Until something is new of the account since `row`: taking and giving back its lease, which wakes us
        too, is not, or it would be asked without a pause."""
        core = self._core
        end = core.clock.monotonic() + ASK_AGAIN
        while (left := end - core.clock.monotonic()) > 0:
            self.wake.clear()
            now = await core.ledger.account(self.seat.name)
            now = replace(now, rev=row.rev, owner=row.owner, epoch=row.epoch, lease_until=row.lease_until)
            if now != row:
                return
            await core.wait(self.wake, left)

    # leading

    async def _lead(self, fence: Fence) -> None:
        """Poll until the lease is lost, the account is paused or its credential is refused."""
        self.fence, self._lost, self.intents_changed = fence, False, True
        self._next_intents, self._was_shut = None, False
        keeper = asyncio.ensure_future(self._keep(fence))
        try:
            await self._comparisons.begin()
            self._admission.notice(await self._core.ledger.account(self.seat.name), first=True)
            self._core.habits.seed(self.seat.name, await self._core.ledger.durations(self.seat.name))
            await self._times.spread(fence, self._in_hand)
            while not self._lost and await self._round(fence):
                pass
            if self._acting is not None:
                await asyncio.wait({self._acting})  # what has left is brought to its end, whoever polls
        finally:
            self.fence = None
            keeper.cancel()
            await self._drop(list(self._in_hand.values()))
            if self._acting is not None:
                await self._drop([self._acting])
            if not self._lost:
                await self._core.ledger.release(fence)
        if self._lost:
            raise LeaseLost(self.seat.name)

    async def _round(self, fence: Fence) -> bool:
        """One turn: start what is due, then wait for whatever comes first. False: stop leading."""
        core, seat = self._core, self.seat
        self.wake.clear()
        if core.ledger.full and not await self._has_room(fence):
            return True
        row = await core.ledger.account(seat.name)
        if row.health is Health.AUTH_FAILED:
            await self._admission.refused(row)
            return False
        if row.paused:
            return False
        self._admission.notice(row)
        row, jumped = await self._times.mind_the_clock(row, fence, self._in_hand)
        if jumped:
            self.intents_changed, self._next_intents = True, None
            self._list_again = min(self._list_again, core.clock.now() + UNLISTED)
        if (hold := seat.client.hold) is not None:
            row = await self._health.held(row, hold, fence=fence)
        now = core.clock.now()
        open_at = self._times.open_at(row, now)
        if open_at > now:
            self._was_shut = True
            await core.wait(self.wake, min(open_at - now, LONGEST_WAIT))
            return True
        if self._was_shut and row.health is Health.OK:
            self._was_shut = False
            await self._times.spread(fence, self._in_hand)
        if probing(row):  # one request at a time: what waits otherwise goes first only if no job can tell
            next_at = await self._start_looks(fence, 0 if self._acting is not None else 1, probe=True)
            if self._asking:  # an intent that is due waits for the probe: its end wakes
                await core.wait(self.wake, LONGEST_WAIT)
                return True
            self._start_intents(fence)
        else:
            self._start_intents(fence)
            self._comparisons.start(row, fence, now)
            next_at = await self._start_looks(fence, seat.policy.max_inflight)
        times = [at for at in (next_at, self._next_intents) if at is not None]
        pause = max(min(times) - core.clock.now(), 0.0) if times else LONGEST_WAIT
        await core.wait(self.wake, min(pause, LONGEST_WAIT))
        return True

    async def _has_room(self, fence: Fence) -> bool:
        """On a full disk no vendor is asked for what could not be kept. Raises LeaseLost."""
        try:
            await self._core.ledger.renew(fence, LEASE)
        except Problem:
            await self._core.clock.sleep(STUMBLE)
            return False
        return True

    async def _keep(self, fence: Fence) -> None:
        """Renew the lease until it is lost."""
        while True:
            await self._core.clock.sleep(RENEW)
            try:
                await self._core.ledger.renew(fence, LEASE)
            except LeaseLost:
                self._lose()
                return
            except (Problem, OSError) as error:  # a full disk; the fence decides what still counts
                log.warning("%s: the lease could not be renewed: %s", self.seat.name, error)

    def _lose(self) -> None:
        self._lost = True
        self.wake.set()

    # work

    def _start_intents(self, fence: Fence) -> None:
        """Waiting submits, orphaned intents, unfinished deletes: beside the looks, one after the other."""
        due = self._next_intents is not None and self._core.clock.now() >= self._next_intents
        if self._read_only or self._acting is not None or not (self.intents_changed or due):
            return
        self.intents_changed, self._next_intents = False, None
        self._acting = asyncio.ensure_future(self._intents(fence))

    async def _intents(self, fence: Fence) -> None:
        try:
            jobs = await self._core.ledger.open_intents(self.seat.name)
            if jobs:
                times = (
                    await self._submits.advance(self.seat, jobs, fence),
                    await self._deletes.advance(self.seat, jobs, fence),
                )
                self._next_intents = min((at for at in times if at is not None), default=None)
        except LeaseLost:
            self._lose()
        except Exception:
            log.exception("%s: its intents could not be brought forward", self.seat.name)
            self._next_intents = self._core.clock.now() + LONGEST_WAIT
        finally:
            self._acting = None
            self.wake.set()

    async def _start_looks(self, fence: Fence, most: int, *, probe: bool = False) -> float | None:
        """Start looks at what is due, at most `most` requests at a time. When the next one is due.

        No more than the pace lets through soon. `probe`: if nothing is due, the job that will be next.
        """
        room = most - self._asking
        if room <= 0:
            return None  # the end of a look wakes
        now = self._core.clock.now()
        turns, pause = self.seat.client.pacer.soon()
        if not turns:
            return now + pause
        room = min(room, turns)
        if self.seat.vendor.lists_from and now >= self._list_again:
            room -= await self._start_list(fence, now)
            if room <= 0:
                return None
        wanted = len(self._in_hand) + room + 1
        ahead = float("inf") if probe else now + LONGEST_WAIT
        for job in await self._core.ledger.due(self.seat.name, ahead, limit=wanted):
            if job.id in self._in_hand:
                continue
            if job.next_poll_at is None or (job.next_poll_at > now and not probe):
                return job.next_poll_at
            if room <= 0:
                return None
            room -= 1
            self._in_hand[job.id] = asyncio.ensure_future(self._look(job, fence, self._ask()))
            await asyncio.sleep(0)  # each sets out in a turn of its own
        return None if room <= 0 else now + LONGEST_WAIT

    async def _start_list(self, fence: Fence, now: float) -> int:
        """Look at all jobs that are due, or will be soon, by one list call where that is fewer requests.

        How many requests were begun: one or none.
        """
        vendor, policy = self.seat.vendor, self.seat.policy
        ahead = await self._core.ledger.due(self.seat.name, now + policy.poll_max, limit=MOST_LISTED)
        jobs = [
            job
            for job in ahead
            if schedule.polled(job)
            and job.id not in self._in_hand
            and job.id not in self._unlisted
            and not vendor.group(job.reference or "")
            and lifecycle.fold_expiry(job, now) is job
        ]
        if len(jobs) < vendor.lists_from or not any((job.next_poll_at or now) <= now for job in jobs):
            return 0
        task = asyncio.ensure_future(self._look_at_list(jobs, fence, self._ask()))
        self._in_hand.update(dict.fromkeys((job.id for job in jobs), task))
        return 1

    async def _look_at_list(self, jobs: list[Job], fence: Fence, answered: Callable[[], None]) -> None:
        try:
            left = await self._looker.look_at_many(self.seat, jobs, fence, answered)
            self._unlisted.update(job.id for job in left)
            if len(left) == len(jobs):
                self._list_again = self._core.clock.now() + UNLISTED
        except LeaseLost:
            self._lose()
        except Exception:
            log.exception("%s: a list could not be kept", self.seat.name)
            await self._core.clock.sleep(STUMBLE)
        finally:
            answered()
            for job in jobs:
                self._in_hand.pop(job.id, None)
            self.wake.set()

    def _ask(self) -> Callable[[], None]:
        """Count a request; the function that is returned counts it out again, once."""
        asking = True
        self._asking += 1

        def answered() -> None:
            nonlocal asking
            if asking:
                asking = False
                self._asking -= 1
                self.wake.set()

        return answered

    async def _look(self, job: Job, fence: Fence, answered: Callable[[], None]) -> None:
        try:
            now = self._core.clock.now()
            if lifecycle.fold_expiry(job, now) is not job:
                await self._expire(job, fence)
            elif not schedule.may_look(job):
                await self._core.ledger.change(
                    job.id, lambda row: replace(row, next_poll_at=None), fence=fence
                )
            else:
                await self._looker.look(self.seat, job, fence, answered)
        except LeaseLost:
            self._lose()
        except KeyError:
            pass  # pruned meanwhile
        except Exception:
            # The row could not be written: it is still due, and must not be asked for in a busy loop.
            log.exception("%s: a look at %s could not be kept", self.seat.name, job.id)
            await self._core.clock.sleep(STUMBLE)
        finally:
            answered()
            self._unlisted.discard(job.id)
            self._in_hand.pop(job.id, None)
            self.wake.set()

    async def _expire(self, job: Job, fence: Fence) -> None:
        now = self._core.clock.now()
        await self._core.ledger.change(job.id, lambda row: lifecycle.fold_expiry(row, now), fence=fence)

    async def _drop(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)
