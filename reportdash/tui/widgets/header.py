"""Line 1: what needs the operator, over all jobs; at the right how many are shown and who polls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.strip import Strip

from reportdash.board.counts import Counts
from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.board.units import digits, left, plural
from reportdash.tui.columns import ROOMY
from reportdash.tui.text import Pen, length, muted, strong
from reportdash.tui.widgets.lines import Lines

NAME = "reportdash"


class Mode(NamedTuple):
    """The word at the right end, and whether it is a trouble."""

    word: str = ""
    bad: bool = False


UNKNOWN_MODE = Mode()
"""Before it is known who polls."""
HANGS = Mode("ledger hangs", bad=True)
"""While the ledger's file does not answer."""
NOT_POLLING = Mode("not polling", bad=True)
"""While the ledger can not be opened."""


class Header(Lines):
    """Line 1."""

    def __init__(self, pen: Pen) -> None:
        super().__init__(pen, id="header")

    def update(
        self, counts: Counts, now: float, *, rate: str, mode: Mode, plain: str = "", sent: str = ""
    ) -> None:
        """Show the counts. `rate`: `4 req/min`; `plain` stands alone at the right, as on the first run.

        `sent`: `310 B/s` to the terminal, behind everything else.
        """
        cells = self.size.width
        self.show([line(counts, now, cells, self.pen, rate=rate, mode=mode, plain=plain, sent=sent)])


def line(
    counts: Counts,
    now: float,
    cells: int,
    pen: Pen,
    *,
    rate: str = "",
    mode: Mode = UNKNOWN_MODE,
    plain: str = "",
    sent: str = "",
) -> Strip:
    """Line 1 in `cells`. Each count has its place: one that is 0 leaves it empty and moves nothing."""
    roomy = cells >= ROOMY
    pieces: list[tuple[int, Sequence[Run]]] = [(1, (strong(NAME),))]
    ends = _right(counts, rate, mode, roomy, plain)
    if sent:
        ends = (*ends, muted(f"   {sent}"))
    right = cells - 1 - length(ends)
    at = 0
    for start, runs in _places(counts, now, roomy):
        if not runs:
            continue
        at = max(start, at + 2)
        if at + length(runs) >= right - 1:
            break
        pieces.append((at, runs))
        at += length(runs)
    pieces.append((max(right, len(NAME) + 2), ends))
    return pen.strip(pieces, cells, Role.BAR)


def _places(counts: Counts, now: float, roomy: bool) -> list[tuple[int, tuple[Run, ...]]]:
    starts = (15, 29, 47, 82) if roomy else (13, 25, 30, 48)
    return list(
        zip(
            starts,
            (
                _failed(counts, roomy),
                _look(counts, roomy),
                _save(counts, now, roomy),
                _working(counts, roomy),
            ),
            strict=True,
        )
    )


def _failed(counts: Counts, roomy: bool) -> tuple[Run, ...]:
    if not counts.failed:
        return ()
    head = f"✗ {digits(counts.failed)}"
    if roomy:
        return (Run(f"{head} failed", Role.BAD, bold=True),)
    return Run(head, Role.BAD, bold=True), Run(" failed", Role.TEXT)


def _look(counts: Counts, roomy: bool) -> tuple[Run, ...]:
    if not counts.look:
        return ()
    return (Run(f"▲ {digits(counts.look)}" + (" to look at" if roomy else ""), Role.WARN, bold=True),)


def _save(counts: Counts, now: float, roomy: bool) -> tuple[Run, ...]:
    if not counts.save:
        return ()
    head = f"✓ {digits(counts.save)}"
    if roomy:
        runs = [Run(f"{head} to save", Role.GOOD, bold=True)]
    else:
        runs = [Run(head, Role.GOOD, bold=True), Run(" to save", Role.TEXT)]
    if counts.soonest is not None:
        rest = left(counts.soonest - now)
        if not roomy:
            said = ", "
        elif counts.expiring == 1:
            said = ", one expires in "
        else:
            said = f", {digits(counts.expiring)} expire, first in "
        runs += [Run(said, Role.TEXT), Run(rest, Role.WARN, bold=True)]
    return tuple(runs)


def _working(counts: Counts, roomy: bool) -> tuple[Run, ...]:
    if not counts.working:
        return ()
    return (Run(f"● {digits(counts.working)}" + (" working" if roomy else ""), Role.TEXT),)


def _right(counts: Counts, rate: str, mode: Mode, roomy: bool, plain: str) -> tuple[Run, ...]:
    if plain:
        return (muted(plain),)
    said = f"{digits(counts.shown)} of {plural(counts.total, 'job') if roomy else digits(counts.total)}"
    words = [said, rate] if roomy and rate else [said]
    if not mode.word:
        return (muted("   ".join(words)),)
    if mode.bad:
        return muted("   ".join(words) + "   "), Run(mode.word, Role.BAD, bold=True)
    return (muted("   ".join([*words, mode.word])),)
