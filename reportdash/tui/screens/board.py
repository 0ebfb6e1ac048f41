"""The board: the table and what stands around it. It lays out, hands keys and data on, and paints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import Screen

from reportdash.board import facts
from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.board.view import View
from reportdash.model import HAS_FILE, Job
from reportdash.tui.ahead import belongs_elsewhere
from reportdash.tui.columns import PANE_HEIGHT, ROOMY, WIDE
from reportdash.tui.details import Known, Subject
from reportdash.tui.paint import fill_again, fill_first, lay_out_now, paint_now
from reportdash.tui.ports import Look
from reportdash.tui.resting import Resting
from reportdash.tui.screens import firstrun
from reportdash.tui.text import Pen
from reportdash.tui.widgets import footer
from reportdash.tui.widgets.accounts import Accounts, Slots
from reportdash.tui.widgets.detail import Detail
from reportdash.tui.widgets.filter import Fault, FilterLine
from reportdash.tui.widgets.footer import Footer
from reportdash.tui.widgets.header import HANGS, NOT_POLLING, UNKNOWN_MODE, Header, Mode
from reportdash.tui.widgets.lines import Lines
from reportdash.tui.widgets.status import Status
from reportdash.tui.widgets.table import JobTable

if TYPE_CHECKING:
    from reportdash.board.health import KeyTrouble
    from reportdash.board.terms import Query
    from reportdash.engine.preview import Preview
    from reportdash.tui.app import Dashboard
    from reportdash.tui.intake import Intake

AWAY = 15 * 60.0
"""Seconds without a key after which the next one is a return."""
COUNTED = 500
"""Selected jobs of which the footer says how many can be saved and how many are not shown; of more than these
it would hold up every key."""
PANE = 9
"""Lines of the rule's tab below the rule; the status line is the tenth."""


class BoardScreen(Screen[None], inherit_bindings=False, inherit_css=False):
    """The first screen."""

    AUTO_FOCUS = ""

    def __init__(self, look: Look, view: View, pen: Pen) -> None:
        super().__init__()
        self.look = look
        self.view = view
        self.pen = pen
        self.header = Header(pen)
        self.accounts = Accounts(pen)
        self.filter = FilterLine(pen)
        self.gap = Lines(pen, id="gap")
        self.table = JobTable(pen, view)
        self.page = Lines(pen, id="page")
        self.detail = Detail(pen, look.keymap)
        self.status = Status(pen)
        self.footer = Footer(pen)
        self.active_view = 0
        self.fault: Fault | None = None
        self.mode: Mode = UNKNOWN_MODE
        self.rate = ""
        self.sent = ""
        self.slots: dict[str, Slots] = {}
        self.left_out: Collection[str] = ()
        self.read_only: Collection[str] = ()
        self.plain_text: Collection[str] = ()
        self.broken: Mapping[str, KeyTrouble] = {}
        self.titles = dict(look.titles)
        self.config = ""
        self.configured = True
        self.looked = False
        self.on_cursor: Callable[[Job | None], None] = lambda job: None
        self.known: dict[str, Known] = {}
        self.looked_at = 0.0
        self.previews: dict[str, Preview] = {}
        self.pressed = float("-inf")
        """When the last key came, by the monotonic clock."""
        self._window = Size(0, 0)
        self._shown_slot: int | None = None
        self._stands = self._rearranged = False
        self.resting = Resting(self._rested)

    @cached_property
    def intake(self) -> Intake:
        """What takes changes in; made when the first come."""
        from reportdash.tui.intake import Intake

        return Intake(self)

    @property
    def dashboard(self) -> Dashboard:
        from reportdash.tui.app import Dashboard

        app = self.app
        assert isinstance(app, Dashboard)
        return app

    # Layout.

    @property
    def lines(self) -> tuple[Lines, ...]:
        return (
            self.header,
            self.accounts,
            self.filter,
            self.gap,
            self.table,
            self.page,
            self.detail,
            self.status,
            self.footer,
        )

    def compose(self) -> ComposeResult:
        self._lay_out(self.app.size)
        yield from self.lines

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out(event.size)
        self.call_after_refresh(self.show_all)

    def _compositor_refresh(self) -> None:
        """Send what is dirty. The first time the lines are as wide as they will be, and still empty."""
        if not self._stands:
            self._stands = True
            fill_first(self, self.lines, self.show_all)
        elif self._rearranged:
            self._rearranged = False
            fill_again(self, self.lines, self.show_all)
        super()._compositor_refresh()

    @property
    def with_pane(self) -> bool:
        """Whether the details stand below the table; else they take the whole screen."""
        return self._window.width >= WIDE and self._window.height >= PANE_HEIGHT

    @property
    def too_small(self) -> bool:
        return firstrun.is_too_small(self._window)

    @property
    def first_run(self) -> bool:
        """Whether there is nothing to show but how to begin: there is no job."""
        return not self.view.records.slot_of

    @property
    def unread(self) -> bool:
        """Whether there is nothing to show because nobody could read it."""
        return self.first_run and self.mode in (HANGS, NOT_POLLING)

    @property
    def stage(self) -> firstrun.Stage:
        """How far the first run has come."""
        accounts = list(self.view.records.accounts.values())
        return firstrun.Stage(self.config, self.configured, accounts, self.looked)

    def _lay_out(self, size: Size) -> None:
        """Which lines stand on the screen at this size."""
        self._window = size
        small, first = self.too_small, self.first_run
        pane = self.with_pane and not small and not first
        self.header.display = self.accounts.display = self.footer.display = not small
        self.filter.display = not small and not first
        self.gap.display = pane and size.width >= ROOMY
        paged = small or first or not self.view.rows
        self.table.display = not paged
        self.page.display = paged
        self.detail.display = pane
        self.detail.styles.height = PANE + 1
        self.status.display = not small

    def rearrange(self) -> None:
        """After the table became empty, or is no longer."""
        before = [line.display for line in self.lines]
        self._lay_out(self._window)
        if before != [line.display for line in self.lines]:
            self._rearranged = True
            lay_out_now(self)

    # Showing.

    @property
    def now(self) -> float:
        return self.dashboard.clock.now()

    def show_all(self) -> None:
        """Bring every line up to date; lines that look as before are not painted."""
        if self.too_small:
            size = self._window
            self.page.show(firstrun.too_small(size.width, size.height, self.pen))
            return
        self.table.follow_cursor()
        self._sync()
        self.show_frame()
        self.show_cursor()

    def _sync(self, touched: Collection[int] | None = None) -> None:
        # A key that nobody sees the answer to yet costs no rows: `caught_up` shows them all.
        if not self.dashboard.puts_off():
            self.table.sync(touched)

    def show_frame(self) -> None:
        """Lines 1 to 3, the footer, and the page where there is no table."""
        if self.too_small:
            return
        view, now = self.view, self.view.now
        counts = view.counts()
        keymap = self.look.keymap
        first = self.first_run
        empty = first and not self.configured and not view.records.accounts
        self.header.update(
            counts,
            now,
            rate=self.rate,
            mode=self.mode,
            plain="no account yet" if empty else "not read yet" if self.unread else "",
            sent=self.sent,
        )
        self.accounts.update(
            list(view.records.accounts.values()),
            now,
            titles=self.titles,
            slots=self.slots,
            login_key=keymap.shown("login"),
            left_out=self.left_out,
            read_only=self.read_only,
            plain_text=self.plain_text,
            broken=self.broken,
            accounts_key=keymap.shown("accounts"),
            plain="everything is kept on this server" if empty else "",
        )
        self.filter.update(self.look.views, self.active_view, key=keymap.shown("filter"), fault=self.fault)
        self._show_footer(first)
        if self.page.display:
            self._show_page()

    def _show_page(self) -> None:
        size = self.page.size
        keymap = self.look.keymap
        if self.unread:
            lines = firstrun.unread(size.width, size.height, self.pen)
        elif self.first_run:
            lines = firstrun.first_run(size.width, size.height, self.stage, keymap, self.pen)
        else:
            name = self.look.views[self.active_view].name
            counts = self.view.counts()
            query = self.filter.edit.text.strip()
            lines = firstrun.nothing_found(size.width, size.height, query, name, counts, keymap, self.pen)
        self.page.show(lines)

    def _show_footer(self, first: bool) -> None:
        hints: Sequence[footer.Hint]
        chosen = self.view.selection
        if first:
            hints = footer.first_run(
                firstrun.WORDS.get(self.stage.next, ""), bool(self.view.records.accounts)
            )
        elif self.filter.editing:
            hints = footer.EDITING
        elif self.detail.active:
            hints = footer.PANE
        else:
            savable: int | None = None
            if len(chosen) <= COUNTED:
                savable = sum(job.state in HAS_FILE and not job.saved for job in self.selected())
            hints = footer.hints(self._window.width, selected=len(chosen), downloads=savable)
        hidden = 0
        if 0 < len(chosen) <= COUNTED and (self.view.sieve.query or self.view.closed):
            slots = [self.view.records.slot_of[job_id] for job_id in chosen]
            hidden = sum(self.view.row_of(slot) is None for slot in slots)
        self.footer.update(hints, self.look.keymap, selected=len(chosen), hidden=hidden)

    def subject(self, slot: int) -> Subject:
        """Everything the details say of the job in a slot."""
        records = self.view.records
        job = records.job(slot)
        return Subject(
            job,
            records.face(slot),
            records.sight(slot, self.view.now),
            self.titles.get(job.vendor, job.vendor),
            self.known.get(job.id, Known()),
            [records.job(child) for child in records.children.get(slot, ())],
            self.previews,
            str(self.broken.get(job.account, "")),
        )

    def show_cursor(self) -> None:
        """The details and the status line of the row under the cursor; what another row needs is read."""
        self.resting.done()
        slot = self.view.cursor
        if slot != self._shown_slot:
            # It need not be a key: the old row may have left.
            self._shown_slot = slot
            self.on_cursor(self.view.cursor_job)
        if slot is None or not self.view.rows:
            self.status.update(None, None, "")
            if self.detail.display:
                self.detail.update(None)
            return
        if self.detail.display:
            self.detail.update(self.subject(slot))
            self.status.update(None, None, "")
        else:
            records = self.view.records
            job = records.job(slot)
            self.status.update(job, records.face(slot), facts.says(job, records.group(slot)))

    def say(self, *runs: Run | str, role: Role = Role.TEXT) -> None:
        """A notice on the line above the footer; it stands until the next key."""
        made = tuple(Run(run, role) if isinstance(run, str) else run for run in runs)
        self.status.notice = made
        self.show_cursor()
        details = self.dashboard.details
        if details is not None:
            details.show_all()

    def show_changes(self, touched: Collection[int] | None) -> None:
        """After changes. `touched`: only the rows of these slots may look different; None: any may."""
        paged = self.first_run or not self.view.rows
        if (paged is not self.page.display or self.first_run is self.filter.display) and not self.too_small:
            self.rearrange()
        self._sync(touched)
        self.show_frame()
        cursor = self.view.cursor
        stays = touched is not None and cursor == self._shown_slot and cursor not in touched
        if not stays and not self.resting.waits:
            self.show_cursor()

    # Filter.

    def asked(self) -> Query | None:
        """The saved view's filter and the typed one together; `fault` says what is wrong with them."""
        query, self.fault = self.filter.asked(self.look.views[self.active_view])
        return query

    def refilter(self, *, anew: bool = False) -> None:
        """Apply the saved view and the filter line together; `anew`: even when that is the same query."""
        query = self.asked()
        if self.fault is not None and self.fault.at is not None:
            # While a query is being typed it is often not yet one: the rows stay as they were.
            self.show_frame()
        elif anew or query != self.view.sieve.query:
            self.view.set_query(query)
            self.intake.rebuild()
        else:
            self.show_frame()

    # Keys.

    def selected(self) -> list[Job]:
        """The selected jobs that still exist."""
        records = self.view.records
        slots = [records.slot_of[job_id] for job_id in self.view.selection if job_id in records.slot_of]
        return [records.job(slot) for slot in slots]

    def targets(self) -> list[Job]:
        """What an action takes: the selection, else the cursor's row."""
        if len(self.view.selection):
            return self.selected()
        job = self.view.cursor_job
        return [] if job is None else [job]

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if belongs_elsewhere(self, event) or self.dashboard.for_terminal(event.key, event.character):
            return
        away, self.pressed = monotonic() - self.pressed, monotonic()
        since, self.looked_at = self.looked_at, self.now
        if since and away > AWAY:
            self.dashboard.live.returning.tell(since)
        noticed = bool(self.status.notice)
        if noticed:
            self.status.notice = ()
            self.show_cursor()
        self.dashboard.commands.key(event.key, event.character, noticed=noticed)
        if not self.status.notice:
            self.dashboard.live.returning.tell_held()
        paint_now(self, self.lines)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if self.filter.editing:
            self.filter.edit.insert(event.text)
            self.refilter()

    def on_job_table_chosen(self, message: JobTable.Chosen) -> None:
        self.dashboard.commands.clicked(message.row, message.column, message.twice)
        paint_now(self, self.lines)

    def move_cursor(self, row: int) -> None:
        """Put the cursor on a row and show it."""
        before = self.view.cursor
        self.view.move_to(row)
        self.table.follow_cursor()
        self._sync(())
        if self.view.cursor != before:
            self.resting.moved()

    def _rested(self) -> None:
        if self.is_running:
            self.show_cursor()
            paint_now(self, self.lines)

    def repaint(self, pen: Pen) -> None:
        """Another theme: every line anew."""
        self.pen = pen
        for line in self.lines:
            line.pen = pen
        self.table.repaint()
        self.show_all()
        self.refresh(layout=True)
