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
    "vendor": Column.VENDOR,
    "reference": Column.REFERENCE,
    "submitted": Column.SUBMITTED,
    "submitted_at": Column.SUBMITTED,
}
"""What a saved view may call a column."""


NAME_OF = {column: next(name for name, found in NAMES.items() if found is column) for column in Column}
"""A column as a saved view writes it."""

ORDINARY = (Column.ACCOUNT, Column.SAYS, Column.AGE, Column.NEXT, Column.FILE, Column.ID)
"""The columns right of State and Report where no view says otherwise, as far as the width has them."""
STATE_CELLS = 12
READABLE = 16
"""Cells below which Report makes a view give up its last column."""


@lru_cache(maxsize=16)
def places(width: int, chosen: tuple[Column, ...] | None = None) -> tuple[Place, ...]:
    """The columns of a table `width` cells wide, left to right. Report takes what is left.

    `chosen`: a saved view's columns in its order; State and Report stand in any case, and what the width has
    no room for is left out from the right.
    """
    gap = 2 if width >= MEDIUM else 1
    cells = _widths(width)
    if chosen is None:
        row = [Column.STATE, Column.REPORT, *(column for column in ORDINARY if column in _at(width))]
    else:
        row = [column for column in (Column.STATE, Column.REPORT) if column not in chosen] + list(chosen)
    while True:
        rest = sum(cells[column] for column in row if column is not Column.REPORT)
        report = width - GUTTER - 1 - rest - gap * (len(row) - 1)
        spare = [column for column in row if column not in (Column.STATE, Column.REPORT)]
        if report >= READABLE or chosen is None or not spare:
            break
        row.remove(spare[-1])
    cells[Column.REPORT] = max(1, report)
    out: list[Place] = []
    x = GUTTER
    for column in row:
        out.append(Place(column, x, cells[column], right=column is Column.AGE))
        x += cells[column] + gap
    return tuple(out)


def _at(width: int) -> frozenset[Column]:
    """The columns a width has room for beside State and Report."""
    if width >= WIDE:
        return frozenset(ORDINARY)
    if width >= MEDIUM:
        return frozenset(ORDINARY) - {Column.ID}
    if width >= NARROW:
        return frozenset(ORDINARY) - {Column.ID, Column.SAYS}
    return frozenset({Column.NEXT})


def _widths(width: int) -> dict[Column, int]:
    narrow = width < MEDIUM
    return {
        Column.STATE: STATE_CELLS,
        Column.ACCOUNT: 10 if narrow else 11,
        Column.SAYS: 20 if width >= WIDE else 14,
        Column.AGE: 4,
        Column.NEXT: 11,
        Column.FILE: 21 if width >= ROOMY else 9 if narrow else 10,
        Column.ID: 7,
        Column.VENDOR: 8,
        Column.REFERENCE: 20 if width >= WIDE else 14,
        Column.SUBMITTED: 9,
    }
