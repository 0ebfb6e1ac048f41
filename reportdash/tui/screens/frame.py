"""Draws a dialog's frame and the rows in it, as lines of one width."""

from __future__ import annotations

from textual.strip import Strip

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.tui.screens.parts import Choice, Field, Fold, Item, Pieces, Row, Words, same
from reportdash.tui.text import Pen, cut, muted, safe, strong, width

EDGE = 4
"""From the frame's column to its words."""


class Frame:
    """A frame of `cells`; `focused` is the item that has the focus."""

    def __init__(self, pen: Pen, cells: int, focused: Item | None) -> None:
        self.pen = pen
        self.cells = cells
        self.focused = focused

    def top(self, title: str) -> Strip:
        """The first line, with the title on it."""
        rule = self.pen.rule
        shown = cut(safe(title), self.cells - 8)
        runs = [Run(f"╭{rule} ", Role.ACCENT), Run(shown, Role.STRONG, bold=True)]
        runs.append(Run(" " + rule * (self.cells - 5 - width(shown)) + "╮", Role.ACCENT))
        return self.pen.strip([(0, runs)], self.cells)

    def bottom(self) -> Strip:
        """The last line."""
        end = Run("╰" + self.pen.rule * (self.cells - 2) + "╯", Role.ACCENT)
        return self.pen.strip([(0, (end,))], self.cells)

    def inside(self, pieces: Pieces) -> Strip:
        """A line between the two sides of the frame."""
        bar = Run("│", Role.ACCENT)
        inner = [(EDGE + at, runs) for at, runs in pieces]
        return self.pen.strip([(0, (bar,)), *inner, (self.cells - 1, (bar,))], self.cells)

    def row(self, row: Row) -> Strip:
        """What stands in the dialog, by its kind."""
        if isinstance(row, Words):
            return self.at_cursor(row.pieces) if row.cursor else self.inside(row.pieces)
        here = same(row, self.focused)
        if isinstance(row, Fold):
            return self._fold(row, here)
        if isinstance(row, Choice):
            sign = "(•)" if row.chosen else "( )"
            label = Run(row.label, Role.STRONG, bold=True) if row.chosen else Run(row.label, Role.TEXT)
            mark = Run(sign, Role.ACCENT, bold=True) if row.chosen or here else Run(sign, Role.TEXT)
            pieces = [(0, (mark,)), (4, (label,)), (row.at, (muted(row.about),))]
            return self.at_cursor(pieces) if here else self.inside(pieces)
        return self._field(row, here)

    def at_cursor(self, pieces: Pieces) -> Strip:
        """A line on the cursor's ground, its bar before it."""
        bar = Run("│", Role.ACCENT)
        shifted = [(2 + at, runs) for at, runs in pieces]
        return self.pen.join(
            [
                (EDGE - 2, [(0, (bar,))], Role.BG),
                (self.cells - 2 * EDGE + 4, [(0, (Run("▌", Role.ACCENT),)), *shifted], Role.CURSOR),
                (EDGE - 2, [(EDGE - 3, (bar,))], Role.BG),
            ]
        )

    def _fold(self, row: Fold, here: bool) -> Strip:
        if not here:
            return self.inside([(row.at, (muted(row.label), muted(f"  tab here, enter {row.does}")))])
        bar = Run("│", Role.ACCENT)
        label = (Run("▌ ", Role.ACCENT), strong(row.label), Run(f"  enter {row.does}", Role.TEXT))
        at = EDGE + row.at - 2
        cells = self.cells - at - EDGE
        return self.pen.join(
            [
                (at, [(0, (bar,))], Role.BG),
                (cells, [(0, label)], Role.CURSOR),
                (EDGE, [(EDGE - 1, (bar,))], Role.BG),
            ]
        )

    def _field(self, row: Field, here: bool) -> Strip:
        bar = Run("│", Role.ACCENT)
        at = EDGE + row.at
        cells = min(row.cells, self.cells - EDGE - at)
        text = "•" * len(row.edit.text) if row.secret else row.edit.text
        before, after = text[: row.edit.at], text[row.edit.at :]
        room = cells - 4
        while width(safe(before)) > room:
            before = before[1:]
        runs: list[Run] = [Run("▌ " if here else "  ", Role.ACCENT), Run(before, Role.STRONG, bold=True)]
        if here and row.caret:
            runs.append(Run("█", Role.ACCENT))
        runs.append(Run(after, Role.STRONG, bold=True))
        left = [(0, (bar,)), (EDGE, (Run(row.label, Role.TEXT),))]
        ground = Role.CURSOR if here else Role.MARK
        rest = self.cells - at - cells
        return self.pen.join(
            [(at, left, Role.BG), (cells, [(0, runs)], ground), (rest, [(rest - 1, (bar,))], Role.BG)]
        )
