"""Keys typed ahead: on a slow line several come at once, and the first may have opened or closed a screen."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.screen import Screen


def belongs_elsewhere(screen: Screen[Any], event: events.Key) -> bool:
    """Whether a key sent to `screen` is for the one that stands over it by now; then it goes there."""
    there = screen.app.screen
    if there is screen:
        return False
    there.post_message(events.Key(event.key, event.character))
    return True
