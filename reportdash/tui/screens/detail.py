"""The details on the whole screen, where there is no room for the pane below the table."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from reportdash.tui import collector
from reportdash.tui.actions import Keymap
from reportdash.tui.ahead import belongs_elsewhere
from reportdash.tui.details import Subject
from reportdash.tui.paint import let_go, paint_now
from reportdash.tui.screens import firstrun
from reportdash.tui.text import Pen
from reportdash.tui.widgets import footer
from reportdash.tui.widgets.detail import Detail
from reportdash.tui.widgets.footer import Footer
from reportdash.tui.widgets.status import Status

KEYS = tuple(footer.Hint(name) for name in ("next_tab", "download", "copy", "open", "back"))


class DetailScreen(Screen[None], inherit_bindings=False, inherit_css=False):
    """Rule, tab, keys. `read` gives the job as it is now, None when it is gone; a notice of `status` stands
    above the keys until the next one."""

    AUTO_FOCUS = ""

    def __init__(
        self,
        pen: Pen,
        keymap: Keymap,
        read: Callable[[], Subject | None],
        key: Callable[[str, str | None], None],
        status: Status,
    ) -> None:
        super().__init__()
        collector.passing.add(self)
        self.keymap = keymap
        self.read = read
        self.detail = Detail(pen, keymap, id="page")
        self.detail.active = True
        self.footer = Footer(pen)
        self.status = status
        self._take_key = key

    def compose(self) -> ComposeResult:
        yield self.detail
        yield self.footer

    def on_mount(self) -> None:
        self.call_after_refresh(self.show_all)

    def on_unmount(self) -> None:
        let_go(self)

    def on_resize(self) -> None:
        self.call_after_refresh(self.show_all)

    def on_screen_resume(self) -> None:
        # The job may have gone while a dialog stood over it.
        self.show_all()

    def show_all(self) -> None:
        """Show the job as it is now; leave when it is gone."""
        if not self.is_mounted:
            return
        size, pen = self.app.size, self.footer.pen
        small = firstrun.is_too_small(size)
        self.footer.display = not small
        if small:
            self.detail.show(firstrun.too_small(size.width, size.height, pen))
            return
        subject = self.read()
        if subject is None:
            if self.is_active:  # below a dialog it waits for that one
                self.dismiss(None)
            return
        self.detail.notice = self.status.notice
        self.detail.update(subject)
        self.footer.update(KEYS, self.keymap)

    def repaint(self, pen: Pen) -> None:
        """Another theme."""
        self.detail.pen = self.footer.pen = pen
        self.show_all()
        self.refresh(layout=True)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if belongs_elsewhere(self, event):
            return
        self._take_key(event.key, event.character)
        if self.is_current:
            self.show_all()
            paint_now(self, (self.detail, self.footer))
