"""The help: every action of the registry with its keys, part by part."""

from __future__ import annotations

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.tui.actions import ACTIONS, Keymap, Part
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.form import explained
from reportdash.tui.screens.parts import BLANK, Row, Words
from reportdash.tui.text import Pen, key_run, strong, text_run


class Help(Dialog[None]):
    """Keys, filter language, signs."""

    def __init__(self, pen: Pen, keymap: Keymap) -> None:
        super().__init__(pen, "Help", cells=84)
        self.keymap = keymap

    @property
    def cancel_label(self) -> str:
        return "Close"

    def keys(self) -> tuple[tuple[str, str], ...]:
        return (("↑↓", "scroll"), ("esc", "close"))

    def typed(self, key: str, character: str | None) -> bool:
        if character == "?" or key == "q":
            self.dismiss(None)
            return True
        return False

    def rows(self, cells: int) -> list[Row]:
        rows: list[Row] = []
        for part in Part:
            if rows:
                rows.append(BLANK)
            rows.append(Words([(0, (strong(str(part)),))]))
            for action in ACTIONS:
                if action.part is not part or action.id.startswith("view_"):
                    continue
                keys = self.keymap.shown_all(action.id)
                if not keys:
                    # Without a key it is found in the palette, by its name.
                    continue
                rows += explained((key_run(keys),), action.says, cells, at=14, role=Role.TEXT)
            if part is Part.FIND:
                first, last = self.keymap.shown("view_1"), self.keymap.shown("view_9")
                rows.append(Words([(0, (key_run(f"{first} … {last}"),)), (14, (text_run("saved views"),))]))
        rows += [BLANK, Words([(0, (strong("Filter"),))])]
        for example, says in _FILTER:
            rows += explained((text_run(example),), says, cells, at=26)
        rows += [BLANK, Words([(0, (strong("Signs"),))])]
        for sign, role, says in _SIGNS:
            rows += explained((Run(sign, role, bold=True),), says, cells, at=4, role=Role.TEXT)
        return rows


_FILTER = (
    ("invoice", "in id, name, account, state, vendor's word, message, reference"),
    ('"month end"  -trial', "a phrase; without a word"),
    ("state:failed|lost", "a field, one of several; -state:ready the others"),
    ("name:Entity*", "* stands for any text"),
    ("age>2h  size>10MB", "also expires<6h  attempts>3"),
    ("is:needs", "what concerns you; also is:working is:over"),
)
_SIGNS = (
    ("✗", Role.BAD, "failed"),
    ("▲", Role.WARN, "look at it"),
    ("?", Role.WARN, "lost, or a word nobody knows: look at it"),
    ("✓", Role.GOOD, "ready; not saved while it is coloured"),
    ("●", Role.TEXT, "running; › submitting  · queued  » finalizing  ‹ deleting"),
    ("–", Role.MUTED, "over: empty, cancelled, deleted, expired"),
    ("■", Role.ACCENT, "selected"),
)
