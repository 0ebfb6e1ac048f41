"""An account's health in words, the same on the screen and on the command line."""

from __future__ import annotations

from reportdash.board.states import HEALTH
from reportdash.board.units import clock_text
from reportdash.model import Account, Health

NO_KEY = "no key yet"
"""What the account's row says when there never was a credential."""


FULL_FOR = 600.0
"""Seconds for which the vendor's word that all slots are taken is shown: a waiting submit asks more often."""


def slots_full(account: Account, now: float) -> bool:
    """Whether the vendor said of late that every slot is taken, though we counted fewer."""
    return account.slots_full_at is not None and now - account.slots_full_at < FULL_FOR


def health_words(account: Account, now: float, *, next_try: bool = True) -> str:
    """`throttled until 14:33`, `unreachable since 14:02, next try 14:07`, `key refused`, `ok`.

    The next try is told while it lies ahead, and only if `next_try`.
    """
    match account.shown:
        case Health.OK:
            return "ok"
        case Health.AUTH_FAILED if account.message == NO_KEY:
            return NO_KEY
        case Health.THROTTLED if account.until is not None:
            return f"throttled until {clock_text(account.until, now)}"
        case Health.UNREACHABLE if account.since is not None:
            words = f"unreachable since {clock_text(account.since, now)}"
            if next_try and account.until is not None and account.until > now:
                words += f", next try {clock_text(account.until, now)}"
            return words
    return HEALTH[account.shown].word
