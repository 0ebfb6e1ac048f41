"""What opens a locked store: by itself at the start, or by `l` where the key is in it.

The vault's passphrase opens it for this session, the keyring's password for every program on this server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reportdash.board.health import KeyTrouble, key_trouble
from reportdash.board.states import Role
from reportdash.errors import Problem
from reportdash.logins import KEYRING, VAULT
from reportdash.model import Health
from reportdash.tui.screens.form import Form, paragraph
from reportdash.tui.screens.parts import BLANK, Button, Field, Row
from reportdash.tui.text import cut_middle

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard

OTHER = "other"
OPENED = "opened"
NAMED = 5
"""Accounts that are named, of those that wait."""


def open_uninvited(app: Dashboard) -> None:
    """Ask, though nobody pressed a key for it."""
    store = VAULT if VAULT in app.live.stores.locked.values() else KEYRING
    app.push_screen(Unlock(app, store), lambda result: _over(app, result))


def locked_store(app: Dashboard, name: str) -> str | None:
    """The locked store that has the account's key, or may have it; None: nothing is in the way of a login."""
    row = app.board.view.records.accounts.get(name)
    shut = row is not None and row.health is Health.AUTH_FAILED
    if shut and row is not None and key_trouble(row) is KeyTrouble.KEYRING:
        return KEYRING
    return app.live.stores.locked.get(name)


def open(app: Dashboard, name: str, store: str, done: Callable[[object], None]) -> None:
    """Ask before the login of an account whose key is in a locked store; `done` when it is over."""
    from reportdash.tui.screens.login import Login

    def answered(result: str | None) -> None:
        if result == OTHER:
            app.push_screen(Login(app, name), done)
        else:
            _over(app, result)
            done(None)

    app.push_screen(Unlock(app, store, name), answered)


def _over(app: Dashboard, result: str | None) -> None:
    """Not now: how it is done later."""
    if result != OPENED and app.live.stores.locked:
        app.live.stores.say()


class Unlock(Form[str]):
    """One field, which takes every key from the first one on: what is typed may be a passphrase already.

    `store`: VAULT or KEYRING. `name`: the account that was meant, which can be given another key.
    """

    def __init__(self, dashboard: Dashboard, store: str, name: str = "") -> None:
        super().__init__(dashboard, f"Unlock the {store}", cells=90)
        self.store = store
        self.name_of = name
        self.field = Field("Passphrase" if store == VAULT else "Password", secret=True)
        self.focused_item = self.field
        self.unlocking = False

    @property
    def cancel_label(self) -> str:
        return "Not now"

    def on_mount(self) -> None:
        # Its file may be damaged or taken away meanwhile.
        self.dashboard.live.stores.watchers.add(self.redraw)

    def on_unmount(self) -> None:
        self.dashboard.live.stores.watchers.discard(self.redraw)
        self._wipe()

    def _wipe(self) -> None:
        self.field.edit.set("")

    # What it shows.

    def rows(self, cells: int) -> list[Row]:
        said = self._said()
        rest = "Accounts with a key in it rest here until then; the table goes on."
        return [
            *paragraph(said, cells),
            *self._about(cells),
            BLANK,
            self.field,
            BLANK,
            *paragraph(rest, cells, Role.MUTED),
        ]

    def _said(self) -> str:
        """How things are with the store, as it was last seen."""
        trouble = self.dashboard.live.stores.trouble if self.store == VAULT else ""
        if trouble:
            return f"{trouble[:1].upper()}{trouble[1:]}."
        session = " in this session" if self.store == VAULT else ""
        if self.name_of and self.name_of not in self._waiting:
            return (
                f"The {self.store} is locked{session}: whether {self.name_of} has a key there cannot be seen."
            )
        if not self._waiting:
            return f"No account waits for the {self.store} any more."
        return f"{_keys_of(self._waiting)} in the {self.store}, which is locked{session}."

    @property
    def _waiting(self) -> list[str]:
        """The accounts with a key in it."""
        locked = self.dashboard.live.stores.locked
        return [name for name, store in locked.items() if store == self.store]

    def _about(self, cells: int) -> list[Row]:
        """Which vault, and what keeps it locked; what becomes of the keyring's password."""
        if self.store == KEYRING:
            about = "The password goes to the keyring alone, which is open for all your programs then."
            return paragraph(about, cells, Role.MUTED)
        vault, why = self.engine.chain.vault, self.dashboard.live.stores.why
        path = cut_middle(str(vault.path), cells) if vault is not None else ""
        said = f"{why[:1].upper()}{why[1:]}. What is typed here counts for this session."
        return [
            *paragraph(path, cells, Role.MUTED),
            *(paragraph(said, cells, Role.WARN, sign="▲") if why else []),
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
            self.tell(f"The {self.field.label.lower()} is empty.")
            return
        self.note = ""
        self.unlocking = True
        # Of the dashboard: a derivation cannot be stopped, and what it finds counts whoever has left.
        self.dashboard.operator.task(self._unlock(passphrase))

    async def _unlock(self, passphrase: str) -> str:
        engine, chain = self.engine, self.engine.chain
        try:
            if self.store == KEYRING:
                await chain.unlock_keyring(passphrase)
            else:
                assert chain.vault is not None
                await chain.vault.open(passphrase)
        except Problem as problem:
            return self._refused(what_is_wrong(problem))
        waited = self._waiting
        engine.unlocked()
        await self.dashboard.live.stores.look(engine)
        if self.is_attached:
            self.dismiss(OPENED)
        said = f"the {self.store} is unlocked"
        return f"{said}: {_and(waited)} can sign in again" if waited else said

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
    """Why a store did not open; which vault it is stands in the dialog."""
    from reportdash.credentials import KeyringTrouble, VaultTrouble

    if not isinstance(problem, KeyringTrouble | VaultTrouble) or problem.code != "wrong":
        return problem.text
    vault = isinstance(problem, VaultTrouble)
    return f"this {'passphrase does not open the vault' if vault else 'password does not unlock the keyring'}"


def _keys_of(names: Sequence[str]) -> str:
    return f"The key of {_and(names)} is" if len(names) == 1 else f"The keys of {_and(names)} are"


def _and(names: Sequence[str]) -> str:
    """Names in a sentence; of many the first, and how many more."""
    shown = list(names) if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
