"""Politeness: how fast one account is asked, and how a vendor's own limits are obeyed. Sends nothing."""

from __future__ import annotations

import asyncio
import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from reportdash.clock import Clock
from reportdash.errors import Throttled
from reportdash.net import limits
from reportdash.net.dates import http_date

RATE = 10.0
"""Requests a second for an account whose vendor names no limit."""
BURST = 20
"""Requests at once after a rest, at most."""
FIRST_BURST = 0.1
"""Seconds' worth of requests that may leave at once at the start: many accounts start with many jobs due."""
MAX_RETRY_AFTER = limits.LONGEST
LOW_REMAINING = 50
LOW_SHARE = 0.1
"""Fewer calls left than these many, or than this share of a known limit: the vendor is left alone …"""
BACK_OFF = 60.0
"""… for so long, where it does not say when its window begins anew."""
PATIENCE = 5.0
SHOWN = 30.0
"""A pause between two requests that is longer than this is shown as a throttle."""
MOMENT = 0.05
"""The least that `soon` says: on the wall clock's coarser figures less is no time at all."""
SLOWEST = 1 / 60
SLOWED = 0.5
"""Requests a second below which 429s alone do not push; the vendor's own words do."""
SETTLE = 5.0
"""Seconds in which further 429s are the echo of the first: requests that were under way already."""
RECOVERY = 30.0
"""Seconds without a new 429 after which the pace doubles again."""
MINUTE = 60.0
LEARNT_FOR = 3600.0
GUESSED_FOR = 300.0
"""How long a limit that a 429 taught is kept: one seen in many answers, and one seen in few."""
MANY, FEW = 10, 5
NEAR = 0.8
"""The share of a learnt limit that calls must have come to, for one more 429 to say that it was too high …"""
LEAST_OF_TAUGHT = 0.25
"""… and below which share of the first lesson further ones do not push."""
MARGIN = 0.95
_KEPT_ANSWERS = 4096

_SECONDS = re.compile(r"[0-9]+", re.ASCII)


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Seconds to wait: ASCII digits or an HTTP date (RFC 9110, 10.2.3), held to 0..3600; None for the rest.

    `now` is wall time, seconds since the epoch. A date in the past is 0.
    """
    if text is None:
        return None
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER)
    at = http_date(text)
    if at is None:
        return None
    return max(0.0, min(at.timestamp() - now, MAX_RETRY_AFTER))


@dataclass(slots=True, frozen=True)
class Pace:
    """A bucket: `rate` requests a second, `burst` at once after a rest; `until` it holds, monotonic."""

    rate: float
    burst: float
    until: float = math.inf


@dataclass(slots=True, frozen=True)
class Hold:
    """The vendor is to be left alone until `until` (wall time), and why."""

    until: float
    words: str


def pace(calls: float, seconds: float, until: float = math.inf) -> Pace:
    """The bucket that lets at most `calls` through within any `seconds`, the burst included."""
    burst = max(1, min(BURST, int(calls / 10)))
    return Pace((calls - burst + 1) / seconds, burst, until)


class Pacer:
    """A token bucket for one account, first come first served.

    `rate` requests a second (`math.inf`: none of its own), `burst` at once after a rest; `window` is for how
    many seconds the vendor's X-RateLimit-Limit counts, where that is known. A 429 halves the pace, which
    doubles back by and by, and teaches how many calls the vendor took; what is left of a limit is spread over
    the time to its reset; a Retry-After stops everything until then.
    """

    def __init__(
        self, clock: Clock, rate: float = RATE, burst: int = BURST, *, window: float | None = None
    ) -> None:
        self._clock = clock
        self._own = Pace(rate, float(max(1, burst)))
        self._window = window
        self._stated: Pace | None = None  # by the vendor's limit and its window
        self._learnt: Pace | None = None  # by a 429
        self._least = 0.0
        self._rate = rate
        self._at = self._slowed_at = clock.boottime()
        self._tokens = min(self._own.burst, max(1.0, rate * FIRST_BURST))
        self._limit: int | None = None
        self._left: float | None = None  # calls left in the vendor's window, less those under way
        self._reset: float | None = None
        self._held = -math.inf
        self._why = ""
        self._out = 0
        self._answers: deque[float] = deque(maxlen=_KEPT_ANSWERS)
        self._order = asyncio.Lock()
        self._standing = 0

    @classmethod
    def of_account(cls, clock: Clock, per_minute: float | None, window: float | None) -> Pacer:
        """For an account: `per_minute` from its config, `window` from its vendor."""
        if per_minute is None:
            return cls(clock, window=window)
        own = pace(per_minute, MINUTE)
        return cls(clock, own.rate, int(own.burst), window=window)

    # what is in force

    @property
    def rate(self) -> float:
        """Requests a second at the moment."""
        return min(self._rate, self._imposed())

    @property
    def hold(self) -> Hold | None:
        """The pause the vendor imposes at the moment, if it is worth telling."""
        now = self._clock.boottime()
        if now < self._held:
            return Hold(self._clock.now() + self._held - now, self._why)
        self._fill(now)
        pause = self._missing()
        if pause > SHOWN and self._imposed() < self._rate:
            return Hold(self._clock.now() + pause, self._words())
        return None

    @property
    def until(self) -> float | None:
        """Wall time at which the vendor may be asked again; None when that is now."""
        hold = self.hold
        return hold.until if hold is not None else None

    def soon(self) -> tuple[int, float]:
        """How many more turns can be had within a few seconds; if none, seconds until there is one."""
        now = self._clock.boottime()
        if now < self._held:
            return 0, max(self._held - now, MOMENT)
        self._fill(now)
        if self.rate is math.inf:
            turns = math.inf
        else:
            turns = self._tokens + self.rate * PATIENCE - self._standing
        if self._left is not None:
            turns = min(turns, self._left - self._standing)
        if turns >= 1:
            return int(min(turns, 1e6)), 0.0
        return 0, max(self._missing(self._standing), MOMENT)

    # taking a turn

    async def turn(self) -> None:
        """Wait until one request may leave; those who came first go first. `over` tells that it is answered.

        Raises Throttled at once, with the rest of the time, when the vendor wants more than a few seconds:
        the caller has better ways to wait than to stand here, and the operator sees why.
        """
        if not self._standing and self._pause() <= 0:
            self._take()
            return
        self._standing += 1
        try:
            async with self._order:
                while (pause := self._pause()) > 0:
                    await self._clock.sleep(pause)
                self._take()
        finally:
            self._standing -= 1

    def over(self) -> None:
        """A request that had its turn is under way no more, however it ended."""
        self._out = max(0, self._out - 1)

    def answered(self, status: int, headers: Mapping[str, str]) -> float | None:
        """Learn from an answer (lower-case names). Of a 429 or 503: the seconds it asks to wait, if any."""
        self.learn(headers)
        now = self._clock.boottime()
        if status not in (429, 503):
            self._answers.append(now)
            return None
        wait = parse_retry_after(headers.get("retry-after"), self._clock.now())
        self.throttled(wait, limit=status == 429)
        if now < self._held:
            return max(wait or 0.0, self._held - now)
        return wait

    def throttled(self, retry_after: float | None, *, limit: bool = True) -> None:
        """The vendor said 429 or 503 (`limit` False); `retry_after` as `parse_retry_after` gave it."""
        now = self._clock.boottime()
        self._fill(now)
        if self._rate == self._own.rate or now - self._slowed_at >= SETTLE:
            self._rate = max(min(SLOWED, self._rate), min(self._rate, RATE) / 2)
            self._slowed_at = now
            if limit:
                self._be_taught(retry_after, now)
        self._tokens = min(self._tokens, 1.0)
        if retry_after:
            self._hold(retry_after, now, "the vendor asked to wait")

    def learn(self, headers: Mapping[str, str]) -> None:
        """Read what an answer's headers say of the vendor's limit."""
        said = limits.told(headers, self._clock.now())
        if said is None:
            return
        now = self._clock.boottime()
        self._fill(now)
        if said.limit is not None and said.limit != self._limit:
            self._limit = said.limit
            if self._window is not None:
                self._stated = pace(said.limit, self._window)
        if said.left is None:
            return
        # Those under way are not counted by the vendor yet, or they are: the fewer is the safer.
        self._left = float(said.left - self._out)
        self._reset = None
        if said.reset is not None:
            # It is said in whole seconds: the window may end up to one later.
            self._reset = now + min(said.reset + 1, limits.LONGEST)
            if self._left < 1:
                self._hold(self._reset - now, now, self._words(said.left))
        elif self._left < self._low():
            self._hold(BACK_OFF, now, self._words(said.left))
            self._left = None  # told anew by the next answer
        self._tokens = min(self._tokens, self._burst())

    # inside

    def _imposed(self) -> float:
        """Requests a second that the vendor's words leave."""
        rate = min((one.rate for one in (self._stated, self._learnt) if one is not None), default=math.inf)
        if self._left is not None and self._reset is not None:
            ahead = self._reset - self._clock.boottime()
            if ahead > 0:
                rate = min(rate, max(self._left, 0.0) / ahead)
        return rate if rate > 0 else SLOWEST / 60

    def _burst(self) -> float:
        burst = min(one.burst for one in (self._own, self._stated, self._learnt) if one is not None)
        # Of what is spread until a reset no large part goes at once.
        return burst if self._left is None else min(burst, max(1.0, self._left * LOW_SHARE))

    def _low(self) -> float:
        return LOW_REMAINING if self._limit is None else min(LOW_REMAINING, self._limit * LOW_SHARE)

    def _words(self, left: int | None = None) -> str:
        if left is None or self._limit is None:
            return "few calls are left of what the vendor allows"
        return f"{left} of {self._limit} calls are left of what the vendor allows"

    def _be_taught(self, retry_after: float | None, now: float) -> None:
        """The calls that were answered in the window that just ran out are what the vendor allows in it.

        Most limits count by the minute, and the wait lasts until the next one begins: then the window began
        the rest of a minute ago. A short wait tells of a window of seconds; a long one comes on top.
        """
        if self._own.rate is math.inf:
            return
        window = span = MINUTE
        if retry_after is not None and 0 < retry_after <= 2:
            window = span = 10.0
        elif retry_after is not None and retry_after < MINUTE:
            span = MINUTE - retry_after + 1
        elif retry_after is not None:
            window = max(MINUTE, retry_after + (MINUTE if retry_after > MINUTE else 0.0))
        calls = sum(at >= now - span for at in self._answers)
        if calls < FEW:
            return  # too few to tell a limit from a vendor that is busy
        taught = pace(calls * MARGIN, window, now + (LEARNT_FOR if calls >= MANY else GUESSED_FOR))
        rate = taught.rate
        if self._learnt is None:
            self._least = rate * LEAST_OF_TAUGHT
        elif calls < NEAR * self._learnt.rate * span:
            return  # we went well below what is known: it was not our pace that the vendor minded
        else:
            rate = min(rate, max(self._learnt.rate * 0.75, self._least))
        self._learnt = Pace(max(rate, SLOWEST), taught.burst, taught.until)

    def _hold(self, seconds: float, now: float, words: str) -> None:
        if now + seconds > self._held:
            self._held, self._why = now + seconds, words
        self._tokens = min(self._tokens, 1.0)

    def _take(self) -> None:
        self._tokens -= 1
        self._out += 1
        if self._left is not None:
            self._left -= 1

    def _pause(self) -> float:
        now = self._clock.boottime()
        self._fill(now)
        if self._left is not None and self._left < 1 and now >= self._held:
            self._hold(BACK_OFF if self._reset is None else self._reset - now, now, self._words())
            self._left = None if self._reset is None else self._left
        held = self._held - now
        if held > 0:
            if held > PATIENCE:
                raise Throttled(self._why, retry_after=held)
            return held
        pause = self._missing()
        if pause > PATIENCE and self._imposed() < self._rate:
            raise Throttled(self._words(), retry_after=pause)
        return pause

    def _missing(self, before: int = 0) -> float:
        """Seconds until there is a token, `before` others having taken theirs."""
        short = 1 + before - self._tokens
        # A hair more than the exact time, so that rounding does not ask for a second, tiny sleep.
        return short / self.rate + 1e-6 if short > 0 else 0.0

    def _fill(self, now: float) -> None:
        if self._reset is not None and now >= self._reset:  # the vendor's window begins anew
            self._left, self._reset = None if self._limit is None else float(self._limit - self._out), None
        if self._learnt is not None and now >= self._learnt.until:
            self._learnt = None
        rate, since = self.rate, max(self._at, min(self._held, now))  # nothing is saved up during a hold
        if rate is math.inf:
            self._tokens = self._own.burst
        else:
            self._tokens = min(self._burst(), self._tokens + (now - since) * rate)
        self._at = now
        while self._rate < self._own.rate and now - self._slowed_at >= RECOVERY:
            self._slowed_at += RECOVERY
            self._rate *= 2
            if self._rate >= min(self._own.rate, RATE):
                self._rate = self._own.rate
