"""Every action by name: type a few letters, enter carries it out."""

from __future__ import annotations

from collections.abc import Callable

from reportdash.board.facts import Run
from reportdash.tui.actions import ACTIONS, Action, Keymap
from reportdash.tui.screens.dialog import BLANK, Choice, Dialog, Field, Row, Words
from reportdash.tui.text import Pen, key_run, muted, strong, text_run

ROWS = 14


class Palette(Dialog[Action]):
    """The action that was chosen."""

    def __init__(self, pen: Pen, keymap: Keymap, why_not: Callable[[Action], str]) -> None:
        super().__init__(pen, "All actions", cells=84)
        self.keymap = keymap
        self.why_not = why_not
        self.field = Field("Name", at=8, cells=40)
        self.focused_item = self.field
        self._at = 0

    def keys(self) -> tuple[tuple[str, str], ...]:
        return (("↑↓", "choose"), ("enter", "do it"), ("esc", "cancel"))

    def found(self) -> list[Action]:
        """The actions whose words have every word typed."""
        wanted = self.field.edit.text.casefold().split()
        return [
            action
            for action in ACTIONS
            if action.palette and all(word in f"{action.word} {action.says}".casefold() for word in wanted)
        ]

    def rows(self, cells: int) -> list[Row]:
        found = self.found()
        self._at = max(0, min(self._at, len(found) - 1))
        start = max(0, self._at - ROWS + 1)
        rows: list[Row] = [self.field, BLANK]
        for place, action in enumerate(found[start : start + ROWS], start):
            reason = self.why_not(action)
            here = place == self._at
            pieces = [
                (0, (key_run("▌" if here else " "),)),
                (2, (key_run(self.keymap.shown(action.id)),)),
                (10, (_word(action.word, here, bool(reason)),)),
                (30, (muted(reason or action.says),)),
            ]
            rows.append(Words(pieces))
        rows += [BLANK] * (ROWS + 2 - len(rows))
        return rows

    def changed(self, item: Field | Choice) -> None:
        self._at = 0

    def _key(self, key: str, character: str | None) -> None:
        if key in ("up", "down"):
            self._at += 1 if key == "down" else -1
        elif key == "enter" and self.focused_item is self.field:
            found = self.found()
            if found:
                self.dismiss(found[max(0, min(self._at, len(found) - 1))])
        else:
            super()._key(key, character)


def _word(text: str, here: bool, off: bool) -> Run:
    if off:
        return muted(text)
    return strong(text) if here else text_run(text)
