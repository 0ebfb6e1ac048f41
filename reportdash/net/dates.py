"""What an answer's Date says of our clock: how far apart vendor and server are, and how sure that is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DATE = re.compile(
    r"[A-Za-z]{3,9}, ?[0-9A-Za-z :-]{10,30} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [0-9 :]{16}", re.ASCII
)


@dataclass(slots=True, frozen=True)
class Offset:
    """How far our wall clock is ahead of the vendor's, seconds, give or take `uncertainty` (never less than
    half a second: a Date has whole ones)."""

    seconds: float
    uncertainty: float

    def beyond(self, limit: float) -> bool:
        """Whether the two are certainly more than `limit` seconds apart."""
        return abs(self.seconds) - self.uncertainty > limit


def http_date(text: str | None) -> datetime | None:
    """An HTTP date (RFC 9110, 5.6.7) with its time zone, UTC; None for anything else."""
    if text is None or not _DATE.fullmatch(text):
        return None
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def offset(headers: Mapping[str, str], asked: float, took: float) -> Offset | None:
    """What an answer says that came `took` seconds after `asked`, our wall time at the request; None where
    it has no Date, or comes from a cache (Age), whose Date is of some time ago.
    """
    at = None if "age" in headers else http_date(headers.get("date"))
    if at is None:
        return None
    # The answer was dated somewhere between the two, in the second that the header names.
    return Offset(asked + took / 2 - (at.timestamp() + 0.5), took / 2 + 0.5)
