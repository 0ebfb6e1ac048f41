"""What line 1 counts. Groups count once, their children not at all. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Counts(NamedTuple):
    """The numbers of the header, over all jobs; `shown` of `total` pass the filter.

    `expiring` of those to save run out soon, the first of them at `soonest` (seconds since the epoch).
    """

    failed: int = 0
    look: int = 0
    save: int = 0
    working: int = 0
    total: int = 0
    shown: int = 0
    expiring: int = 0
    soonest: float | None = None
