"""Whether an account is to be logged out, and why it may not be: who hands its key in besides the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportdash.board.states import Role
from reportdash.logins import MEMORY, VAULT, outside
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.form import paragraph
from reportdash.tui.screens.parts import Button, Row

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard

PLAIN = "PLAIN TEXT, "
"""What begins the place of a key in a file as it is, before the file's path."""


IN_VAULT = f"{VAULT}, "
"""What begins the place of a key in a vault that cannot be read now, before why."""
GONE = f"{IN_VAULT}gone"


def still_handed_in(account: str, where: str) -> str:
    """Who hands the key in, if `where` is no store, and how to end it; else empty."""
    from reportdash.credentials import variable

    found = outside(where)
    if found is None:
        return ""
    return f"{found.source} hands its key in, {found.end([variable(account, '…')])} to end it"


class LogOut(Dialog[str]):
    """The account's name: log out."""

    def __init__(self, dashboard: Dashboard, name: str, where: str) -> None:
        super().__init__(dashboard.pen, f"Log out of {name}", cells=84)
        self.name_of = name
        self.where = where

    def rows(self, cells: int) -> list[Row]:
        plain = f"the file {self.where.removeprefix(PLAIN)}" if self.where.startswith(PLAIN) else ""
        source = plain or ("memory" if self.where == MEMORY else f"the {self.where}")
        said = f"The key of {self.name_of} is removed from {source}."
        if self.where == GONE:
            said = (
                f"The key of {self.name_of} was in the vault, which is gone: it is not looked for any more."
            )
        return [
            *paragraph(said, cells),
            *paragraph("Its jobs stay in the table, and nobody looks at them meanwhile.", cells, Role.MUTED),
        ]

    def buttons(self) -> list[Button]:
        return [Button("Log out", "logout", danger=True)]

    def pressed(self, value: str) -> None:
        self.dismiss(self.name_of)
