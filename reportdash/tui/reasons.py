"""Why an action is off now: one answer for its key and for its line in the palette.

What the board can not do stands here; what the engine can not do, `Operator.why_not` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reportdash.tui.actions import Action

if TYPE_CHECKING:
    from reportdash.model import Job
    from reportdash.tui.app import Dashboard

NO_JOB = "no job is under the cursor"
EMPTY = "no job is shown"
_OF_TABLE = (
    "fold",
    "filter",
    "sort",
    "reverse",
    "save_view",
    "news",
    "select",
    "range",
    "select_all",
)
"""Actions that need the table before the eyes."""


class Reasons:
    """Looks at the board and at what stands over it; changes nothing."""

    def __init__(self, app: Dashboard) -> None:
        self.app = app
        self.board = app.board
        self.view = app.board.view
        self._own: dict[str, Callable[[], str]] = {
            "details": self._details,
            "next_tab": self._tab,
            "last_tab": self._tab,
            "back": self._back,
            "fold": self._fold,
            "sort": self._order,
            "reverse": self._order,
            "news": self._news,
            "select": self._select,
            "range": self._range,
            "select_all": self._order,
            "copy": self._copy,
            "results": self._results,
        }

    def why_not(self, action: Action, targets: Sequence[Job] | None = None) -> str:
        """Why an action is off now, as a clause; empty when it is on. Moving is never off: it stops at the
        ends. `targets`: what it would take, from who asks for many actions and has it at hand."""
        name = action.id
        is_view = name.startswith("view_")
        if self.app.details is not None and (name in _OF_TABLE or is_view):
            return f"the details are open, {self._key('back')} goes back"
        if self.board.first_run and (name in (*_OF_TABLE, "copy", "details") or is_view):
            return self._on_first_page(name)
        if is_view:
            there = len(self.board.look.views)
            return "" if int(name.removeprefix("view_")) <= there else f"there are only {there} views"
        own = self._own.get(name)
        if own is not None:
            return own()
        if name in self.app.commands.own:
            return ""
        return self.app.operator.why_not(action, self.app.commands.targets() if targets is None else targets)

    def _on_first_page(self, name: str) -> str:
        """There the digits and enter are steps, and there is no table."""
        from reportdash.tui.screens.firstrun import STEPS

        if name == "details":
            return "" if self.board.stage.next in STEPS else "still looking whether an account has a key"
        step = int(name.removeprefix("view_")) if name.startswith("view_") else 0
        return "" if step in STEPS else "there are no jobs yet"

    def _key(self, name: str) -> str:
        return self.board.look.keymap.named(name)

    def _details(self) -> str:
        if self.app.details is not None:
            return ""
        if self.view.cursor_job is None:
            return NO_JOB
        if self.board.with_pane and self.board.detail.active:
            return f"the details have the keys already, {self._key('back')} goes back"
        return ""

    def _tab(self) -> str:
        screen = self.app.details
        detail = screen.detail if screen is not None else self.board.detail
        if screen is None and not self.board.with_pane:
            return f"the details are not open, {self._key('details')} opens them"
        if detail.subject is None:
            return NO_JOB
        return "" if len(detail.tabs) > 1 else "the details have this one tab"

    def _back(self) -> str:
        board = self.board
        open_ = self.app.details is not None or board.detail.active
        return (
            ""
            if open_ or len(self.view.selection) or board.filter.edit.text
            else "there is nothing to go back from"
        )

    def _fold(self) -> str:
        slot = self.view.cursor
        if slot is None or not self.view.rows:
            return NO_JOB
        group = self.view.records.job(self.view.group_of(slot))
        return "" if group.is_group else "no group is under the cursor"

    def _news(self) -> str:
        return "" if self.app.live.returning.has_any else "nothing has changed since you last looked"

    def _order(self) -> str:
        return "" if self.view.rows else EMPTY

    def _select(self) -> str:
        job = self.view.cursor_job
        if job is None:
            return NO_JOB
        return (
            f"a part is not acted on alone: select its group {job.parent}" if job.parent is not None else ""
        )

    def _range(self) -> str:
        if self.view.cursor_job is None:
            return NO_JOB
        anchor = self.view.selection.anchor
        slot = self.view.records.slot_of.get(anchor) if anchor else None
        if slot is not None and self.view.row_of(slot) is not None:
            return ""
        return f"no start yet, {self._key('select')} on the first row of the range"

    def _results(self) -> str:
        return "" if self.app.operator.batch is not None else "nothing was done to several jobs yet"

    def _copy(self) -> str:
        screen = self.app.details
        if screen is not None or self.board.detail.active:
            detail = screen.detail if screen is not None else self.board.detail
            return "" if detail.text() else "there are no words to copy"
        return "" if len(self.view.selection) or self.view.cursor_job is not None else NO_JOB
