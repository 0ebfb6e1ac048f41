"""Every action by name: type a few letters, enter carries it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reportdash.board.facts import Run
from reportdash.tui.actions import ACTIONS, Action, Keymap, Part
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.form import paragraph
from reportdash.tui.screens.parts import BLANK, Choice, Field, Row, Words
from reportdash.tui.text import Pen, key_run, muted, strong, text_run

ROWS = 14
ABOUT = 2
"""Lines for the whole words on the chosen action."""
TIGHT = 20
"""Lines of the screen below which no line is spent on air."""
VERB, SAYS = 12, 31
"""Columns of an action's verb, and of what it does or why it is off."""


class Palette(Dialog[Action]):
    """The action that was chosen. `why_not`: why an action is off, empty when it is on; `views`: the names of
    the saved views."""

    def __init__(
        self, pen: Pen, keymap: Keymap, why_not: Callable[[Action], str], views: Sequence[str] = ()
    ) -> None:
        super().__init__(pen, "All actions", cells=92)
        self.keymap = keymap
        self.why_not = why_not
        self.views = {f"view_{number}": name for number, name in enumerate(views, 1)}
        self.field = Field("Name", at=8, cells=40)
        self.focused_item = self.field
        self._at = 0

    def keys(self) -> tuple[tuple[str, str], ...]:
        return (("↑↓", "choose"), ("enter", "do it"), ("esc", "cancel"))

    def says(self, action: Action) -> str:
        """What an action does; a saved view by its name."""
        name = self.views.get(action.id)
        return f"the view {name}" if name is not None else action.says

    def found(self) -> list[Action]:
        """The actions whose words have every word typed; what is done first, digits and moves last."""
        wanted = self.field.edit.text.casefold().split()
        matching = [
            action
            for action in ACTIONS
            if all(word in f"{action.word} {self.says(action)}".casefold() for word in wanted)
        ]
        return sorted(matching, key=_late)

    @property
    def lines(self) -> int:
        """Actions shown at once."""
        size = self.app.size
        height = size.height if self.fills else size.height - 2
        return max(1, min(ROWS, height - 6 - len(self._head()) - ABOUT))

    def _head(self) -> list[Row]:
        return [self.field] if self.app.size.height < TIGHT else [self.field, BLANK]

    def rows(self, cells: int) -> list[Row]:
        found = self.found()
        most = self.lines
        self._at = max(0, min(self._at, len(found) - 1))
        start = max(0, self._at - most + 1)
        rows = self._head()
        for place, action in enumerate(found[start : start + most], start):
            reason = self.why_not(action)
            here = place == self._at
            rows.append(
                Words(
                    [
                        (0, (key_run("▌" if here else " "),)),
                        (2, (key_run(self.keymap.shown(action.id)),)),
                        (VERB, (_word(action.word, here, bool(reason)),)),
                        (SAYS, (muted(f"off: {reason}" if reason else self.says(action)),)),
                    ]
                )
            )
        rows += [BLANK] * (most + len(self._head()) - len(rows))
        return rows

    def foot(self, cells: int) -> list[Row]:
        """The whole of what the chosen line has no room for."""
        found = self.found()
        if not found:
            return paragraph("No action has these words.", cells) + [BLANK] * (ABOUT - 1)
        action = found[max(0, min(self._at, len(found) - 1))]
        reason = self.why_not(action)
        key = self.keymap.shown_all(action.id) or "no key"
        said = f"off now, {reason}" if reason else self.says(action)
        lines = paragraph(f"{key}  {said}", cells)[:ABOUT]
        return lines + [BLANK] * (ABOUT - len(lines))

    def changed(self, item: Field | Choice) -> None:
        self._at = 0

    def _key(self, key: str, character: str | None) -> None:
        steps = {"up": -1, "down": 1, "pageup": -self.lines, "pagedown": self.lines}
        if key in steps:
            self._at = max(0, self._at + steps[key])
        elif key == "enter" and self.focused_item is self.field:
            found = self.found()
            if found:
                self.dismiss(found[max(0, min(self._at, len(found) - 1))])
        else:
            super()._key(key, character)


def _late(action: Action) -> int:
    """Digits and what only moves stand last."""
    if action.id.startswith("view_"):
        return 1
    return 2 if action.part is Part.MOVE and action.id not in ("details", "fold") else 0


def _word(text: str, here: bool, off: bool) -> Run:
    if off:
        return muted(text)
    return strong(text) if here else text_run(text)
