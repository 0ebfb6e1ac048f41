"""The fewest bytes that turn one screen into another: changed cells, cursor moves, differences of attributes.

Every changed cell is written once, left to right, top to bottom. Between two of them the cursor is moved the
cheapest way there is (an address, a step to the right, or the cells between written again). Attributes are
changed by the codes that differ, or by a reset and what is then needed, whichever is shorter; how they stood
at the end is where the next screen begins. No scrolling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pyte
from pyte.graphics import BG_ANSI, FG_ANSI

Cell: TypeAlias = Any
Rows: TypeAlias = list[list[Cell]]
Look: TypeAlias = tuple[str, str, bool, bool, bool, bool, bool]
PLAIN: Look = ("default", "default", False, False, False, False, False)
_FG = {name: str(code) for code, name in FG_ANSI.items()}
_BG = {name: str(code) for code, name in BG_ANSI.items()}
_ON, _OFF = ("1", "3", "4", "9", "7"), ("22", "23", "24", "29", "27")


def cells(screen: pyte.Screen) -> Rows:
    """A copy of what a screen shows."""
    return [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]


class Floor:
    """Adds up the bytes of one screen after another."""

    def __init__(self, before: Rows, look: Look = PLAIN) -> None:
        self.shown = before
        self.look = look
        self.at: tuple[int, int] | None = None

    def bytes_to(self, after: Rows) -> int:
        """What it takes from the last screen to this one."""
        total = 0
        for y, (old, new) in enumerate(zip(self.shown, after, strict=True)):
            for x, cell in enumerate(new):
                if cell == old[x]:
                    continue
                if self.at != (y, x):
                    total += self._move(y, x, new)
                total += len(self._sgr(_look(cell))) + len(cell.data.encode())
                self.look = _look(cell)
                # An empty cell is the right half of a wide one.
                self.at = (y, x + 1)
        self.shown = after
        return total

    def _move(self, y: int, x: int, row: Sequence[Cell]) -> int:
        address = len(f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H")
        if self.at is None or self.at[0] != y or self.at[1] > x:
            return address
        gap = x - self.at[1]
        step = len(f"\x1b[{gap}C" if gap > 1 else "\x1b[C")
        between = row[self.at[1] : x]
        if all(_look(cell) == self.look for cell in between):
            step = min(step, sum(len(cell.data.encode()) for cell in between))
        return min(address, step)

    def _sgr(self, wanted: Look) -> str:
        if wanted == self.look:
            return ""
        change = _codes(self.look, wanted)
        afresh = ["", *_codes(PLAIN, wanted)] if wanted != PLAIN else [""]
        return min((f"\x1b[{';'.join(codes)}m" for codes in (change, afresh)), key=len)


def _look(cell: Cell) -> Look:
    return (
        cell.fg,
        cell.bg,
        cell.bold,
        cell.italics,
        cell.underscore,
        cell.strikethrough,
        cell.reverse,
    )


def _codes(old: Look, new: Look) -> list[str]:
    codes = []
    for place, (named, base) in enumerate(((_FG, "38"), (_BG, "48"))):
        if old[place] != new[place]:
            color = str(new[place])
            rgb = ";".join(str(int(color[n : n + 2], 16)) for n in (0, 2, 4)) if color not in named else ""
            codes.append(named.get(color) or f"{base};2;{rgb}")
    for place, (on, off) in enumerate(zip(_ON, _OFF, strict=True), 2):
        if old[place] != new[place]:
            codes.append(on if new[place] else off)
    return codes
