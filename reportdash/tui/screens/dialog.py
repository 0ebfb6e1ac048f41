"""The dialog every question of the screen is asked in: what has the focus, and what keys and clicks do.

A subclass says what stands in it (`rows`), which buttons it has (Cancel comes first by itself and has the
focus), and what a button does (`pressed`). The board behind stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen
from textual.strip import Strip

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.board.units import plural
from reportdash.tui import collector
from reportdash.tui.ahead import belongs_elsewhere
from reportdash.tui.columns import PANE_HEIGHT
from reportdash.tui.paint import let_go, paint_now
from reportdash.tui.screens.firstrun import is_too_small, too_small
from reportdash.tui.screens.frame import EDGE, Frame
from reportdash.tui.screens.parts import CANCEL, Button, Choice, Field, Fold, Item, Pieces, Row, Words, same
from reportdash.tui.text import Pen, muted, width
from reportdash.tui.widgets.lines import Lines

T = TypeVar("T")

LEAST_WIDTH = 100
"""Below this (or PANE_HEIGHT lines) a dialog fills the screen."""
WHEEL = 3
"""Lines a turn of the mouse's wheel scrolls."""
_KNOWN = ("esc", "tab", "↑↓", "enter")
_SCROLL = {"down": 1, "up": -1, "pagedown": 10, "pageup": -10, "end": 1_000_000, "home": -1_000_000}
"""Lines a key moves what is longer than the dialog; the drawing stops at both ends."""


class Dialog(ModalScreen[T], Generic[T], inherit_bindings=False, inherit_css=False):
    """A question. `title` stands on the frame."""

    AUTO_FOCUS = ""
    gives_way: Sequence[str] = _KNOWN
    """Keys that are named only where there is room, in the order in which they go."""
    gaps: Sequence[str] = ("   ",)
    """What stands between two keys; a narrow one is tried before a key goes."""
    more = ("↓", "↑")
    """The keys that show what is below, and above."""

    def __init__(self, pen: Pen, title: str, *, cells: int = 104) -> None:
        super().__init__()
        collector.passing.add(self)
        self.pen = pen
        self.heading = title
        self.cells = cells
        self.focused_item: Item | None = None
        self.scroll_top = 0
        self._followed: Item | None = None
        self._cancel = Button("Cancel", CANCEL)
        self._panel = Lines(pen, id="panel")
        self._targets: list[tuple[int, range, Item]] = []  # where the mouse finds what, on the frame
        self._height = self._blank = 0
        self._page = 1
        self._answer: tuple[T | None] | None = None  # the answer, given while another screen stood over it

    # For subclasses.

    def rows(self, cells: int) -> list[Row]:
        """What stands in the dialog, for `cells` of room; asked again at each change."""
        return []

    def foot(self, cells: int) -> list[Row]:
        """What stands above the buttons and never scrolls away."""
        return []

    def buttons(self) -> list[Button]:
        """The buttons after Cancel."""
        return []

    def keys(self) -> Sequence[tuple[str, str]]:
        """Keys named at the right of the buttons: key, verb."""
        return (("esc", "cancel"), ("tab", "next"), ("enter", "choose"))

    def pressed(self, value: str) -> None:
        """A button was pressed; Cancel is dealt with already."""

    def typed(self, key: str, character: str | None) -> bool:
        """A key that nothing else took. Whether it meant something."""
        return False

    def changed(self, item: Field | Choice) -> None:
        """A field or a choice has another value."""

    def drawing(self, cells: int) -> Frame:
        """What draws a frame of `cells`."""
        return Frame(self.pen, cells, self.focused_item)

    @property
    def cancel_label(self) -> str:
        return "Cancel"

    # Layout.

    def compose(self) -> ComposeResult:
        yield self._panel

    def on_mount(self) -> None:
        self._cancel.label = self.cancel_label
        if self.focused_item is None:
            self.focused_item = self._cancel
        self.redraw()

    def on_unmount(self) -> None:
        let_go(self)

    def on_resize(self) -> None:
        self.redraw()

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close it, once: Textual would close whatever stands on top. Below another one it waits for that."""
        if self.is_active:
            return super().dismiss(result)
        if self in self.app.screen_stack:
            self._answer = (result,)
        return AwaitComplete()

    def on_screen_resume(self) -> None:
        if self._answer is not None:
            self.dismiss(*self._answer)

    @property
    def fills(self) -> bool:
        """Whether the dialog takes the whole screen."""
        size = self.app.size
        return size.width < LEAST_WIDTH or size.height < PANE_HEIGHT

    @property
    def too_small(self) -> bool:
        """Whether the window has room for one sentence only."""
        return is_too_small(self.app.size)

    def sentence(self) -> str:
        """What stands there in place of the dialog; empty: how large the window must be."""
        return ""

    def repaint(self, pen: Pen) -> None:
        """Another theme."""
        self.pen = self._panel.pen = pen
        self.redraw()
        self.refresh(layout=True)

    def redraw(self) -> None:
        """Draw the dialog anew, as large as what stands in it."""
        size = self.app.size
        if self.too_small:
            self._targets = []
            self._panel.styles.width, self._panel.styles.height = size.width, size.height
            self._panel.show(too_small(size.width, size.height, self.pen, self.sentence()))
            return
        frame = size.width if self.fills else min(self.cells, size.width - 4)
        room = frame - 2 * EDGE
        rows = self.rows(room)
        foot = self.foot(room)
        height = size.height if self.fills else min(len(rows) + len(foot) + 6, size.height - 2)
        self._height = height
        shown = max(1, height - 6 - len(foot))
        # The last line shown may be the count of those below it.
        self._page = max(1, shown - 1)
        self._follow(rows, shown)
        self.scroll_top = max(0, min(self.scroll_top, len(rows) - shown))
        visible = rows[self.scroll_top : self.scroll_top + shown]
        placed = [*enumerate(visible, 2), *enumerate(foot, height - 3 - len(foot))]
        self._targets = [(y, range(frame), row) for y, row in placed if not isinstance(row, Words)]
        drawn = self.drawing(frame)
        lines = [drawn.top(self.heading), drawn.inside(())]
        lines += [drawn.row(row) for row in visible]
        lines += [drawn.inside(())] * (height - len(lines) - len(foot) - 3)
        if len(rows) > shown:
            more = len(rows) - shown - self.scroll_top
            below, above = self.more
            said = f"{plural(more, 'more line')}  {below}" if more else above
            lines[-1] = drawn.inside(((room - width(said), (muted(said),)),))
        lines += [drawn.row(row) for row in foot]
        lines += [drawn.inside(()), self._button_line(frame), drawn.bottom()]
        blank = self._blank = 0 if self.fills else 1
        self._panel.styles.width = frame + 2 * blank
        self._panel.styles.height = height
        if blank:
            edge = self.pen.blank(1)
            lines = [Strip.join([edge, line, edge]) for line in lines]
        self._panel.show(lines)

    def _follow(self, rows: Sequence[Row], shown: int) -> None:
        """Bring the focused line into view once, when it gets the focus."""
        if not same(self.focused_item, self._followed):
            self._followed = self.focused_item
            at = next((n for n, row in enumerate(rows) if same(row, self.focused_item)), None)
            if at is not None:
                # The last line shown gives way to the count of those below it.
                self.scroll_top = max(at - shown + 2, min(self.scroll_top, at))

    def _button_line(self, frame: int) -> Strip:
        bar = Run("│", Role.ACCENT)
        parts: list[tuple[int, Pieces, Role]] = [(EDGE, [(0, (bar,))], Role.BG)]
        at = EDGE
        buttons = (self._cancel, *self.buttons())
        # A row that is too long gives up its air.
        room = frame - 2 * EDGE - sum(width(button.label) for button in buttons)
        air = 2 if 4 * len(buttons) + 2 * (len(buttons) - 1) <= room else 1
        for button in buttons:
            here = button is self.focused_item or (
                isinstance(self.focused_item, Button) and self.focused_item.value == button.value
            )
            if at > EDGE:
                parts.append((air, (), Role.BG))
                at += air
            role = Role.BAD if button.danger else Role.STRONG if here else Role.TEXT
            label = Run(button.label, role, bold=here)
            cells = width(button.label) + 2 * air
            self._targets.append((self._height - 2, range(at, at + cells), button))
            runs = [(0, (Run("▌", Role.ACCENT),))] if here else []
            parts.append((cells, [*runs, (air, (label,))], Role.CURSOR if here else Role.MARK))
            at += cells
        rest = frame - at
        said = self._keys_said(rest - EDGE - 2)
        parts.append((rest, [(rest - EDGE - width(said), (muted(said),)), (rest - 1, (bar,))], Role.BG))
        return self.pen.join(parts)

    def _keys_said(self, room: int) -> str:
        """The keys' line in so many cells; the keys that every dialog has give way first."""
        pairs = list(self.keys())
        for known in (*self.gives_way, *(key for key, _ in self.keys())):
            for gap in self.gaps:
                said = gap.join(f"{key} {verb}" for key, verb in pairs)
                if width(said) <= room:
                    return said
            pairs = [pair for pair in pairs if pair[0] != known]
        return ""

    # Keys.

    def _items(self) -> list[Item]:
        frame = self.app.size.width if self.fills else min(self.cells, self.app.size.width - 4)
        rows = [*self.rows(frame - 2 * EDGE), *self.foot(frame - 2 * EDGE)]
        found: list[Item] = [row for row in rows if not isinstance(row, Words)]
        return [*found, self._cancel, *self.buttons()]

    def _step(self, by: int) -> None:
        items = self._items()
        focused = self.focused_item
        at = next((n for n, item in enumerate(items) if same(item, focused)), 0)
        self.focused_item = items[(at + by) % len(items)]

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if belongs_elsewhere(self, event) or self._for_terminal(event):
            return
        if self.too_small:
            # Nobody is held to what can not be seen; the way out is the board's.
            if event.key in ("q", "ctrl+c"):
                self.leave()
        else:
            self._key(event.key, event.character)
        self._show_at_once()

    def _for_terminal(self, event: events.Key) -> bool:
        from reportdash.tui.app import Dashboard

        return isinstance(self.app, Dashboard) and self.app.for_terminal(event.key, event.character)

    def _show_at_once(self) -> None:
        if self.is_current:
            self.redraw()
            paint_now(self, (self._panel,))

    def _key(self, key: str, character: str | None) -> None:
        item = self.focused_item
        if key in ("escape", "ctrl+c"):
            self.dismiss(None)
        elif key == "tab" or (key == "down" and isinstance(item, Field | Choice | Fold)):
            self._step(1)
        elif key == "shift+tab" or (key == "up" and isinstance(item, Field | Choice | Fold)):
            self._step(-1)
        elif isinstance(item, Field) and key != "enter":
            if item.edit.key(key, character):
                self.changed(item)
            elif not self.typed(key, character) and key in ("pageup", "pagedown"):
                self._scroll(key)
        elif isinstance(item, Choice) and (key == "space" or (key == "enter" and not item.chosen)):
            item.group[:] = [item.value]
            self.changed(item)
        elif key == "enter":
            self._enter(item)
        elif key in ("left", "right") and isinstance(item, Button):
            self._step(1 if key == "right" else -1)
        elif not self.typed(key, character) and key in _SCROLL:
            self._scroll(key)

    def _scroll(self, key: str) -> None:
        """Move what is longer than the dialog; a page never skips a line."""
        by = _SCROLL[key]
        self.scroll_top += max(-self._page, min(by, self._page)) if key in ("pagedown", "pageup") else by

    # Mouse.

    def on_click(self, event: events.Click) -> None:
        event.stop()
        x = event.screen_x - self._panel.region.x - self._blank
        y = event.screen_y - self._panel.region.y
        item = next((item for line, cells, item in self._targets if line == y and x in cells), None)
        if item is not None:
            self.clicked(item)
            self._show_at_once()

    def clicked(self, item: Item) -> None:
        """The mouse chose a field, a choice, a fold or a button: the same as going there and pressing enter,
        but a field is only gone to."""
        self.focused_item = item
        if not isinstance(item, Field):
            self._key("enter", None)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_top += WHEEL
        self._show_at_once()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_top -= WHEEL
        self._show_at_once()

    def _enter(self, item: Item | None) -> None:
        if isinstance(item, Field | Choice):
            # Enter there means the button that carries the dialog out, as its keys line says; on a line of a
            # choice that is not taken yet it takes it first.
            buttons = self.buttons()
            if buttons:
                self.pressed(buttons[-1].value)
        elif isinstance(item, Fold):
            self.pressed(item.value)
        elif isinstance(item, Button):
            if item.value == CANCEL:
                self.dismiss(None)
            else:
                self.pressed(item.value)

    def leave(self) -> None:
        """The dashboard is to be left while the dialog can not be seen."""
        from reportdash.tui.app import Dashboard

        if isinstance(self.app, Dashboard):
            self.app.ask_quit()

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if self.too_small:
            return
        if isinstance(self.focused_item, Field):
            self.focused_item.edit.insert(event.text)
            self.changed(self.focused_item)
            self.redraw()
