"""What an answer says of the vendor's limit: X-RateLimit-Limit, -Remaining and -Reset, or without the X-.

Only plain ASCII numbers count; whatever else stands there is passed over, and a far reset is held to an hour.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 3600.0
"""No vendor is waited for longer than this, whatever it says."""
_PREFIXES = ("x-ratelimit-", "ratelimit-")
_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
_NO_DELTA = 10_000_000
"""From here on a reset is no number of seconds but a point in time, seconds since the epoch."""
_STALE = 3600.0
_FAR = 7 * 86_400.0
"""How far in the past and ahead a point in time is still believed."""


@dataclass(slots=True, frozen=True)
class Told:
    """Calls a window has, calls left of them, seconds until it begins anew; None: not said."""

    limit: int | None
    left: int | None
    reset: float | None


def told(headers: Mapping[str, str], now: float) -> Told | None:
    """What the headers (lower-case names) say at `now`, wall time; None when they say nothing readable."""
    for prefix in _PREFIXES:
        limit = number(headers.get(f"{prefix}limit")) or None  # a limit of 0 would be no service at all
        left = number(headers.get(f"{prefix}remaining"))
        if limit is None and left is None:
            continue
        if limit is not None and left is not None:
            left = min(left, limit)
        return Told(limit, left, reset(headers.get(f"{prefix}reset"), now))
    return None


def number(text: str | None) -> int | None:
    """ASCII digits as a number; None for the rest: `int()` would take signs, spaces and foreign digits."""
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def reset(text: str | None, now: float) -> float | None:
    """Seconds until a reset given in seconds or as a point in time, 0 to 3600; None for nonsense."""
    value = number(text)
    if value is None:
        return None
    if value < _NO_DELTA:
        return min(float(value), LONGEST)
    ahead = value - now
    return min(max(ahead, 0.0), LONGEST) if -_STALE <= ahead <= _FAR else None
