"""An account's health in the ledger: what a failed or a good answer does to the account's one row.

Health is shared truth: whichever process saw it writes it, pollers with their fence. A job's state is never
touched here.
"""

from __future__ import annotations

from dataclasses import dataclass

from reportdash.engine import schedule
from reportdash.engine.core import Core
from reportdash.engine.seat import Seat
from reportdash.errors import AuthFailed, CallFailed, NoCredential, Throttled, Unreachable
from reportdash.model import NO_KEY, Account, Fence, Health, replace
from reportdash.net.pacing import Hold
from reportdash.plain import clean

REFUSAL = 200
"""Characters of a refusal that are kept for later."""


@dataclass(slots=True)
class _Streak:
    """What one process remembers of an account's trouble: the answers to one burst count once."""

    throttles: int = 0
    throttled_at: float = float("-inf")
    probes: int = 0


def usable_at(row: Account, now: float) -> float:
    """When the account may be asked again; `now` if at once. Paused and refused are other questions."""
    if row.health not in (Health.THROTTLED, Health.UNREACHABLE) or row.until is None:
        return now
    return now if schedule.passed(row.until, row.since, now) else row.until


def probing(row: Account) -> bool:
    """Whether one request at a time is the rule: a throttle just ended, or the breaker is open."""
    return row.health is Health.THROTTLED or (
        row.health is Health.UNREACHABLE and row.failures >= schedule.BREAKER_AT
    )


class HealthDesk:
    """Writes what calls tell about their account."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._streaks: dict[str, _Streak] = {}
        self._refused: set[str] = set()

    def refused_us(self, account: str) -> bool:
        """Whether it was this process that the vendor said no to, or that took the credential away; once."""
        found = account in self._refused
        self._refused.discard(account)
        return found

    async def answered(
        self, account: str, *, asked: float, fence: Fence | None = None, hold: Hold | None = None
    ) -> None:
        """A readable answer came to a request sent at `asked`: trouble older than the request is over.

        `hold`: by its headers the vendor is to be left alone now, so the account is throttled, not well.
        """
        now = self._core.clock.now()
        row = await self._core.ledger.account(account)
        if hold is not None:
            await self.held(row, hold, fence=fence)
            return
        if row.health is Health.OK and row.failures == 0 and row.accepted_at is not None:
            self._streaks.pop(account, None)
            return

        def fold(row: Account) -> Account:
            if row.health is Health.AUTH_FAILED and row.since is not None and row.since > asked:
                return row
            if row.health is Health.THROTTLED and not schedule.passed(row.until, row.since, asked):
                return row
            accepted = row.accepted_at is None or row.health is Health.AUTH_FAILED
            return healthy(row, now, accepted=accepted)

        row = await self._core.ledger.change_account(account, fold, fence=fence)
        if row.health is Health.OK:
            self._streaks.pop(account, None)

    async def held(self, row: Account, hold: Hold, *, fence: Fence | None = None) -> Account:
        """The vendor's headers ask for a pause although nothing failed: the account's row after it."""
        now = self._core.clock.now()

        def fold(row: Account) -> Account | None:
            if row.health is Health.AUTH_FAILED or _throttled_until(row, hold.until):
                return None
            return trouble(row, Health.THROTTLED, hold.words, now, until=hold.until)

        if fold(row) is None:
            return row
        return await self._core.ledger.change_account(row.name, fold, fence=fence)

    async def failed(
        self, seat: Seat, error: CallFailed, *, asked: float, fence: Fence | None = None
    ) -> Account | None:
        """A call sent at `asked` failed: the account's row after it; None if the account is not to blame."""
        now = self._core.clock.now()
        streak = self._streaks.setdefault(seat.name, _Streak())
        if isinstance(error, Throttled):
            # The others of one burst were sent before this throttle was known.
            first = asked >= streak.throttled_at
            if first:
                streak.throttles, streak.throttled_at = streak.throttles + 1, now
            # A wait of nothing, or until a moment that has passed, says nothing of when to come again.
            asked_for = error.retry_after or None
            wait = schedule.throttle_delay(asked_for, streak.throttles, seat.policy, self._core.chance)
            words = clean(error.text)

            def fold(row: Account) -> Account:
                kept = row.until if row.health is Health.THROTTLED and not first else None
                until = now + wait if first or asked_for is not None else kept
                # Without a status it is our own pacing that holds back: the vendor's words stay.
                said = row.message if error.status is None and row.health is Health.THROTTLED else None
                until = max(until or now, kept or now)
                return trouble(row, Health.THROTTLED, said or words, now, until=until)

        elif isinstance(error, (NoCredential, AuthFailed)):
            by_vendor = isinstance(error, AuthFailed)
            words = clean(seat.hide(error.text) if by_vendor else error.text) or NO_KEY
            self._refused.add(seat.name)

            def fold(row: Account) -> Account:
                refused = trouble(row, Health.AUTH_FAILED, words, now, keyless=not by_vendor)
                # The others of one burst were sent before this refusal was known: they tell nothing new.
                known = row.refused_at is not None and asked <= row.refused_at <= now
                if known or not by_vendor:
                    return refused
                return replace(refused, refused_at=now, refusal=clean(words, REFUSAL))

        elif isinstance(error, Unreachable):
            words = clean(error.text)
            open_before = streak.probes
            delay = schedule.probe_delay(streak.probes, self._core.chance)

            def fold(row: Account) -> Account:
                failures = row.failures + 1 if row.health is Health.UNREACHABLE else 1
                until = row.until if row.health is Health.UNREACHABLE else None
                if failures >= schedule.BREAKER_AT and schedule.passed(until, row.since, asked):
                    until = now + delay
                    streak.probes = open_before + 1
                return replace(trouble(row, Health.UNREACHABLE, words, now, until=until), failures=failures)

        else:
            return None
        return await self._core.ledger.change_account(seat.name, fold, fence=fence)

    async def accepted(self, account: str) -> Account:
        """A credential was accepted just now: whoever waits for one reads the row again."""
        now = self._core.clock.now()
        self._streaks.pop(account, None)
        self._refused.discard(account)
        return await self._core.ledger.change_account(
            account, lambda row: healthy(row, now, accepted=True), durable=True
        )

    async def keyless(self, account: str, words: str = NO_KEY) -> Account:
        """No credential was found where this account's is looked for."""
        now = self._core.clock.now()
        self._refused.add(account)
        return await self._core.ledger.change_account(
            account, lambda row: trouble(row, Health.AUTH_FAILED, clean(words), now, keyless=True)
        )


def _throttled_until(row: Account, until: float) -> bool:
    """Whether the row says so already, but for a blink: two clocks are read one after the other."""
    return row.health is Health.THROTTLED and row.until is not None and row.until > until - 0.5


def healthy(row: Account, now: float, *, accepted: bool = False) -> Account:
    """The row of an account whose last request was answered. `accepted`: with a credential new to us."""
    return replace(
        row,
        health=Health.OK,
        since=row.since if row.health is Health.OK else now,
        until=None,
        message=None,
        keyless=False,
        failures=0,
        accepted_at=now if accepted else row.accepted_at,
    )


def trouble(
    row: Account,
    health: Health,
    message: str,
    now: float,
    *,
    until: float | None = None,
    keyless: bool = False,
) -> Account:
    """The row with this trouble; `since` stays while the trouble is the same one."""
    since = row.since if row.health is health and row.since is not None and row.since <= now else now
    return replace(row, health=health, since=since, until=until, message=message, keyless=keyless, failures=0)
