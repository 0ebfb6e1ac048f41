"""Line 3: the filter at the left, the saved views at the right; or what is wrong with the filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.strip import Strip

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.tui.columns import ROOMY
from reportdash.tui.text import Pen, length, muted, width
from reportdash.tui.widgets.edit import LineEdit
from reportdash.tui.widgets.lines import Lines


class SavedView(NamedTuple):
    """A query with a name, under one of the digits."""

    name: str
    query: str
    sort: str | None = None
    """A column to sort by, with `-` in front the other way round."""
    columns: tuple[str, ...] | None = None
    """The columns shown, beside State and Report; None: all there is room for."""


FIRST_VIEWS = (
    SavedView("all jobs", ""),
    SavedView("needs me", "is:needs"),
    SavedView("working", "is:working"),
)
LAST_VIEW = SavedView("saved", "artifact:saved")


def saved_views(configured: Sequence[SavedView]) -> tuple[SavedView, ...]:
    """The views under 1 to 9: ours, with the config's own before the last."""
    mine = {view.name for view in configured}
    first = [view for view in FIRST_VIEWS if view.name not in mine]
    last = [] if LAST_VIEW.name in mine else [LAST_VIEW]
    return tuple([*first, *configured, *last][:9])


class FilterLine(Lines):
    """Line 3. While `editing` it takes every key the screen hands it."""

    def __init__(self, pen: Pen) -> None:
        super().__init__(pen, id="filter")
        self.edit = LineEdit()
        self.editing = False

    def update(self, views: Sequence[SavedView], active: int, *, key: str, error: str = "") -> None:
        """Show the filter; `active` is the view's place, `key` the one that starts a filter."""
        self.show(
            [
                line(
                    self.edit,
                    views,
                    active,
                    self.size.width,
                    self.pen,
                    editing=self.editing,
                    key=key,
                    error=error,
                )
            ]
        )


def line(
    edit: LineEdit,
    views: Sequence[SavedView],
    active: int,
    cells: int,
    pen: Pen,
    *,
    editing: bool,
    key: str,
    error: str = "",
) -> Strip:
    """Line 3 in `cells`."""
    roomy = cells >= ROOMY
    if error:
        right: Sequence[Run] = (Run(error, Role.BAD),)
    elif roomy:
        right = _all(views, active)
    else:
        view = views[active]
        right = (muted(f"view {active + 1} {view.name}"),)
    start = max(cells - 1 - length(right), 3)
    if error:
        start = max(start, cells // 3)
    left = _filter(edit, editing, key, start - 3)
    return pen.strip([(1, left), (start, right)], cells)


def _filter(edit: LineEdit, editing: bool, key: str, room: int) -> tuple[Run, ...]:
    head = Run(f"{key or '/'} ", Role.ACCENT, bold=True)
    if not editing:
        return head, Run(edit.text, Role.TEXT)
    before, after = edit.text[: edit.at], edit.text[edit.at :]
    while before and width(before) > max(1, room - 4):
        before = before[1:]
    return head, Run(before, Role.TEXT), Run("█", Role.ACCENT), Run(after, Role.TEXT)


def _all(views: Sequence[SavedView], active: int) -> tuple[Run, ...]:
    runs: list[Run] = []
    for place, view in enumerate(views):
        if runs:
            runs.append(Run("   ", Role.TEXT))
        here = place == active
        runs += [
            Run(str(place + 1), Role.ACCENT, bold=here),
            Run(" ", Role.TEXT),
            Run(view.name, Role.STRONG, bold=True, underline=True) if here else muted(view.name),
        ]
    return tuple(runs)
