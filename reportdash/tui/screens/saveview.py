"""`w`: keep what the table shows, filter, order and columns, as a saved view under one of the digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reportdash.board.states import Role
from reportdash.settings.first import MOST_VIEWS
from reportdash.tui.columns import NAME_OF, NAMES
from reportdash.tui.remembering import sort_of
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.form import paragraph
from reportdash.tui.screens.parts import BLANK, Button, Choice, Field, Row, Words, words
from reportdash.tui.text import muted, strong, text_run
from reportdash.tui.widgets.edit import LineEdit
from reportdash.tui.widgets.filter import SavedView

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard

AT = 12
LONGEST = 40
"""Characters of a view's name: line 3 has room for several."""


class SaveView(Dialog[None]):
    """Name and columns are asked; filter and order are what is on the screen."""

    def __init__(self, dashboard: Dashboard) -> None:
        super().__init__(dashboard.pen, "Save the view", cells=96)
        self.dashboard = dashboard
        board = dashboard.board
        asked = board.asked()
        self.filter = str(asked) if asked is not None else ""
        self.sort = sort_of(board.view.column, board.view.reverse)
        self.order = f"{board.view.column} {'↓' if board.view.descending else '↑'}"
        here = board.look.views[board.active_view]
        # Whoever chose a view of theirs and changed it mostly wants to keep it under its name.
        self.mine = here.name in board.look.memory.views
        self.name_field = Field("Name", LineEdit(here.name if self.mine else ""), at=AT, cells=LONGEST + 4)
        chosen = board.table.chosen
        columns = ", ".join(NAME_OF[column] for column in chosen) if chosen is not None else ""
        self.columns = Field("Columns", LineEdit(columns), at=AT, cells=70)
        self.note = ""
        self.focused_item = self.name_field

    def rows(self, cells: int) -> list[Row]:
        rows: list[Row] = [
            self.name_field,
            Words([(AT + 2, (muted(self._place()),))]),
            self.columns,
            *paragraph(
                f"empty: what the window has room for; {', '.join(NAME_OF.values())}",
                cells,
                Role.MUTED,
                at=AT + 2,
            ),
            BLANK,
            Words([(0, (muted("Filter"),)), (AT + 2, (text_run(self.filter or "none: all jobs"),))]),
            Words([(0, (muted("Order"),)), (AT + 2, (text_run(self.order),))]),
        ]
        if self.note:
            rows += [BLANK, *paragraph(self.note, cells, Role.WARN, sign="▲")]
        return rows

    def foot(self, cells: int) -> list[Row]:
        if self.dashboard.look.memory_path is None:
            return [words(muted("Kept until you leave: "), strong("nothing of this run is remembered."))]
        return [words(muted("Remembered from now on. It can move to the config as [views.NAME]."))]

    def _place(self) -> str:
        """Under which digit the name is, or will be, found."""
        name = self.name_field.edit.text.strip()
        views = self.dashboard.look.views
        for place, view in enumerate(views, 1):
            if view.name == name:
                return f"takes the place of the view on key {place}"
        if len(views) >= MOST_VIEWS:
            return "all nine keys are taken: give the name of the view whose place it takes"
        return f"on key {len(views)}"

    def buttons(self) -> list[Button]:
        save = Button("Save", "save")
        return [Button("Remove", "remove", danger=True), save] if self.mine else [save]

    def changed(self, item: Field | Choice) -> None:
        self.note = ""

    def keys(self) -> Sequence[tuple[str, str]]:
        return (("esc", "cancel"), ("tab", "next"), ("enter", "save"))

    def pressed(self, value: str) -> None:
        board = self.dashboard.board
        if value == "remove":
            name = board.look.views[board.active_view].name
            self.dismiss(None)
            self.dashboard.remembering.remove_view(name)
            return
        name = " ".join(self.name_field.edit.text.split())
        given = [part.strip() for part in self.columns.edit.text.split(",") if part.strip()]
        wrong = next((part for part in given if part.casefold() not in NAMES), None)
        taken = [view.name for view in board.look.views]
        if not name or len(name) > LONGEST:
            self.note = f"A name of at most {LONGEST} characters is missing."
            self.focused_item = self.name_field
        elif name not in taken and len(taken) >= MOST_VIEWS:
            self.note = f"All nine keys are taken: give one of the names {', '.join(taken)}."
            self.focused_item = self.name_field
        elif wrong is not None:
            self.note = f"There is no column {wrong}."
            self.focused_item = self.columns
        else:
            columns = tuple(NAME_OF[NAMES[part.casefold()]] for part in given) or None
            self.dismiss(None)
            self.dashboard.remembering.save_view(SavedView(name, self.filter, self.sort, columns))
