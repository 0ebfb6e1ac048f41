"""The last line: the keys that mean something now, made from the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from textual.strip import Strip

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.board.units import digits
from reportdash.tui.actions import BY_ID, Keymap
from reportdash.tui.columns import ROOMY
from reportdash.tui.text import Pen, key_run, length, strong
from reportdash.tui.widgets.lines import Lines


class Hint(NamedTuple):
    """A key and its verb; `word` replaces the registry's, `key` the keymap's where it is always the same."""

    action: str
    word: str = ""
    key: str = ""


BOARD = (
    "details",
    "select",
    "download",
    "delete",
    "filter",
    "sort",
    "submit",
    "track",
    "accounts",
    "help",
    "quit",
)
BOARD_SHORT = ("details", "select", "download", "delete", "filter", "help")
PANE = (Hint("next_tab"), Hint("copy", "copy the words"), Hint("open"), Hint("back"), Hint("help"))
EDITING = (Hint("details", "keep", "enter"), Hint("back", "clear", "esc"))


class Footer(Lines):
    """The keys."""

    def __init__(self, pen: Pen) -> None:
        super().__init__(pen, id="footer")

    def update(self, hints: Sequence[Hint], keymap: Keymap, *, selected: int = 0, hidden: int = 0) -> None:
        """Show these keys, after the number of selected jobs (`hidden` of them not in the table)."""
        self.show([line(hints, keymap, self.size.width, self.pen, selected=selected, hidden=hidden)])


def hints(cells: int, *, selected: int, downloads: int | None) -> tuple[Hint, ...]:
    """What the footer of the board names; with a selection its verbs count. `downloads` None: not counted."""
    if selected:
        save = (
            [] if downloads == 0 else [Hint("download", f"download {digits(downloads)}" if downloads else "")]
        )
        first = [*save, Hint("delete"), Hint("copy", "copy ids")]
        return (*first, Hint("back", "clear"), *map(Hint, ("filter", "sort", "details", "help")))
    return tuple(map(Hint, BOARD if cells >= ROOMY else BOARD_SHORT))


def first_run(word: str, accounts: bool) -> tuple[Hint, ...]:
    """What the footer names before there is a job. `word`: the next step, which enter does."""
    step = (Hint("details", word),) if word else ()
    able = ("submit", "track", "accounts") if accounts else ("palette",)
    return (*step, *map(Hint, (*able, "quit", "help")))


def line(
    hints: Iterable[Hint], keymap: Keymap, cells: int, pen: Pen, *, selected: int = 0, hidden: int = 0
) -> Strip:
    """The footer in `cells`; what does not fit is left out from the right, but help stays."""
    gap = 3 if cells >= ROOMY else 2
    items: list[tuple[Run, ...]] = []
    if selected:
        more = f", {digits(hidden)} not shown" if hidden else ""
        items.append((Run("■", Role.ACCENT), strong(f" {digits(selected)} selected{more}")))
    for hint in hints:
        key = hint.key or keymap.shown(hint.action)
        if key:
            items.append((key_run(key), Run(f" {hint.word or BY_ID[hint.action].word}", Role.TEXT)))
    room = cells - 2
    while len(items) > 1 and sum(map(length, items)) + gap * (len(items) - 1) > room:
        del items[-2]
    pieces: list[tuple[int, Sequence[Run]]] = []
    at = 1
    for runs in items:
        pieces.append((at, runs))
        at += length(runs) + gap
    return pen.strip(pieces, cells, Role.BAR)
