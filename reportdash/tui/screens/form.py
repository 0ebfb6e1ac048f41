"""A dialog with fields: it carries something out in place, and what went wrong stands in it with what was
typed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeVar

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.errors import Problem
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.parts import CANCEL, Button, Choice, Field, Row, Words, words
from reportdash.tui.text import safe
from reportdash.tui.widgets.pick import Pick

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard
    from reportdash.tui.ports import EnginePort

T = TypeVar("T")

AT = 24
"""Column of the fields."""


class Form(Dialog[T]):
    """A dialog that works with the engine. `note` is what it has to say, in `warn`."""

    def __init__(self, dashboard: Dashboard, title: str, *, cells: int = 104) -> None:
        super().__init__(dashboard.pen, title, cells=cells)
        self.dashboard = dashboard
        self._engine = dashboard.engine
        self.note = ""
        self._work: asyncio.Task[None] | None = None
        self._typed = False
        self._warned = False  # that leaving unseen would lose what was typed

    @property
    def engine(self) -> EnginePort:
        """The one to show: that of now, unless it lacks an account of the one the form was opened with."""
        now, shown = self.dashboard.engine, self._engine
        assert shown is not None, "this form is opened only when there is an engine"
        if now is not None and now.accounts.keys() >= shown.accounts.keys():
            self._engine = shown = now
        return shown

    # What it says.

    def tell(self, text: str) -> None:
        """Say in the dialog what is wrong."""
        first, _, rest = text.partition(" ")
        # A sentence begins with a capital, but a name keeps its own letters.
        named = not first.isalpha() or (self._engine is not None and first in self._engine.accounts)
        self.note = text if named or not rest else text[:1].upper() + text[1:]
        # The note takes lines: where the focus is must still be seen.
        self._followed = None
        if self.is_attached:
            self.redraw()

    def foot(self, cells: int) -> list[Row]:
        """The note: however small the window is, it is seen."""
        return paragraph(self.note, cells, Role.WARN, sign="▲") if self.note else []

    def changed(self, item: Field | Choice) -> None:
        self.note = ""
        self._typed |= isinstance(item, Field)

    # While the window is too small for it.

    def sentence(self) -> str:
        return "q leaves and loses what was typed, a larger window shows it." if self._warned else ""

    def leave(self) -> None:
        """A key that belonged to what was typed must not end everything."""
        if self._typed and not self._warned:
            self._warned = True
        else:
            super().leave()

    def redraw(self) -> None:
        self._warned &= self.too_small
        super().redraw()

    # What it does.

    @property
    def busy(self) -> bool:
        """Whether something is under way that esc stops."""
        return self._work is not None

    def work(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something beside the screen; a Problem it raises is said in the dialog."""
        self.stop()

        async def run() -> None:
            try:
                await doing
            except Problem as problem:
                self._work = None
                self.tell(problem.text)

        task = asyncio.create_task(run())
        self._work = task
        task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Stop what is under way."""
        if self._work is not None:
            self._work.cancel()
            self._work = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._work is task:
            self._work = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self.dashboard.fail(error)
        elif self.is_attached:
            self.redraw()

    def on_unmount(self) -> None:
        self.stop()

    def _key(self, key: str, character: str | None) -> None:
        if not self.busy:
            super()._key(key, character)
        elif key in ("escape", "ctrl+c") or (key == "enter" and self.on_cancel):
            self.stopped()

    @property
    def on_cancel(self) -> bool:
        """Whether Cancel has the focus."""
        return isinstance(self.focused_item, Button) and self.focused_item.value == CANCEL

    def stopped(self) -> None:
        """Esc while something is under way: stop it, and leave what was typed."""
        self.stop()


def paragraph(text: str, cells: int, role: Role = Role.TEXT, *, at: int = 0, sign: str = "") -> list[Row]:
    """Words over as many lines as they take; `sign` stands before the first."""
    lead = f"{sign} " if sign else ""
    lines = wrap(lead + safe(text), max(20, cells - at)) or [""]
    return [words(Run(line, role), at=at) for line in lines]


def explained(head: Sequence[Run], about: str, cells: int, *, at: int, role: Role = Role.MUTED) -> list[Row]:
    """A head, and beside it from column `at` on what it means, over as many lines as that takes."""
    first, *more = paragraph(about, cells, role, at=at)
    pieces = first.pieces if isinstance(first, Words) else ()
    return [Words([(0, head), *pieces]), *more]


def account_pick(dashboard: Dashboard, names: Mapping[str, str], chosen: str) -> Field:
    """A field to choose an account in. `names`: account -> vendor."""
    titles = dashboard.board.titles
    options = {name: f"{name} · {titles.get(vendor, vendor)}" for name, vendor in names.items()}
    return Field("Account", Pick(options, chosen), at=AT, cells=64, caret=False)


def picked(field: Field) -> str:
    """The value chosen in a field that holds a Pick."""
    edit = field.edit
    return edit.value if isinstance(edit, Pick) else edit.text


def pick_rows(field: Field) -> list[Row]:
    """The field, and below it what else can be chosen."""
    edit = field.edit
    if not isinstance(edit, Pick) or len(edit.options) < 2:
        return [field]
    return [field, Words([(field.at + 2, edit.runs())])]
