"""Line 3: the filter at the left; at the right the saved views, while it is typed what fits there, or what is
wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from textual.strip import Strip

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.settings.first import ALL_JOBS, MOST_VIEWS
from reportdash.tui.columns import ROOMY
from reportdash.tui.text import Pen, cut, length, muted, width
from reportdash.tui.widgets.edit import LineEdit
from reportdash.tui.widgets.lines import Lines

if TYPE_CHECKING:
    # Read when the first filter is typed.
    from reportdash.board.complete import Completion
    from reportdash.board.terms import Query


A_NAME = 3
"""Letters from which on the beginning of a field's name is taken for one, as long as it is typed."""


class SavedView(NamedTuple):
    """A query with a name, under one of the digits."""

    name: str
    query: str
    sort: str | None = None
    """A column to sort by, with `-` in front the other way round."""
    columns: tuple[str, ...] | None = None
    """The columns shown, beside State and Report; None: all there is room for."""


FIRST_VIEWS = (
    SavedView(ALL_JOBS, ""),
    SavedView("needs me", "is:needs"),
    SavedView("working", "is:working"),
)
LAST_VIEW = SavedView("saved", "artifact:saved")


def saved_views(own: Sequence[SavedView]) -> tuple[SavedView, ...]:
    """The views under 1 to 9: ours, the operator's before the last. Of two of a name the later counts, in
    the place of the first. Where the operator's are many, ours give way, but all jobs."""
    named = {view.name: view for view in own}
    ours = [*FIRST_VIEWS, LAST_VIEW]
    added = [view for name, view in named.items() if name not in {view.name for view in ours}]
    for view in reversed(ours[1:]):
        if len(ours) + len(added) > MOST_VIEWS and view.name not in named:
            ours.remove(view)
    last = [view for view in ours if view is LAST_VIEW]
    first = ours[: len(ours) - len(last)]
    return tuple(named.get(view.name, view) for view in (*first, *added, *last))[:MOST_VIEWS]


class Fault(NamedTuple):
    """What is wrong with a query: the sentence, and from which character on; None: not in what is typed."""

    text: str
    at: int | None = None


class FilterLine(Lines):
    """Line 3. While `editing` it takes every key the screen hands it."""

    def __init__(self, pen: Pen) -> None:
        super().__init__(pen, id="filter")
        self.edit = LineEdit()
        self.editing = False
        self._offered: Completion | None = None
        self._before = ""
        self._picked = -1

    def update(
        self, views: Sequence[SavedView], active: int, *, key: str, fault: Fault | None = None
    ) -> None:
        """Show the filter; `active` is the view's place, `key` the one that starts a filter."""
        right: Sequence[Run]
        if fault is not None:
            right = (Run(fault.text, Role.BAD),)
        elif self.editing and self._offered is not None and self._offered.choices:
            right = self._choices(max(20, self.size.width // 2))
        elif self.size.width >= ROOMY:
            right = _all(views, active)
        else:
            right = (muted(f"view {active + 1} {views[active].name}"),)
        base = views[active].query
        self.show(
            [
                line(
                    self.edit,
                    right,
                    self.size.width,
                    self.pen,
                    editing=self.editing,
                    key=key,
                    fault=fault,
                    base=base,
                )
            ]
        )

    def unfinished(self, wrong: int | None) -> bool:
        """Whether the word at the cursor may only want its end: what is wrong (from that character on) lies
        in it, or it is the beginning of a field's name."""
        offered = self._offered
        if not self.editing or offered is None or not offered.choices:
            return False
        if wrong is not None:
            return wrong >= offered.word
        typed = self.edit.text[offered.start : self.edit.at].casefold()
        names = [choice for choice in offered.choices if choice[-1] in ":>"]
        # A minus before the first letters would take nearly everything away.
        least = A_NAME if offered.start == offered.word else 1
        return len(typed) >= least and any(name.startswith(typed) for name in names)

    def finished(self) -> str:
        """The filter without the word at the cursor."""
        text, at = self.edit.text, self.edit.at
        assert self._offered is not None
        after = next((n for n in range(at, len(text)) if text[n].isspace()), len(text))
        return text[: self._offered.word] + text[after:]

    def asked(self, saved: SavedView) -> tuple[Query | None, Fault | None]:
        """The saved view's query and what is typed together (None: everything), and what is wrong with them.

        A word that is still being typed does not count while it can only be half of one.
        """
        from reportdash.board.query import QueryError, parse
        from reportdash.board.terms import Query

        base = own = Query()
        fault: Fault | None = None
        try:
            base = parse(saved.query)
        except QueryError as error:
            fault = Fault(f"view {saved.name}: {error.text}")
        try:
            own = parse(self.edit.text)
            if self.unfinished(None):
                own = parse(self.finished())
        except QueryError as error:
            fault = Fault(error.text, error.position)
            if self.unfinished(error.position):
                with suppress(QueryError):
                    own, fault = parse(self.finished()), None
        return Query((*base.terms, *own.terms)) or None, fault

    # Completion.

    def offer(self, known: Mapping[str, Sequence[str]]) -> None:
        """Look up what fits before the cursor. `known`: see `board.complete`."""
        from reportdash.board.complete import complete

        self._offered = complete(self.edit.text, self.edit.at, known)
        self._before, self._picked = self.edit.text, -1

    def end_offer(self) -> None:
        """The filter is no longer typed."""
        self._offered = None

    @property
    def settled(self) -> bool:
        """Whether nothing else would fit than what was taken."""
        return self._picked >= 0 and self._offered is not None and len(self._offered.choices) == 1

    def take(self, by: int) -> bool:
        """Put the next choice (`by` 1) or the one before (-1) in its place; False when there is none."""
        offered = self._offered
        if offered is None or not offered.choices:
            return False
        self._picked = 0 if self._picked < 0 <= by else (self._picked + by) % len(offered.choices)
        choice = offered.choices[self._picked]
        self.edit.set(offered.put(self._before, choice))
        self.edit.at = offered.start + len(choice)
        return True

    def _choices(self, cells: int) -> list[Run]:
        """The choices in at most `cells`, the one that was taken always among them."""
        assert self._offered is not None
        choices = self._offered.choices
        first = max(0, self._picked)
        runs: list[Run] = [muted("tab "), muted("… ")] if first else [muted("tab ")]
        for place, choice in enumerate(choices[first:], first):
            more = 2 if place + 1 < len(choices) else 0
            if length(runs) + width(choice) + 2 + more > cells and place > first:
                return [*runs, muted("…")]
            here = place == self._picked
            runs.append(Run(choice, Role.STRONG if here else Role.MUTED, bold=here, underline=here))
            runs.append(Run("  ", Role.TEXT))
        return runs[:-1]


def line(
    edit: LineEdit,
    right: Sequence[Run],
    cells: int,
    pen: Pen,
    *,
    editing: bool,
    key: str,
    fault: Fault | None = None,
    base: str = "",
) -> Strip:
    """Line 3 in `cells`. `base`: the filter of the view, which holds as well."""
    start = max(cells - 1 - length(right), 3)
    if fault or editing:
        # What is typed keeps a third of the line.
        start = max(start, cells // 3)
    head: list[Run] = [Run(f"{key or '/'} ", Role.ACCENT, bold=True)]
    if base:
        head += [muted(cut(base, max(8, (start - 3) // 2))), Run(" ", Role.TEXT)]
    left = [*head, *_filter(edit, editing, start - 1 - length(head), fault.at if fault else None)]
    return pen.strip([(1, left), (start, right)], cells)


def _filter(edit: LineEdit, editing: bool, room: int, wrong: int | None) -> list[Run]:
    runs: list[Run] = []
    text, at = edit.text, edit.at if editing else len(edit.text)
    start = 0
    while editing and start < at and width(text[start:at]) > max(1, room - 4):
        start += 1
    wrong = len(text) if wrong is None else min(wrong, len(text))
    right = next((n for n in range(wrong, len(text)) if text[n].isspace()), len(text))
    # The word with the fault is marked from its place on; a caret stands where the cursor is.
    marks = sorted({start, max(start, at), max(start, wrong), max(start, right), len(text)})
    for begin, end in zip(marks, [*marks[1:], len(text)], strict=True):
        if editing and begin == at:
            runs.append(Run("█", Role.ACCENT))
        if end > begin:
            bad = wrong <= begin < right
            runs.append(Run(text[begin:end], Role.BAD if bad else Role.TEXT, bold=bad, underline=bad))
    return runs


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
