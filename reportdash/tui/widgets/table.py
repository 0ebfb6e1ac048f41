"""The table of jobs, on Textual's line API: it paints the lines whose words changed, and nothing else.

What a key costs depends on the lines that are visible, never on the number of jobs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from reportdash.board.facts import Run
from reportdash.board.order import Column
from reportdash.board.states import Role
from reportdash.board.view import View
from reportdash.tui import rows
from reportdash.tui.columns import NAMES, Place, places
from reportdash.tui.text import Pen, width
from reportdash.tui.widgets.lines import Lines

WHEEL = 3
"""Rows a turn of the wheel moves."""


class Painted(NamedTuple):
    """What a line showed when it was made."""

    slot: int
    cells: rows.Cells
    flags: rows.Flags


class JobTable(Lines):
    """The header of columns and the rows of a View; the cursor belongs to the View."""

    class Chosen(Message):
        """The mouse chose a row, or a column by its title."""

        def __init__(self, row: int | None = None, column: Column | None = None, twice: bool = False) -> None:
            super().__init__()
            self.row = row
            self.column = column
            self.twice = twice

    def __init__(self, pen: Pen, view: View) -> None:
        super().__init__(pen, id="table")
        self.view = view
        self.top = 0
        self.chosen: tuple[Column, ...] | None = None
        self._painted: list[Painted] = []
        self._made_for = 0
        self._titled: tuple[Any, Strip] = ((), Strip.blank(0))

    # Geometry.

    @property
    def page(self) -> int:
        """Rows that fit."""
        return max(1, self.size.height - 1)

    @property
    def places(self) -> tuple[Place, ...]:
        """The columns at this width."""
        return places(max(1, self.size.width), self.chosen)

    def choose(self, names: tuple[str, ...] | None) -> None:
        """Show these columns in their order, as far as there is room; None: those the width has."""
        found = None if names is None else tuple(dict.fromkeys(NAMES[n] for n in _known(names)))
        if found != self.chosen:
            self.chosen = found
            self._made_for = 0

    def follow_cursor(self) -> None:
        """Scroll as little as shows the cursor."""
        row = self.view.cursor_row
        last = max(0, len(self.view.rows) - self.page)
        if row is not None:
            if row < self.top:
                self.top = row
            elif row >= self.top + self.page:
                self.top = row - self.page + 1
        self.top = max(0, min(self.top, last))

    def keep_line(self, line: int | None) -> None:
        """After rows moved: the cursor stays on its line of the screen, unless the top is shown."""
        row = self.view.cursor_row
        if self.top and line is not None and row is not None:
            self.top = row - line
        self.follow_cursor()

    @property
    def cursor_line(self) -> int | None:
        """The line of the screen the cursor is on, from the first row."""
        row = self.view.cursor_row
        return None if row is None else row - self.top

    # Painting.

    def sync(self, touched: Iterable[int] | None = None) -> None:
        """Bring the lines up to date. `touched`: only these slots may look different; None: any may."""
        cells = self.size.width
        if cells <= 0:
            return
        view = self.view
        where = self.places
        file_width = next((place.width for place in where if place.column is Column.FILE), 21)
        fresh = self._made_for != cells
        suspects = None if touched is None or fresh else set(touched)
        old = {} if fresh else {painted.slot: n for n, painted in enumerate(self._painted)}
        painted: list[Painted] = []
        lines: list[Strip] = [self._titles(cells)]
        cursor = view.cursor
        chosen = view.selection
        for slot in view.rows[self.top : self.top + self.page]:
            job = view.records.job(slot)
            flags = rows.Flags(slot == cursor, job.id in chosen)
            before = old.get(slot)
            if before is not None and suspects is not None and slot not in suspects:
                shown = self._painted[before].cells
            else:
                shown = rows.cells(view, slot, view.now, file_width)
            now = Painted(slot, shown, flags)
            painted.append(now)
            if before is not None and self._painted[before] == now:
                lines.append(self._lines[before + 1])
            else:
                lines.append(rows.strip(shown, flags, where, cells, self.pen))
        self._painted = painted
        self._made_for = cells
        missing = self.size.height - len(lines)
        if missing > 0:
            lines += [self.pen.blank(cells)] * missing
        self.show(lines)

    def _titles(self, cells: int) -> Strip:
        view = self.view
        shown = (cells, self.places, view.column, view.descending, self.pen)
        if shown != self._titled[0]:
            self._titled = (shown, self._make_titles(cells))
        return self._titled[1]

    def _make_titles(self, cells: int) -> Strip:
        view = self.view
        pieces: list[tuple[int, Iterable[Run]]] = []
        hidden = view.column not in [place.column for place in self.places]
        for place in self.places:
            if place.column is view.column:
                sign = "↓" if view.descending else "↑"
                run = Run(f"{place.column} {sign}", Role.STRONG, bold=True)
            else:
                run = Run(str(place.column), Role.MUTED)
            if place.column is Column.REPORT and hidden:
                # The order is by a column that has no place here.
                sign = "↓" if view.descending else "↑"
                pieces.append((place.x, (run, Run(f"  by {view.column} {sign}", Role.STRONG, bold=True))))
                continue
            x = place.x + max(0, place.width - width(run.text)) if place.right else place.x
            if place.right and width(run.text) > place.width:
                # The arrow of a narrow column stands to its left.
                x = place.x + place.width - width(run.text)
            pieces.append((x, (run,)))
        return self.pen.strip(pieces, cells)

    def repaint(self) -> None:
        """Make every line anew, as after a change of theme."""
        self._made_for = 0
        self.sync()
        self.refresh(Region(0, 0, self.size.width, self.size.height))

    # Mouse.

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            under = [p for p in self.places if p.x <= event.x < p.x + p.width]
            if under:
                self.post_message(self.Chosen(column=under[0].column))
            return
        row = self.top + event.y - 1
        if row < len(self.view.rows):
            self.post_message(self.Chosen(row=row, twice=event.chain == 2))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._wheel(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._wheel(-WHEEL)

    def _wheel(self, by: int) -> None:
        row = self.view.cursor_row
        if row is not None:
            self.post_message(self.Chosen(row=max(0, min(row + by, len(self.view.rows) - 1))))


def _known(names: Iterable[str]) -> list[str]:
    return [name for name in map(str.casefold, names) if name in NAMES]
