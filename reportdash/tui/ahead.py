"""Keys typed ahead: on a slow line several come at once, and the first may have opened or closed a screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual import events
from textual.screen import Screen


def belongs_elsewhere(screen: Screen[Any], event: events.Key) -> bool:
    """Whether a key sent to `screen` is for the one that stands over it by now; then it goes there.

    Once the run is over it is for nobody.
    """
    if getattr(screen.app, "over", False):
        return True
    there = screen.app.screen
    if there is screen:
        return False
    there.post_message(events.Key(event.key, event.character))
    return True


def answered_now(screen: Screen[Any], event: events.Key, answer: Callable[[events.Key], None]) -> bool:
    """Answer a key at once, where nothing came before it; else it has to stand in line.

    The line is two queues, each a turn of the loop or two, and each turn may have a portion of changes or of
    vendors' answers in it. How Textual calls a handler is private; the version is pinned below 9.
    """
    app = screen.app
    waiting = app.message_queue_size or screen.message_queue_size
    on_top = screen.is_running and app.screen is screen and screen.focused is None
    if waiting or not on_top or not app.app_focus:
        return False
    # Whoever reads keys may have begun in a signal's handler, which belongs to no app.
    with app._context(), screen._context():
        try:
            answer(event)
        except Exception as error:
            app._handle_exception(error)
    return True
