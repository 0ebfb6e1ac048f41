"""The details on the whole screen, where there is no room for the pane below the table."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from reportdash.board.facts import Run
from reportdash.tui.actions import Keymap
from reportdash.tui.details import Subject
from reportdash.tui.paint import paint_now
from reportdash.tui.text import Pen
from reportdash.tui.widgets import footer
from reportdash.tui.widgets.detail import Detail
from reportdash.tui.widgets.footer import Footer

KEYS = tuple(footer.Hint(name) for name in ("next_tab", "download", "copy", "open", "back"))


class DetailScreen(Screen[None], inherit_bindings=False):
    """Rule, tab, keys. `read` gives the job as it is now, None when it is gone."""

    AUTO_FOCUS = ""

    def __init__(
        self,
        pen: Pen,
        keymap: Keymap,
        read: Callable[[], Subject | None],
        key: Callable[[DetailScreen, str, str | None], None],
    ) -> None:
        super().__init__()
        self.keymap = keymap
        self.read = read
        self.detail = Detail(pen, keymap, id="page")
        self.detail.active = True
        self.footer = Footer(pen)
        self._take_key = key

    def say(self, runs: tuple[Run, ...]) -> None:
        """A notice on the line above the footer; it stands until the next key."""
        self.detail.notice = runs
        self.detail.update(self.detail.subject)

    def compose(self) -> ComposeResult:
        yield self.detail
        yield self.footer

    def on_mount(self) -> None:
        self.call_after_refresh(self.show_all)

    def on_resize(self) -> None:
        self.call_after_refresh(self.show_all)

    def show_all(self) -> None:
        """Show the job as it is now; leave when it is gone."""
        subject = self.read()
        if subject is None:
            self.dismiss(None)
            return
        self.detail.update(subject)
        self.footer.update(KEYS, self.keymap)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if self.detail.notice:
            self.say(())
        self._take_key(self, event.key, event.character)
        if self.is_current:
            paint_now(self, (self.detail, self.footer))
