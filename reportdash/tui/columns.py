"""Which columns a width shows, and where: plain arithmetic."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from reportdash.board.order import Column

GUTTER = 3
"""Cursor bar, mark, blank."""

WIDE = 120
"""From here on the table has every column."""
ROOMY = 136
"""From here on lines 1 to 3 are the long ones and File shows its proof."""
MEDIUM = 100
NARROW = 80
LEAST = 60
LEAST_HEIGHT = 12
PANE_HEIGHT = 30
"""With this many lines (and WIDE) the detail pane stands below the table."""


class Place(NamedTuple):
    """A column on the screen."""

    column: Column
    x: int
    width: int
    right: bool = False


NAMES = {
    "state": Column.STATE,
    "report": Column.REPORT,
    "name": Column.REPORT,
    "account": Column.ACCOUNT,
    "vendor says": Column.SAYS,
    "vendor_says": Column.SAYS,
    "vendor_status": Column.SAYS,
    "age": Column.AGE,
    "next": Column.NEXT,
    "file": Column.FILE,
    "id": Column.ID,
}
"""What a saved view may call a column."""


@lru_cache(maxsize=16)
def places(width: int, only: frozenset[Column] | None = None) -> tuple[Place, ...]:
    """The columns of a table `width` cells wide, left to right. Report takes what is left.

    `only`: a saved view's columns; State and Report stand in any case.
    """
    if width >= WIDE:
        gap = 2
        file = 21 if width >= ROOMY else 10
        widths = {Column.ACCOUNT: 11, Column.SAYS: 20, Column.AGE: 4, Column.NEXT: 11, Column.FILE: file}
        widths[Column.ID] = 7
    elif width >= MEDIUM:
        gap = 2
        widths = {Column.ACCOUNT: 11, Column.SAYS: 14, Column.AGE: 4, Column.NEXT: 11, Column.FILE: 10}
    elif width >= NARROW:
        gap = 1
        widths = {Column.ACCOUNT: 10, Column.AGE: 4, Column.NEXT: 11, Column.FILE: 9}
    else:
        gap = 1
        widths = {Column.NEXT: 11}
    if only is not None:
        widths = {column: cells for column, cells in widths.items() if column in only}
    state = 12
    rest = sum(widths.values()) + gap * (len(widths) + 1) + state + GUTTER + 1
    ordered = {Column.STATE: state, Column.REPORT: max(1, width - rest), **widths}
    out: list[Place] = []
    x = GUTTER
    for column, cells in ordered.items():
        out.append(Place(column, x, cells, right=column is Column.AGE))
        x += cells + gap
    return tuple(out)
