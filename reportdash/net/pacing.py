"""Politeness: how fast one account is asked, and how a vendor's own limits are read. Sends nothing."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from reportdash.clock import Clock
from reportdash.errors import Throttled

RATE = 10.0
"""Requests a second for an account whose vendor names no limit."""
BURST = 20
MAX_RETRY_AFTER = 3600.0
LOW_REMAINING = 50
"""Below this many calls left in the vendor's window, what is left is spread over a minute."""
SPREAD = 60.0
PATIENCE = 5.0
SLOWEST = 1 / 60
SLOWED = 0.5
"""Requests a second below which 429s alone do not push; the vendor's own words do."""
SETTLE = 5.0
"""Seconds in which further 429s are the echo of the first: requests that were under way already."""
RECOVERY = 30.0
"""Seconds without a new 429 after which the pace doubles again."""

_SECONDS = re.compile(r"[0-9]+", re.ASCII)
_DATE = re.compile(
    r"[A-Za-z]{3,9}, ?[0-9A-Za-z :-]{10,30} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [0-9 :]{16}", re.ASCII
)


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Seconds to wait: ASCII digits or an HTTP date (RFC 9110, 10.2.3), held to 0..3600; None for the rest.

    `now` is wall time, seconds since the epoch. A date in the past is 0.
    """
    if text is None:
        return None
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER)
    if not _DATE.fullmatch(text):
        return None
    try:
        at = parsedate_to_datetime(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        seconds = (at - datetime.fromtimestamp(now, UTC)).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
    return max(0.0, min(seconds, MAX_RETRY_AFTER))


class Pacer:
    """A token bucket for one account, first come first served.

    `rate` requests a second (`math.inf`: none of its own), `burst` at once after a rest. A 429 halves the
    pace, which doubles back by and by; a Retry-After stops it until then.
    """

    def __init__(self, clock: Clock, rate: float = RATE, burst: int = BURST) -> None:
        self._clock = clock
        self._most = rate
        self._rate = rate
        self._burst = float(max(1, burst))
        self._tokens = self._burst
        self._at = clock.monotonic()
        self._slowed_at = self._at
        self._learned = math.inf
        self._held = -math.inf
        self._until: float | None = None
        self._order = asyncio.Lock()
        self._standing = 0

    @property
    def until(self) -> float | None:
        """Wall time at which the vendor's hold ends; None when it asks for none."""
        return self._until if self._clock.monotonic() < self._held else None

    @property
    def rate(self) -> float:
        """Requests a second at the moment."""
        return min(self._rate, self._learned)

    async def turn(self) -> None:
        """Wait until one request may leave; those who came first go first.

        Raises Throttled at once, with the rest of the time, when that is more than a few seconds away: the
        caller has better ways to wait than to stand here, and the operator sees why.
        """
        if not self._standing and self._pause() <= 0:
            self._tokens -= 1
            return
        self._standing += 1
        try:
            async with self._order:
                while (pause := self._pause()) > 0:
                    await self._clock.sleep(pause)
                self._tokens -= 1
        finally:
            self._standing -= 1

    def throttled(self, retry_after: float | None) -> None:
        """The vendor said 429 or 503; `retry_after` as `parse_retry_after` gave it."""
        now = self._clock.monotonic()
        self._fill(now)
        if self._rate == self._most or now - self._slowed_at >= SETTLE:
            self._rate = max(min(SLOWED, self._rate), min(self._rate, RATE) / 2)
            self._slowed_at = now
        self._tokens = min(self._tokens, 1.0)
        if retry_after:
            self._hold(retry_after, now)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Read X-RateLimit-Remaining (lower-case name) of an answer; nonsense is passed over."""
        text = headers.get("x-ratelimit-remaining")
        if text is None or not _SECONDS.fullmatch(text):
            return
        left = float(text)
        self._fill(self._clock.monotonic())
        if left >= LOW_REMAINING:
            self._learned = math.inf
            return
        self._learned = max(SLOWEST, left / SPREAD)
        self._tokens = min(self._tokens, 1.0 if left else 0.0)

    def _hold(self, seconds: float, now: float) -> None:
        if now + seconds > self._held:
            self._held = now + seconds
            self._until = self._clock.now() + seconds

    def _pause(self) -> float:
        now = self._clock.monotonic()
        held = self._held - now
        if held > PATIENCE:
            raise Throttled("the vendor asked to wait", retry_after=held)
        if held > 0:
            return held
        self._fill(now)
        if self._tokens >= 1:
            return 0.0
        # A hair more than the exact time, so that rounding does not ask for a second, tiny sleep.
        pause = (1 - self._tokens) / self.rate + 1e-6
        if pause > PATIENCE:
            raise Throttled("few calls are left of what the vendor allows", retry_after=pause)
        return pause

    def _fill(self, now: float) -> None:
        rate = self.rate
        if rate is math.inf:
            self._tokens = self._burst
        else:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * rate)
        self._at = now
        while self._rate < self._most and now - self._slowed_at >= RECOVERY:
            self._slowed_at += RECOVERY
            self._rate *= 2
            if self._rate >= min(self._most, RATE):
                self._rate = self._most
