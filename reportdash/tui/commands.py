"""What each action of the registry does on the board. One method an action, named after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from reportdash.board.order import Column
from reportdash.model import Job
from reportdash.tui.actions import BY_ID, Action
from reportdash.tui.reasons import Reasons
from reportdash.tui.remembering import order_of
from reportdash.tui.screens import firstrun
from reportdash.tui.text import key_run, text_run
from reportdash.tui.turns import give_way

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard
    from reportdash.tui.screens.detail import DetailScreen
    from reportdash.tui.widgets.detail import Detail


AT_ONCE = 5_000
"""Rows selected in one go."""
_SCROLL = {
    "up": (-1, 0),
    "down": (1, 0),
    "page_up": (0, -1),
    "page_down": (0, 1),
    "first": (-1_000_000, 0),
    "last": (1_000_000, 0),
}
"""Lines and pages an action moves the details on the whole screen; they stop at both ends."""


class Commands:
    """Carries keys out on the board."""

    def __init__(self, app: Dashboard) -> None:
        self.app = app
        self.board = app.board
        self.view = app.board.view
        self.why_not = Reasons(app).why_not
        self._growing: Iterator[list[str]] = iter(())
        self.own: dict[str, Callable[[], None]] = {
            "up": lambda: self._move(-1),
            "down": lambda: self._move(1),
            "page_up": lambda: self._move(-self.board.table.page),
            "page_down": lambda: self._move(self.board.table.page),
            "first": lambda: self._end(False),
            "last": lambda: self._end(True),
            "details": self.details,
            "next_tab": lambda: self._tab(1),
            "last_tab": lambda: self._tab(-1),
            "back": self.back,
            "fold": self.fold,
            "filter": self.filter,
            "sort": self.sort,
            "reverse": self.reverse,
            "select": self.select,
            "range": self.range,
            "select_all": self.select_all,
            "copy": self.copy,
            "save_view": app.save_view,
            "results": app.show_results,
            "news": self.news,
            "theme": app.show_themes,
            "help": app.show_help,
            "palette": app.show_palette,
            "suspend": app.life.suspend,
            "redraw": app.redraw_terminal,
            "quit": app.ask_quit,
        }
        for number in range(1, 10):
            self.own[f"view_{number}"] = self._view(number - 1)

    # Keys.

    def key(self, key: str, character: str | None, *, noticed: bool = False) -> None:
        """Carry out what a key means now. `noticed`: it took a notice away, which may be all it was for."""
        if self.board.filter.editing and not self.board.too_small and self._typed(key, character):
            return
        if key == "ctrl+c":
            self.app.ask_quit()
            return
        action = self.board.look.keymap.action(key, character)
        if action is not None and not (noticed and action.id == "back" and self.why_not(action)):
            self.run(action)

    def targets(self) -> list[Job]:
        """What an action takes: the job whose details fill the screen, else the selection or the cursor."""
        self._grown()
        screen = self.app.details
        subject = screen.detail.subject if screen is not None else None
        return self.board.targets() if subject is None else [subject.job]

    def run(self, action: Action) -> None:
        """Carry out an action, or say why it is off."""
        if self.board.too_small and action.id != "quit":
            return
        if action.id not in _SCROLL:
            self.board.resting.now()
        reason = self.why_not(action)
        if reason:
            key = self.board.look.keymap.shown(action.id)
            self.board.say(key_run(key or action.word), text_run(f": {reason}"))
            return
        if self.board.first_run and self._on_first_page(action.id):
            return
        screen = self.app.details
        own = self.own.get(action.id)
        if screen is not None and self._in_details(screen, action.id):
            screen.show_all()
        elif own is not None:
            own()
        else:
            self.app.operator.act(action.id, self.targets())

    def _on_first_page(self, name: str) -> bool:
        """What a key means while there is no job. False: what it always means."""
        steps = {f"view_{number}": number for number in range(1, 10)} | {"details": self.board.stage.next}
        step = firstrun.STEPS.get(steps[name]) if name in steps else None
        if step is not None:
            self.run(BY_ID[step])
        return step is not None

    def detail_key(self, key: str, character: str | None) -> None:
        """A key while the details fill the screen."""
        self.board.status.notice = ()
        action = BY_ID["quit"] if key == "ctrl+c" else self.board.look.keymap.action(key, character)
        if action is not None and action.id == "quit" and not self.board.too_small:
            # As in a pager: one leaves the page first.
            action = BY_ID["back"]
        if action is not None:
            self.run(action)

    def _in_details(self, screen: DetailScreen, name: str) -> bool:
        """Carry out what has another meaning in the details; False when it has none."""
        if name in ("back", "details"):
            screen.dismiss(None)
        elif name in ("next_tab", "last_tab"):
            screen.detail.step(1 if name == "next_tab" else -1)
        elif name in _SCROLL:
            by, pages = _SCROLL[name]
            screen.detail.scroll_by(by + pages * screen.detail.page)
        elif name == "suspend":
            self.app.life.suspend()
        elif name in ("first", "last"):
            screen.detail.scroll_to_end(name == "last")
        elif name == "copy":
            self.app.copy_text(screen.detail.text(), _words(screen.detail))
        else:
            return False
        return True

    def clicked(self, row: int | None, column: Column | None, twice: bool) -> None:
        """The mouse chose a row or a column."""
        if column is not None:
            reverse = column is self.view.column and not self.view.reverse
            self._order(column, reverse)
        elif row is not None:
            self.board.move_cursor(row)
            if twice:
                self.details()

    # Moving.

    def _move(self, by: int) -> None:
        if self.board.detail.active:
            self.board.detail.scroll_by(
                by if abs(by) == 1 else self.board.detail.page * (1 if by > 0 else -1)
            )
            return
        row = self.view.cursor_row
        if row is not None:
            if abs(by) > 1:
                # The page moves with the cursor, so that the cursor keeps its line.
                self.board.table.top += by
            self._to(row + by)

    def _to(self, row: int) -> None:
        if self.view.rows:
            self.board.move_cursor(row)

    def _end(self, last: bool) -> None:
        if self.board.detail.active:
            self.board.detail.scroll_to_end(last)
        else:
            self._to(len(self.view.rows) - 1 if last else 0)

    def _tab(self, by: int) -> None:
        self.board.detail.step(by)

    def details(self) -> None:
        """Keys to the pane, or the details on the whole screen."""
        if self.view.cursor is None or not self.view.rows:
            return
        if self.board.with_pane:
            self._focus_pane(True)
        else:
            self.app.show_details(self.view.cursor)

    def _focus_pane(self, active: bool) -> None:
        self.board.detail.active = active
        self.board.show_cursor()
        self.board.show_frame()

    def back(self) -> None:
        """One step back: out of the pane, the selection, the filter."""
        if self.board.detail.active:
            self._focus_pane(False)
        elif len(self.view.selection):
            self._growing = iter(())
            self.view.selection.clear()
            self._selection_changed()
        elif self.board.filter.edit.text:
            self.board.filter.edit.set("")
            self.board.refilter()

    def fold(self) -> None:
        """Close or open the group under the cursor."""
        if self.view.cursor is None:
            return
        delta = self.view.toggle_group(self.view.cursor)
        self.board.table.follow_cursor()
        self.board.table.sync(delta.touched)
        self.board.show_frame()
        self.board.show_cursor()

    # Filter, order, views.

    def filter(self) -> None:
        """Start to type a filter."""
        self.board.filter.editing = True
        self.board.detail.active = False
        self._offer()
        self.board.show_frame()

    def _offer(self) -> None:
        """Look up what fits where the cursor is in the filter."""
        accounts = self.view.records.accounts
        vendors = dict.fromkeys(account.vendor for account in accounts.values())
        self.board.filter.offer({"account": sorted(accounts), "vendor": list(vendors)})

    def _typed(self, key: str, character: str | None) -> bool:
        """A key while the filter is typed; False when it has its usual meaning all the same."""
        line = self.board.filter
        if key in ("enter", "escape"):
            line.end_offer()
            line.edit.set("" if key == "escape" else line.edit.text)
            self.board.refilter()
            # What can not be read is not kept: it is put right, or cleared.
            line.editing = self.board.fault is not None and self.board.fault.at is not None
            self.board.show_frame()
            return True
        if key in ("tab", "shift+tab"):
            if line.take(1 if key == "tab" else -1):
                if line.settled:
                    # A field's name is there: its values are next.
                    self._offer()
                self.board.refilter()
            return True
        if key in ("up", "down", "pageup", "pagedown"):
            return False
        before = line.edit.text
        if not line.edit.key(key, character):
            return key != "ctrl+c"
        self._offer()
        if line.edit.text != before:
            self.board.refilter()
        else:
            self.board.show_frame()
        return True

    def sort(self) -> None:
        """Sort by the next column that is shown."""
        shown = [place.column for place in self.board.table.places]
        at = shown.index(self.view.column) if self.view.column in shown else -1
        self._order(shown[(at + 1) % len(shown)], False)

    def reverse(self) -> None:
        """The same column, the other way round."""
        self._order(self.view.column, not self.view.reverse)

    def _order(self, column: Column, reverse: bool) -> None:
        self.view.set_order(column, reverse)
        self.board.intake.rebuild()

    def _view(self, place: int) -> Callable[[], None]:
        return lambda: self.choose(place)

    def choose(self, place: int) -> None:
        """Show a saved view: its filter, its order, its columns."""
        self.board.active_view = place
        saved = self.board.look.views[place]
        self.board.table.choose(saved.columns)
        self.view.set_order(*order_of(saved.sort or ""))
        self.board.refilter(anew=True)

    def news(self) -> None:
        """Show what changed since the operator last looked, and nothing else."""
        self.app.live.returning.show()

    # Choosing.

    def select(self) -> None:
        """Select the row, or not, and go on to the next."""
        job = self.view.cursor_job
        row = self.view.cursor_row
        if job is None or row is None:
            return
        self.view.selection.toggle(job.id)
        self.board.move_cursor(row + 1)
        self._selection_changed()

    def range(self) -> None:
        """Select from the last selected row to the cursor."""
        anchor = self.view.selection.anchor
        row = self.view.cursor_row
        slot = self.view.records.slot_of.get(anchor) if anchor else None
        start = self.view.row_of(slot) if slot is not None else None
        if row is None or start is None:
            return
        low, high = sorted((start, row))
        jobs = [self.view.job_at(at) for at in range(low, high + 1)]
        self.view.selection.add(job.id for job in jobs if job.parent is None)
        self._selection_changed()

    def select_all(self) -> None:
        """Select every job the table shows; groups whose parts alone match are not meant."""
        self._growing = self.view.matching_ids()
        if len(self.view.rows) <= AT_ONCE:
            self._grown()
            self._selection_changed()
        else:
            self.board.run_worker(self._grow(), group="select", exclusive=True)

    async def _grow(self) -> None:
        """A very large selection grows by slices, keys answered between."""
        growing = self._growing
        for ids in growing:
            self.view.selection.add(ids)
            await give_way()
            if growing is not self._growing:
                return
        self._selection_changed()

    def _grown(self) -> None:
        """What is still to be selected, at once: whoever looks at the selection means all of it."""
        for ids in self._growing:
            self.view.selection.add(ids)

    def _selection_changed(self) -> None:
        self.board.table.sync(())
        self.board.show_frame()

    def copy(self) -> None:
        """Copy the ids; in the details their words."""
        if self.board.detail.active:
            text, what = self.board.detail.text(), _words(self.board.detail)
        else:
            jobs = self.board.targets()
            if len(jobs) == 1 and self.board.with_pane and self.board.detail.tab == "error":
                text, what = self.board.detail.text(), "the error"
            else:
                text = " ".join(job.id for job in jobs)
                what = jobs[0].id if len(jobs) == 1 else f"{len(jobs)} ids"
        self.app.copy_text(text, what)


def _words(detail: Detail) -> str:
    """What a copy of the details' open tab is."""
    return "the error" if detail.tab == "error" else f"the tab {detail.tab.capitalize()}"
