"""A new passphrase for the vault: the two fields it is typed in, and the dialog that changes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reportdash.board.states import Role
from reportdash.errors import Problem
from reportdash.model import Job
from reportdash.tui.screens.form import Form, paragraph
from reportdash.tui.screens.parts import BLANK, Button, Field, Row
from reportdash.tui.text import cut_middle, key_run, text_run

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard

AT = 20
"""Column of the fields of a passphrase."""


def open(app: Dashboard, jobs: Sequence[Job]) -> None:
    """The dialog, if there is a vault."""
    engine = app.engine
    vault = engine.chain.vault if engine is not None else None
    if vault is None:
        return  # `why_not` was asked before
    before = app.screen

    async def ask() -> str:
        if await vault.state() == "absent":
            login = app.look.keymap.named("login")
            app.board.say(
                "there is no vault yet: ", key_run(login), text_run(" makes one with the first key")
            )
        elif app.screen is before:
            app.push_screen(Change(app))
        return ""

    app.operator.task(ask())


class NewPassphrase:
    """A passphrase to be: typed twice, because nobody sees it."""

    def __init__(self, label: str = "New passphrase") -> None:
        self.first = Field(label, secret=True, at=AT)
        self.again = Field("Once more", secret=True, at=AT)

    @property
    def text(self) -> str:
        return self.first.edit.text

    def wrong(self) -> tuple[Field, str] | None:
        """The field to put right, and what is wrong with it; None: nothing."""
        from reportdash.credentials.vault import SHORTEST

        if not self.text:
            return self.first, f"{self.first.label} is empty."
        if len(self.text) < SHORTEST:
            return (
                self.first,
                f"The passphrase is too short: at least {SHORTEST} characters, best some words.",
            )
        if not self.again.edit.text:
            return self.again, "The passphrase is typed twice, because nobody sees it."
        if self.again.edit.text != self.text:
            return self.again, "The two passphrases differ."
        return None

    def wipe(self) -> None:
        """Forget what was typed."""
        for field in (self.first, self.again):
            field.edit.set("")


class Change(Form[None]):
    """Old, new and again."""

    def __init__(self, dashboard: Dashboard) -> None:
        super().__init__(dashboard, "Change the passphrase of the vault", cells=90)
        self.old = Field("Old passphrase", secret=True, at=AT)
        self.new = NewPassphrase()
        self.focused_item = self.old
        self.changing = False

    def on_unmount(self) -> None:
        self.old.edit.set("")
        self.new.wipe()

    def rows(self, cells: int) -> list[Row]:
        vault = self.engine.chain.vault
        path = cut_middle(str(vault.path), cells) if vault is not None else ""
        other = "Sessions that are open need the new one from then on, and so does a file that holds it."
        fields: list[Row] = [self.old, self.new.first, self.new.again]
        return [
            *paragraph(path, cells, Role.MUTED),
            BLANK,
            *fields,
            BLANK,
            *paragraph(other, cells, Role.MUTED),
        ]

    def buttons(self) -> list[Button]:
        return [Button("changing…" if self.changing else "Change", "change")]

    def keys(self) -> Sequence[tuple[str, str]]:
        if self.changing:
            return (("esc", "close"),)
        return (("esc", "cancel"), ("tab", "next"), ("enter", "change"))

    def _key(self, key: str, character: str | None) -> None:
        if not self.changing:
            super()._key(key, character)
        elif key in ("escape", "ctrl+c") or (key == "enter" and self.on_cancel):
            # What is being written comes to its end all the same; the board says which.
            self.dismiss(None)

    def pressed(self, value: str) -> None:
        wrong = (self.old, "Old passphrase is empty.") if not self.old.edit.text else self.new.wrong()
        if wrong is None and self.new.text == self.old.edit.text:
            wrong = (self.new.first, "The new passphrase is the old one: choose another.")
        if wrong is not None:
            self.focused_item = wrong[0]
            self.tell(wrong[1])
            return
        self.note = ""
        self.changing = True
        self.dashboard.operator.task(self._change(self.old.edit.text, self.new.text))

    async def _change(self, old: str, new: str) -> str:
        from reportdash.credentials import VaultTrouble

        engine = self.engine
        vault = engine.chain.vault
        assert vault is not None
        try:
            await vault.change_passphrase(old, new)
        except Problem as problem:
            if not self.is_attached:
                return problem.text
            self.changing = False
            if isinstance(problem, VaultTrouble) and problem.code == "wrong":
                self.old.edit.set("")
                self.focused_item = self.old
            self.tell(f"{problem.text}.")
            return ""
        # Whoever knows the new one has it open.
        engine.unlocked()
        await self.dashboard.live.stores.look(engine)
        if self.is_attached:
            self.dismiss(None)
        return "the vault has its new passphrase"
