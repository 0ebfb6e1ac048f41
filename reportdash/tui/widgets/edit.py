"""One line of text being edited: the state alone, for the filter line and for fields of dialogs. Pure."""

from __future__ import annotations

import re

MOST = 2000
"""Characters a line holds; a paste is cut there."""

_WORD_BEFORE = re.compile(r"\S*\s*$")


class LineEdit:
    """A text and a cursor in it. `key` says whether it took a key."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.at = len(text)

    def set(self, text: str) -> None:
        """Another text, the cursor behind it."""
        self.text = text[:MOST]
        self.at = len(self.text)

    def insert(self, text: str) -> None:
        """Text at the cursor; only what can be printed, in one line."""
        clean = "".join(char if char.isprintable() else " " for char in text.strip("\r\n"))
        clean = clean[: MOST - len(self.text)]
        self.text = self.text[: self.at] + clean + self.text[self.at :]
        self.at += len(clean)

    def key(self, key: str, character: str | None) -> bool:
        """Carry one key out; False when it means nothing here."""
        if key in ("left", "ctrl+b"):
            self.at = max(0, self.at - 1)
        elif key in ("right", "ctrl+f"):
            self.at = min(len(self.text), self.at + 1)
        elif key in ("home", "ctrl+a"):
            self.at = 0
        elif key in ("end", "ctrl+e"):
            self.at = len(self.text)
        elif key in ("backspace", "ctrl+h"):
            if self.at:
                self.text = self.text[: self.at - 1] + self.text[self.at :]
                self.at -= 1
        elif key in ("delete", "ctrl+d"):
            self.text = self.text[: self.at] + self.text[self.at + 1 :]
        elif key == "ctrl+w":
            found = _WORD_BEFORE.search(self.text[: self.at])
            start = found.start() if found else 0
            self.text = self.text[:start] + self.text[self.at :]
            self.at = start
        elif key == "ctrl+u":
            self.text, self.at = self.text[self.at :], 0
        elif key == "ctrl+k":
            self.text = self.text[: self.at]
        elif character is not None and character.isprintable():
            self.insert(character)
        else:
            return False
        return True
