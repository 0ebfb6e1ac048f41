"""Which keys a terminal can send, and what is wrong with the others. Pure, and without Textual."""

from __future__ import annotations

from difflib import get_close_matches
from string import ascii_lowercase, digits

from reportdash.tui.actions import normal_key

_MOVES = ("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete")
_SAME = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+h": "backspace",
    "ctrl+[": "escape",
    "shift+space": "space",
}
"""Chords that reach a program as another key."""
QUITS = "ctrl+c"
"""It asks to quit whatever the config says, so that there is always a way out."""

NAMES = frozenset(
    [
        "escape",
        "enter",
        "tab",
        "shift+tab",
        "space",
        "backspace",
        *(f"{before}{key}" for before in ("", "shift+", "ctrl+", "ctrl+shift+") for key in _MOVES),
        *(f"{before}f{number}" for before in ("", "ctrl+") for number in range(1, 25)),
        *(f"ctrl+{letter}" for letter in ascii_lowercase if f"ctrl+{letter}" not in _SAME),
        "ctrl+@",
        "ctrl+backslash",
        "ctrl+right_square_bracket",
        "ctrl+circumflex_accent",
        "ctrl+underscore",
        *(f"alt+{sign}" for sign in ascii_lowercase + digits),
    ]
)
"""Every key with a name that a terminal can send; printed characters stand for themselves."""


def fault(action: str, written: str) -> tuple[str, str]:
    """What is wrong with a key for an action, and the key to write in its place; empty: nothing, none."""
    key = normal_key(written)
    if not written.strip() and written != " ":
        return "is an empty text, which is no key", ""
    if key == QUITS and action != "quit":
        return f"is {QUITS}, which always asks to quit", ""
    if key in NAMES or (len(key) == 1 and key.isprintable()):
        return "", ""
    if key in _SAME:
        return f"is a chord that reaches a program as {_SAME[key]}", _SAME[key]
    return "is no key that a terminal sends", _nearest(key)


def _nearest(key: str) -> str:
    guess = key.replace("control", "ctrl").replace("page_", "page").replace("-", "+")
    if len(guess) == 2 and guess[0] == "^":
        guess = f"ctrl+{guess[1]}"
    guess = normal_key(guess)
    found = [guess] if guess in NAMES else get_close_matches(guess, sorted(NAMES), n=1, cutoff=0.7)
    return found[0] if found else ""
