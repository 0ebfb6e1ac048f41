"""The application: puts the board, its data and its keys together, and ends cleanly. Composition only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.screen import Screen
from textual.theme import Theme

from reportdash.board.states import Role
from reportdash.board.view import View
from reportdash.clock import Clock, SystemClock
from reportdash.plain import clean_block
from reportdash.tui import theme
from reportdash.tui.ahead import answered_now
from reportdash.tui.life import Life
from reportdash.tui.ports import Look, NoRows, OpenEngine
from reportdash.tui.remembering import Remembering, restore
from reportdash.tui.screens.board import BoardScreen
from reportdash.tui.terminal import TerminalDriver
from reportdash.tui.text import Pen
from reportdash.tui.wire.painting import Painting

if TYPE_CHECKING:
    from textual import events

    from reportdash.model import Job
    from reportdash.tui.actions import Action, Setting
    from reportdash.tui.attention import Attention
    from reportdash.tui.below import EnginePort, FirstRows
    from reportdash.tui.commands import Commands
    from reportdash.tui.details import Subject
    from reportdash.tui.live import Live
    from reportdash.tui.operator import Operator
    from reportdash.tui.screens.detail import DetailScreen
    from reportdash.tui.widgets.filter import SavedView


class Dashboard(Painting, inherit_bindings=False, inherit_css=False):
    """The dashboard. `run()` gives the exit code.

    `first`: the ledger's rows for the first paint. `open_engine`: see `ports`; None shows the ledger alone.
    `config`: where the config file is, or belongs; `configured`: whether a glance found an account there.
    `read_only`: nothing is changed, whatever the config says; `looked`: the demo was opened from here before.
    Afterwards `wants_demo` tells that it is wanted, and `life` how the run ended.
    """

    CSS_PATH = "reportdash.tcss"
    TITLE = "reportdash"
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT: ClassVar[float] = 0.0

    def __init__(
        self,
        look: Look,
        first: FirstRows | None = None,
        open_engine: OpenEngine | None = None,
        *,
        clock: Clock | None = None,
        config: str = "",
        configured: bool = True,
        read_only: bool = False,
        looked: bool = False,
    ) -> None:
        self.look = look
        super().__init__(driver_class=TerminalDriver, ansi_color=look.palette.ansi)
        self._dressed = look.palette
        self.register_theme(_textual_theme(look.palette))
        self.theme = look.palette.name
        self.animation_level = "none"
        # Notices stand on the status line: every screen does without Textual's two widgets for them.
        self._disable_notifications = self._disable_tooltips = True
        self.frugal = look.wire
        self.clock = clock or SystemClock()
        first = first if first is not None else NoRows()
        view = View()
        self.pen = Pen(look.palette, look.glyphs)
        self.board = BoardScreen(look, view, self.pen)
        restore(self.board)
        view.load(first.jobs, first.accounts, self.clock.now())
        self.board.config = config
        self.board.configured = configured
        self.board.looked = looked
        self.wants_demo = False
        self.holds_keys = False  # of accounts, in memory: gone when this run ends
        self._paging = False
        self._read_only = read_only
        self._open_engine = open_engine
        self._first_rev = first.rev
        self.life = Life(self)

    # What keys and data need; made after the first paint.

    @cached_property
    def commands(self) -> Commands:
        from reportdash.tui.commands import Commands

        return Commands(self)

    @cached_property
    def operator(self) -> Operator:
        from reportdash.tui.operator import Operator

        return Operator(self)

    @cached_property
    def attention(self) -> Attention:
        from reportdash.tui.attention import Attention

        return Attention(self.board.view.records, self._write)

    @cached_property
    def remembering(self) -> Remembering:
        return Remembering(self)

    @cached_property
    def live(self) -> Live:
        from reportdash.tui.live import Live

        return Live(self, self._open_engine, self._first_rev)

    def settle(self, keys: Mapping[str, Setting], views: Sequence[SavedView]) -> None:
        """The config has been checked: its keys and views, with what a first glance does not see of them, the
        part that stands in the environment."""
        look = self.look
        before = dict(look.keymap.keys)
        look.keymap.set(keys)
        if tuple(views) != look.configured:
            look.configured = tuple(views)
            look.take_memory(look.memory)
            self.board.active_view = min(self.board.active_view, len(look.views) - 1)
            self.board.refilter()
        if before != look.keymap.keys:
            self.board.show_all()

    def refresh_css(self, animate: bool = True) -> None:
        """Style every screen anew, where there is another theme: Textual asks at every start as well."""
        if self._dressed is not self.look.palette:
            self._dressed = self.look.palette
            super().refresh_css(animate)

    # Life.

    def get_default_screen(self) -> Screen[None]:
        return self.board

    def get_css_variables(self) -> dict[str, str]:
        # Nothing here uses the hundred colours that Textual makes of a theme.
        self.theme_variables = {f"rd-{role}": self.look.palette.hex(role) for role in (Role.BG, Role.BAR)}
        return self.theme_variables

    def on_ready(self) -> None:
        """The first paint has been sent."""
        if self.over:
            return
        unknown = self.look.keymap.unknown
        if unknown:
            self.board.say(f"[keys]: there is no action {unknown[0]}; the help names them", role=Role.WARN)
        self.live.start()

    async def run_async(self, **options: Any) -> int | None:
        """As Textual's; a signal at any moment, and a fault in any callback, ends it in order."""
        with self.life.guarded():
            return await super().run_async(**options)

    def end(self) -> None:
        """Leave because the line is gone."""
        self.life.end()

    def leave(self) -> None:
        """End the dashboard in order."""
        self.life.leave()

    def fail(self, error: BaseException) -> None:
        """Something of ours ended with a fault: leave with it."""
        self.life.fail(error)

    async def _shutdown(self) -> None:
        await self.life.left()
        await super()._shutdown()
        self.life.on_left()

    def _handle_exception(self, error: Exception) -> None:
        # Textual's own page shows local variables, and what stands in the error itself.
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self.fail(error)
        self._close_messages_no_wait()

    # What the board's keys open.

    @property
    def engine(self) -> EnginePort | None:
        """The engine, once it is loaded."""
        return self.live.engine

    def show_help(self) -> None:
        """Every key."""
        from reportdash.tui.screens.help import Help

        self.push_screen(Help(self.pen, self.look.keymap))

    def show_palette(self) -> None:
        """Every action by name."""
        from reportdash.tui.screens.palette import Palette

        def chosen(action: Action | None) -> None:
            if action is not None:
                self.commands.run(action)

        views = [view.name for view in self.look.views]
        # It asks for every action at every key, and a hundred thousand may be selected.
        why_not = partial(self.commands.why_not, targets=self.commands.targets())
        self.push_screen(Palette(self.pen, self.look.keymap, why_not, views), chosen)

    def show_themes(self) -> None:
        """The themes there are, to try one after the other."""
        from reportdash.tui.screens import themes

        themes.open(self)

    @property
    def details(self) -> DetailScreen | None:
        """The details on the whole screen, if they are open, perhaps below a dialog."""
        from reportdash.tui.screens.detail import DetailScreen

        return next((screen for screen in self.screen_stack if isinstance(screen, DetailScreen)), None)

    def show_details(self, slot: int) -> None:
        """The details of a job on the whole screen."""
        from reportdash.tui.screens.detail import DetailScreen

        records = self.board.view.records
        job_id = records.job(slot).id

        def read() -> Subject | None:
            now = records.slot_of.get(job_id)
            return None if now is None else self.board.subject(now)

        screen = DetailScreen(self.pen, self.look.keymap, read, self.commands.detail_key, self.board.status)
        screen.detail.on_files = self.live.reading.files
        self.push_screen(screen)
        self.live.reading.details(records.job(slot))

    def show_results(self) -> None:
        """How the last act on several jobs ended for each."""
        batch = self.operator.batch
        if batch is None:
            return
        from reportdash.tui.screens.results import Results

        records = self.board.view.records

        def now_of(job: Job) -> Job | None:
            slot = records.slot_of.get(job.id)
            return None if slot is None else records.job(slot)

        def answered(jobs: list[Job] | None) -> None:
            if jobs:
                self.operator.again(self, jobs)

        self.push_screen(Results(self.pen, batch, now_of), answered)

    def save_view(self) -> None:
        """Keep what is shown as a saved view."""
        from reportdash.tui.screens.saveview import SaveView

        self.push_screen(SaveView(self))

    def details_changed(self, job_id: str | None = None) -> None:
        """The history of a job was read; None: what its files begin with."""
        screen = self.details
        if screen is not None:
            screen.show_all()
        job = self.board.view.cursor_job
        if job is not None and job_id in (None, job.id):
            self.board.show_cursor()

    @property
    def read_only(self) -> bool:
        """Whether this dashboard changes nothing."""
        return self._read_only or (self.engine is not None and self.engine.read_only)

    def look_around(self) -> None:
        """Leave for the demo; whoever runs this app opens it, and comes back."""
        self.wants_demo = True
        self.leave()

    def ask_quit(self) -> None:
        """Leave; while downloads run, ask first."""
        running = self.engine.downloads.busy() if self.engine is not None else 0
        if not running:
            self.leave()
            return
        from reportdash.tui.screens.quit import Quit

        def answered(yes: bool | None) -> None:
            if yes:
                self.leave()

        self.push_screen(Quit(self.pen, running), answered)

    def use_theme(self, name: str) -> None:
        """Another theme, at once and at the next start. Raises ThemeError."""
        palette = theme.load(name, self.look.themes)
        self.look.palette = palette
        self.pen = Pen(palette, self.look.glyphs)
        self.register_theme(_textual_theme(palette))
        self.ansi_color = palette.ansi
        self.theme = palette.name
        for screen in self.screen_stack:
            # The board, the details, a dialog: each has its own lines.
            repaint: Callable[[Pen], None] | None = getattr(screen, "repaint", None)
            if repaint is not None:
                repaint(self.pen)
        self.operator.task(self.remembering.theme(name))

    # The terminal.

    def chord(self, character: str) -> bool:
        """Whether alt with this character means something."""
        return self.look.keymap.chord(character)

    def answered_now(self, event: events.Key) -> bool:
        """Whether a key was for the board, and is done."""
        return answered_now(self.board, event, self.board.on_key)

    def for_terminal(self, key: str, character: str | None) -> bool:
        """Whether a key, on whatever screen, is about the terminal itself; if so it is done."""
        printed = character is not None and character.isprintable()
        action = None if printed else self.look.keymap.action(key, character)
        if action is None or action.id not in ("suspend", "redraw"):
            return False
        if action.id == "suspend":
            self.life.suspend()
        else:
            self.redraw_terminal()
        return True

    def on_driver_signal_resume(self) -> None:
        """Back from the shell: nothing of what was painted is there any more."""
        self.refresh(layout=True)

    def caught_up(self) -> None:
        """The line takes something again: the rows as they are by then."""
        if self._owes and self.board.is_running:
            with self._context():
                self.board.show_all()
        super().caught_up()

    def _write(self, sequence: str) -> None:
        """An escape sequence of ours to the terminal."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    def copy_text(self, text: str, what: str) -> None:
        """To the operator's clipboard; says in one line what became of it. `what` it is, in two words."""
        from reportdash.tui import clipboard

        text = clean_block(text, max(len(text), 1))
        if not text:
            self.board.say("there is nothing to copy", role=Role.WARN)
            return
        sequence = clipboard.sequence(text, os.environ)
        if sequence is not None:
            self._clipboard = text
            self._write(sequence)
        if clipboard.between(os.environ) is clipboard.Between.TMUX:
            self.operator.tell(asyncio.to_thread(clipboard.to_tmux, text, what))
        else:
            told = clipboard.said(text, what, os.environ)
            self.board.say(told.text, role=Role.MUTED if told.well else Role.WARN)

    async def page_file(self, path: str) -> str:
        """Show a saved file in $PAGER, the dashboard put aside meanwhile; what went wrong, else empty."""
        from textual.app import SuspendNotSupported

        from reportdash.tui import pager

        if self._paging:
            return ""  # the key came twice at once: two pagers would share one terminal
        self._paging = True
        try:
            words = pager.command(Path(path), os.environ)
            with self.suspend():
                return await pager.show(words)
        except pager.NoPager as problem:
            return str(problem)
        except SuspendNotSupported:
            return "this terminal cannot be handed over"
        finally:
            self._paging = False


def _textual_theme(palette: theme.Palette) -> Theme:
    """Our palette as Textual wants it. Its own style sheets, which would use every colour, are not used."""
    accent, ground = palette.hex(Role.ACCENT), palette.hex(Role.BG)
    return Theme(palette.name, accent, background=ground, dark=palette.dark, ansi=palette.ansi)
