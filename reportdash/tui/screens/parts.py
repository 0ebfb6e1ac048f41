"""What a dialog is made of: words, fields, choices, folds, buttons. State alone; `frame` draws them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from reportdash.board.facts import Run
from reportdash.tui.widgets.edit import LineEdit

Pieces: TypeAlias = Sequence[tuple[int, Iterable[Run]]]


@dataclass(slots=True, eq=False)
class Words:
    """A line of words at columns, counted from where the dialog's words begin. `cursor`: it is the chosen one
    of a list."""

    pieces: Pieces = ()
    cursor: bool = False


@dataclass(slots=True, eq=False)
class Field:
    """A line to write in. `secret`: dots in place of what is written; `caret` False: it is chosen, not
    written."""

    label: str
    edit: LineEdit = field(default_factory=LineEdit)
    secret: bool = False
    at: int = 16
    cells: int = 50
    caret: bool = True


@dataclass(slots=True, eq=False)
class Choice:
    """One line of a choice; those with the same `group` exclude each other."""

    label: str
    about: str
    group: list[str]
    value: str
    at: int = 20

    @property
    def chosen(self) -> bool:
        return bool(self.group) and self.group[0] == self.value


@dataclass(slots=True, eq=False)
class Button:
    """A word on a ground. `value` is what `pressed` is called with; `danger` colours the word."""

    label: str
    value: str
    danger: bool = False


@dataclass(slots=True, eq=False)
class Fold:
    """A line that stands for lines not shown, or for something to do; enter calls `pressed` with its `value`,
    and `does` says what that does."""

    label: str
    value: str
    at: int = 0
    does: str = "shows all"


Row: TypeAlias = Words | Field | Choice | Fold
Item: TypeAlias = Field | Choice | Fold | Button
CANCEL = "cancel"


def words(*runs: Run, at: int = 0) -> Words:
    """A line of runs, one after the other."""
    return Words([(at, runs)])


BLANK = Words()


def same(item: object, other: object) -> bool:
    """Buttons and folds are made anew by each call; their value tells them apart."""
    if isinstance(item, Button | Fold) and isinstance(other, Button | Fold):
        return type(item) is type(other) and item.value == other.value
    return item is other and item is not None
