"""Painting at once: a key does not wait for the screen's next frame.

Rests on how Textual 8 collects what is dirty (private; the version is pinned below 9). Without it everything
still paints, one frame later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from textual import events
from textual.screen import Screen
from textual.widget import Widget

from reportdash.tui import collector
from reportdash.tui.wire.painting import Painting


def paint_now(screen: Screen[Any], widgets: Iterable[Widget]) -> None:
    """Send what these widgets have to show anew to the terminal, now."""
    app = screen.app
    if not screen.is_current or screen._layout_required or (isinstance(app, Painting) and app.puts_off()):
        return
    _collect(screen, widgets)
    if screen._dirty_widgets:
        screen._on_timer_update()


def fill_first(screen: Screen[Any], widgets: Iterable[Widget], fill: Callable[[], None]) -> None:
    """Between the first layout and the first painting: what `fill` shows is part of it, not sent again."""
    fill()
    for widget in widgets:
        widget._repaint_required = False
        widget._exchange_repaint_regions()
    screen._dirty_widgets.clear()


def lay_out_now(screen: Screen[Any]) -> None:
    """Give the widgets their new places and paint them, now rather than two frames later."""
    if screen.is_current and screen.is_running and not screen.app._batch_count:
        screen._refresh_layout()


def fill_again(screen: Screen[Any], widgets: Iterable[Widget], fill: Callable[[], None]) -> None:
    """Between a later layout and its painting: what `fill` shows is painted with it."""
    fill()
    _collect(screen, widgets)
    screen._compositor.update_widgets(screen._dirty_widgets)


def let_go(screen: Screen[Any]) -> None:
    """Forget the painted lines of a screen that is closed, and have the rest of it collected.

    Textual keeps what paints the last 1,024 widgets, for their colours, and so every line it has painted:
    some 300 KB for each dialog that was ever open.
    """
    screen._styles_cache.clear()
    type(screen._styles_cache).get_inner_outer.cache_clear()
    # The app keeps its last message until the next one, and that one knows who sent it.
    app = screen.app
    app.post_message(events.Callback(callback=_nothing).set_sender(app))
    collector.soon()


def _nothing() -> None:
    """Nothing: it is there to take another message's place."""


def _collect(screen: Screen[Any], widgets: Iterable[Widget]) -> None:
    """Those of the widgets that have something to show anew are dirty now, not with the next frame."""
    for widget in widgets:
        if widget._repaint_required:
            widget._repaint_required = False
            screen._dirty_widgets.add(widget)
