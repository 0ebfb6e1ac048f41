"""The vault's passphrase, asked once a session: by itself at the start, or by `l` where the key is in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reportdash.board.states import Role
from reportdash.errors import Problem
from reportdash.tui.screens.form import Form, paragraph
from reportdash.tui.screens.parts import BLANK, Button, Field, Row
from reportdash.tui.text import cut_middle

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard

OTHER = "other"
NAMED = 5
"""Accounts that are named, of those that wait."""


def open_uninvited(app: Dashboard) -> None:
    """Ask, though nobody pressed a key for it."""
    app.push_screen(Unlock(app), lambda result: _still_locked(app))


def open(app: Dashboard, name: str, done: Callable[[object], None]) -> None:
    """Ask before the login of an account whose key is in the vault; `done` when it is over."""
    from reportdash.tui.screens.login import Login

    def answered(result: str | None) -> None:
        if result == OTHER:
            app.push_screen(Login(app, name), done)
        else:
            _still_locked(app)
            done(None)

    app.push_screen(Unlock(app, name), answered)


def _still_locked(app: Dashboard) -> None:
    """Not now: how it is done later."""
    if app.live.stores.locked:
        app.live.stores.say()


class Unlock(Form[str]):
    """One field, which takes every key from the first one on: what is typed may be a passphrase already.

    `name`: the account that was meant, which can be given another key.
    """

    def __init__(self, dashboard: Dashboard, name: str = "") -> None:
        super().__init__(dashboard, "Unlock the vault", cells=90)
        self.name_of = name
        self.field = Field("Passphrase", secret=True)
        self.focused_item = self.field
        self.unlocking = False

    @property
    def cancel_label(self) -> str:
        return "Not now"

    def on_unmount(self) -> None:
        self._wipe()

    def _wipe(self) -> None:
        self.field.edit.set("")

    # What it shows.

    def rows(self, cells: int) -> list[Row]:
        vault = self.engine.chain.vault
        waiting = self.dashboard.live.stores.locked or ([self.name_of] if self.name_of else [])
        path = cut_middle(str(vault.path), cells) if vault is not None else ""
        return [
            *paragraph(f"{_keys_of(waiting)} in the vault, which is locked in this session.", cells),
            *paragraph(path, cells, Role.MUTED),
            BLANK,
            self.field,
            BLANK,
            *paragraph("Accounts with a key in it rest until then; the table goes on.", cells, Role.MUTED),
        ]

    def buttons(self) -> list[Button]:
        unlock = Button("unlocking…" if self.unlocking else "Unlock", "unlock")
        return [Button("Other key…", OTHER), unlock] if self.name_of else [unlock]

    def keys(self) -> Sequence[tuple[str, str]]:
        if self.unlocking:
            return (("esc", "not now"),)
        return (("esc", "not now"), ("tab", "next"), ("enter", "unlock"))

    # What it does.

    def _key(self, key: str, character: str | None) -> None:
        if not self.unlocking:
            super()._key(key, character)
        elif key in ("escape", "ctrl+c") or (key == "enter" and self.on_cancel):
            self.dismiss(None)

    def pressed(self, value: str) -> None:
        if value == OTHER:
            self.dismiss(OTHER)
            return
        passphrase = self.field.edit.text
        self.focused_item = self.field
        if not passphrase:
            self.tell("The passphrase is empty.")
            return
        self.note = ""
        self.unlocking = True
        # Of the dashboard: a derivation cannot be stopped, and what it finds counts whoever has left.
        self.dashboard.operator.task(self._unlock(passphrase))

    async def _unlock(self, passphrase: str) -> str:
        engine, stores = self.engine, self.dashboard.live.stores
        vault = engine.chain.vault
        assert vault is not None
        trouble = ""
        try:
            await vault.open(passphrase)
        except Problem as problem:
            trouble = what_is_wrong(problem)
            # Unlocked all the same, where only the proof that it takes a new key failed: a full disk.
            try:
                opened = await vault.ready()
            except Problem:
                opened = False
            if not opened:
                return self._refused(trouble)
        waited = list(stores.locked)
        engine.unlocked()
        await stores.look(engine)
        if self.is_attached:
            self.dismiss(None)
        said = (
            f"the vault is unlocked: {_and(waited)} can sign in again" if waited else "the vault is unlocked"
        )
        return f"{said}; {trouble}" if trouble else said

    def _refused(self, text: str) -> str:
        """Say it where it is looked at."""
        if not self.is_attached:
            return text
        self.unlocking = False
        self._wipe()
        self.focused_item = self.field
        self.tell(f"{text}.")
        return ""


def what_is_wrong(problem: Problem) -> str:
    """Why the vault did not open; which vault it is stands in the dialog."""
    from reportdash.credentials import VaultTrouble

    wrong = isinstance(problem, VaultTrouble) and problem.code == "wrong"
    return "this passphrase does not open the vault" if wrong else problem.text


def _keys_of(names: Sequence[str]) -> str:
    return f"The key of {_and(names)} is" if len(names) == 1 else f"The keys of {_and(names)} are"


def _and(names: Sequence[str]) -> str:
    """Names in a sentence; of many the first, and how many more."""
    shown = list(names) if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
