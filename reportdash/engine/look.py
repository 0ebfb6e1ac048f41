"""One look at one job: ask the vendor, fold the answer into the ledger's row, say when to look again.

A look that fails changes the job's attempts and last error, and the account's health; never the job's state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from reportdash import lifecycle
from reportdash.engine import schedule
from reportdash.engine.core import Core, discreet, last_error, reading
from reportdash.engine.health import HealthDesk, usable_at
from reportdash.engine.seat import Seat
from reportdash.errors import (
    AuthFailed,
    CallFailed,
    NoCredential,
    NotFound,
    Throttled,
    Unreachable,
)
from reportdash.model import Account, Exchange, Fence, Health, Job, Seen, replace
from reportdash.plain import clean

log = logging.getLogger(__name__)

_ACCOUNTS_MATTER = (Throttled, NoCredential, AuthFailed, Unreachable)


class Looker:
    """Looks at jobs. Every write carries the fence it is given; None: an operator asks, whoever polls."""

    def __init__(self, core: Core, health: HealthDesk) -> None:
        self._core = core
        self._health = health

    async def look(self, seat: Seat, job: Job, fence: Fence | None, answered: Callable[[], None]) -> Job:
        """Look once and write what was seen.

        `answered` is called when the request is over and the account's row says what it told of the account.

        Raises LeaseLost, and KeyError when the row is gone.
        """
        core = self._core
        asked = core.clock.now()
        result: Seen | CallFailed
        with core.exchanges.of(job.id) as kept:
            try:
                with reading(seat.name, f"the status of {job.id}", seat.hide):
                    result = await seat.vendor.status(job)
            except CallFailed as error:
                result = error
            exchanges = list(kept)
            kept.clear()
        if isinstance(result, _ACCOUNTS_MATTER):
            account = await self._health.failed(seat, result, asked=asked, fence=fence)
            answered()
            return await self._account_failed(seat, job, result, account, exchanges, fence)
        await self._health.answered(seat.name, asked=asked, fence=fence, hold=seat.client.hold)
        answered()
        if isinstance(result, Seen):
            return await self._seen(seat, job, result, exchanges, fence)
        return await self._not_seen(seat, job, result, exchanges, fence)

    async def look_at_many(
        self, seat: Seat, jobs: Sequence[Job], fence: Fence, answered: Callable[[], None]
    ) -> list[Job]:
        """Look at all of them by the vendor's list; returns those it tells nothing of.

        A list that cannot be had is no trouble of the jobs: they are looked at one by one. Trouble of the
        account is written to the first of them alone. Raises LeaseLost.
        """
        core = self._core
        asked = core.clock.now()
        with core.exchanges.of(jobs[0].id) as kept:
            try:
                with reading(seat.name, "the list", seat.hide):
                    found = await seat.vendor.statuses(jobs)
            except _ACCOUNTS_MATTER as error:
                account = await self._health.failed(seat, error, asked=asked, fence=fence)
                answered()
                exchanges, kept[:] = list(kept), []
                await self._account_failed(seat, jobs[0], error, account, exchanges, fence)
                return []
            except CallFailed as error:
                log.info("%s: no list: %s", seat.name, clean(error.text))
                found = {}
            exchanges, kept[:] = list(kept), []
        if found:
            await self._health.answered(seat.name, asked=asked, fence=fence, hold=seat.client.hold)
        answered()
        told = [(job, found[job.reference or ""]) for job in jobs if job.reference in found]
        # The answer is kept whole once; the others' rows say where they were seen.
        brief = [one._replace(request="", response=f"(one answer for {len(told)} jobs)") for one in exchanges]
        results = await asyncio.gather(
            *(
                self._seen(seat, job, seen, brief if nth else exchanges, fence)
                for nth, (job, seen) in enumerate(told)
            ),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, KeyError):
                raise result
        return [job for job in jobs if job.reference not in found]

    async def told(self, seat: Seat, job: Job, seen: Seen, fence: Fence | None) -> Job:
        """Write what a list told of the job, as if it had been looked at. Raises LeaseLost, KeyError."""
        return await self._seen(seat, job, seen, (), fence)

    async def _seen(
        self, seat: Seat, job: Job, seen: Seen, exchanges: Sequence[Exchange], fence: Fence | None
    ) -> Job:
        now, policy, chance = self._core.clock.now(), seat.policy, self._core.chance
        habits, seen = self._core.habits, discreet(seen, seat.hide)

        def fold(row: Job) -> Job:
            folded = lifecycle.fold(row, seen, now, policy.ttl)
            at = schedule.after_look(folded, policy, now, chance, habits.of(folded))
            return replace(folded, next_poll_at=at)

        def fold_group(row: Job, children: list[Job]) -> tuple[Job, list[Job]]:
            return fold(row), lifecycle.fold_children(row, children, seen, now)

        ledger = self._core.ledger
        if seen.children or seen.children_total is not None:
            row = await ledger.change_group(
                job.id, fold_group, fence=fence, who="vendor", clear_error=True, exchanges=exchanges
            )
        else:
            row = await ledger.change(
                job.id, fold, fence=fence, who="vendor", clear_error=True, exchanges=exchanges
            )
        habits.learn(job, row)
        return row

    async def _not_seen(
        self, seat: Seat, job: Job, error: CallFailed, exchanges: Sequence[Exchange], fence: Fence | None
    ) -> Job:
        """The vendor answered, but told nothing of a state: not found, or nothing readable."""
        now, policy, chance = self._core.clock.now(), seat.policy, self._core.chance

        def fold(row: Job) -> Job:
            if isinstance(error, NotFound):
                words = clean(error.text)
                folded = lifecycle.fold_gone(row, words, now, ttl=policy.ttl, certain=error.certain)
            else:
                folded = lifecycle.fold_error(row, now, bad_payload=True)
            again = schedule.after_failure if folded.attempts else schedule.after_look
            return replace(folded, next_poll_at=again(folded, policy, now, chance))

        return await self._core.ledger.change(
            job.id, fold, fence=fence, error=last_error(error, now), exchanges=exchanges
        )

    async def _account_failed(
        self,
        seat: Seat,
        job: Job,
        error: CallFailed,
        account: Account | None,
        exchanges: Sequence[Exchange],
        fence: Fence | None,
    ) -> Job:
        """The account is in trouble; the job only waits for it."""
        now, policy, chance = self._core.clock.now(), seat.policy, self._core.chance
        until = usable_at(account, now) if account is not None else now
        refused = account is not None and account.health is Health.AUTH_FAILED
        if fence is not None and isinstance(error, Throttled) and error.status is None:
            # Our own pacing held it back: nothing was asked, so nothing failed.
            return await self._core.ledger.change(
                job.id,
                lambda row: replace(row, next_poll_at=until) if row.next_poll_at is not None else None,
                fence=fence,
            )

        def fold(row: Job) -> Job:
            folded = lifecycle.fold_error(row, now)
            at = schedule.after_failure(folded, policy, now, chance)
            # A refused account's jobs are due as soon as somebody has logged in.
            return replace(folded, next_poll_at=at if at is None else now if refused else max(at, until))

        return await self._core.ledger.change(
            job.id, fold, fence=fence, error=last_error(error, now), exchanges=exchanges
        )
