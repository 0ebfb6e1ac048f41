"""`l`: give an account its key: tried at the vendor before it is kept, and never on the screen.

Where a key can live is looked at before it is asked for. What is typed lives in the fields until the dialog
closes; it is named in no notice, log or exception.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reportdash.board.health import key_trouble
from reportdash.board.states import Role
from reportdash.board.units import plural
from reportdash.errors import CallFailed, CredentialProblem, Problem
from reportdash.logins import COMMAND, KEYRING, KNOWN, MEMORY, NEW, VAULT, is_refused, refusal
from reportdash.model import Account, Health, Job
from reportdash.tui.screens import places
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.form import Form, paragraph
from reportdash.tui.screens.parts import BLANK, Button, Choice, Field, Row, words
from reportdash.tui.screens.passphrase import AT, NewPassphrase
from reportdash.tui.text import muted, text_run
from reportdash.tui.widgets.edit import MOST

if TYPE_CHECKING:
    from textual.await_complete import AwaitComplete

    from reportdash.tui.app import Dashboard

OPEN_FIELDS = ("username", "client_id")
"""Fields that are no secret by themselves; whatever else a vendor asks for is shown as dots."""
UNLOCKING, MAKING, TRYING = "unlocking", "making the vault", "trying"
STOPPABLE = (UNLOCKING, TRYING)
"""Not the making of a vault: it would be there all the same, under a passphrase that was given up."""
NAMES = {"api_key": "API key"}


def open(app: Dashboard, jobs: Sequence[Job]) -> None:
    """The form for the one account that is meant; where that is not plain, the question which."""
    engine = app.engine
    if engine is None or not engine.accounts:
        return
    name = meant(list(engine.accounts), app.board.view.records.accounts, jobs, app.live.stores.locked)
    if name is not None:
        begin(app, name)
        return

    def chosen(name: str | None) -> None:
        if name is not None:
            begin(app, name)

    app.push_screen(Which(app), chosen)


def begin(app: Dashboard, name: str, done: Callable[[object], None] = lambda result: None) -> None:
    """The form of an account, or first what unlocks the store that its key is in."""
    from reportdash.tui.screens import unlock

    store = unlock.locked_store(app, name)
    if store is not None:
        unlock.open(app, name, store, done)
    else:
        app.push_screen(Login(app, name), done)


def meant(
    names: Sequence[str], rows: Mapping[str, Account], jobs: Sequence[Job], locked: Mapping[str, str]
) -> str | None:
    """The account a login is for: one whose key is refused or `locked` away here, that of the jobs first,
    else the one of the jobs; None: ask. Of those that one passphrase unlocks, any."""
    if len(names) == 1:
        return names[0]
    shut = in_need(names, rows, locked)
    if len(shut) == 1:
        return shut[0]
    pointed = {job.account for job in jobs if job.account in (shut or names)}
    if len(pointed) == 1:
        return pointed.pop()
    return shut[0] if len({locked.get(name, name) for name in shut}) == 1 else None


def in_need(names: Sequence[str], rows: Mapping[str, Account], locked: Mapping[str, str]) -> list[str]:
    """Accounts whose key is refused, or out of this session's reach though another one may poll them."""
    refused = {name for name, row in rows.items() if row.health is Health.AUTH_FAILED}
    return [name for name in names if name in refused or name in locked]


class Which(Dialog[str]):
    """Which account to log in to."""

    def __init__(self, dashboard: Dashboard) -> None:
        super().__init__(dashboard.pen, "Log in to which account", cells=84)
        board = dashboard.board
        rows = board.view.records.accounts
        engine = dashboard.engine
        names = list(engine.accounts) if engine is not None else []
        stores = dashboard.live.stores
        shut = in_need(names, rows, stores.locked)
        broken = {name: f"{store} locked" for name, store in stores.locked.items()} | dict(stores.broken)
        # Those that need it now first, then those that will at their next sign-in.
        ordered = list(dict.fromkeys([*shut, *(name for name in names if name in broken), *names]))
        self._chosen = ordered[:1]
        self._choices = [
            Choice(name, about(rows.get(name), board.titles, broken.get(name)), self._chosen, name, at=24)
            for name in ordered
        ]
        self.focused_item = self._choices[0] if self._choices else None

    def rows(self, cells: int) -> list[Row]:
        return list(self._choices)

    def buttons(self) -> list[Button]:
        return [Button("Log in", "login")]

    def keys(self) -> Sequence[tuple[str, str]]:
        return (("esc", "cancel"), ("↑↓", "choose"), ("enter", "log in"))

    def _key(self, key: str, character: str | None) -> None:
        super()._key(key, character)
        if isinstance(self.focused_item, Choice):
            # The line under the cursor is the one that is meant: enter takes it at once.
            self._chosen[:] = [self.focused_item.value]

    def pressed(self, value: str) -> None:
        self.dismiss(self._chosen[0])


def about(row: Account | None, titles: Mapping[str, str], broken: str | None = None) -> str:
    """Vendor and trouble of an account in a few words; `broken`: what is wrong with the store of its key."""
    if row is None:
        return ""
    shut = row.health is Health.AUTH_FAILED
    trouble = key_trouble(row) if shut else broken
    title = titles.get(row.vendor, row.vendor)
    return f"{title} · {trouble}" if trouble else title


class Login(Form[None]):
    """What went wrong, what the key must be able to do, the fields, where the secret will live."""

    def __init__(self, dashboard: Dashboard, name: str) -> None:
        self.name_of = name
        self.seat = dashboard.engine.accounts[name] if dashboard.engine is not None else None
        self.title_of = str(self.seat.vendor.title) if self.seat is not None else ""
        super().__init__(dashboard, f"Log in to {name} · {self.title_of}")
        self.secrets: tuple[str, ...] = tuple(self.seat.settings.secret_fields()[0]) if self.seat else ()
        self.fields = {
            field: Field(
                NAMES.get(field, field.replace("_", " ").capitalize()), secret=field not in OPEN_FIELDS
            )
            for field in self.secrets
        }
        self.stores: list[Any] | None = None
        self.where = ""
        self._store: list[str] = []
        self._choices: list[Choice] = []
        self._lacks: dict[str, str] = {}
        self.passphrase = Field("Vault passphrase", secret=True, at=AT)
        self.password = Field("Keyring password", secret=True, at=AT)
        self.new = NewPassphrase()
        self._made = False
        self._step_now = "looking"
        self.problem = ""
        self._refused: dict[str, int] = {}

    def on_mount(self) -> None:
        self.work(self._look())

    def on_unmount(self) -> None:
        for field in self.fields.values():
            field.edit.set("")
        self.passphrase.edit.set("")
        self.password.edit.set("")
        self.new.wipe()

    async def _look(self) -> None:
        """Learn where a secret can live here, before one is asked for."""
        chain, seat = self.engine.chain, self.seat
        self.where = await chain.where(self.name_of, seat.vendor.name, seat.settings.secret_fields())  # type: ignore[union-attr]
        await self._look_at_stores(await chain.chosen(self.name_of))
        await self._fill()
        self._step_now = ""
        if self.focused_item is None or self.on_cancel:
            empty = [field for field in self.fields.values() if not field.edit.text]
            self.focused_item = next(iter(empty or self.fields.values()), None)

    async def _look_at_stores(self, wish: str | None) -> None:
        """What can be chosen now. `wish` is taken where it works, else the strongest that is not locked."""
        self.stores = list(await self.engine.chain.stores())
        usable = {store.name: store for store in self.stores if store.usable or store.unlockable}
        # What a credential_command says goes before every store that outlives the run.
        wish = MEMORY if self.where == COMMAND else wish
        ready = [name for name, store in usable.items() if store.usable]
        self._store[:] = [wish] if wish is not None and wish in usable else ready[:1]
        self._lacks = {
            name: KNOWN if store.unlockable else store.passphrase for name, store in usable.items()
        }
        self._choices = [
            Choice(*places.store_words(store), self._store, store.name) for store in usable.values()
        ]

    @property
    def _needs(self) -> str:
        """What the chosen store needs first: `new` or `known` passphrase, or nothing."""
        return self._lacks.get(self._store[0], "") if self._store else ""

    @property
    def _known(self) -> Field:
        """Where what opens the chosen store is typed."""
        return self.password if self._store == [KEYRING] else self.passphrase

    async def _fill(self) -> None:
        """Put what is no secret into its field, as it is known."""
        if self.where in ("none", COMMAND) or self.seat is None:
            return
        try:
            known = await self.seat.find_credential()
        except CredentialProblem as problem:
            # As it is now: what the account's row says may be over.
            self.problem = problem.text
            return
        for name, field in self.fields.items():
            if known is not None and not field.secret:
                field.edit.set(known.fields.get(name, ""))

    # What it shows.

    def rows(self, cells: int) -> list[Row]:
        rows = [*self._before(cells)]
        vendor = self.seat.vendor if self.seat is not None else None
        if vendor is not None and vendor.key_needs:
            rows += paragraph(vendor.key_needs, cells, Role.MUTED)
        rows.append(BLANK)
        if self._step_now == "looking":
            rows.append(words(text_run("Looking where a secret can live on this server.")))
            rows.append(words(muted("It takes three seconds at most; nothing is asked before.")))
            return rows
        tight = self.fills
        for name, field in self.fields.items():
            rows += [field, *self._as_refused(name, field), *([] if tight else [BLANK])]
        if tight:
            rows.append(BLANK)
        rows += self._places(cells)
        rows += [] if tight else [BLANK]
        tried = f"The key is tried at {self.title_of} before it is kept. Nothing is written as plain text."
        rows += paragraph(tried, cells, Role.MUTED)
        return rows

    def _as_refused(self, name: str, field: Field) -> list[Row]:
        """Below a field that still has the key that was refused: what the next key that is typed does. Of a
        long one there are more dots than can be seen."""
        length = self._refused.get(name)
        if length is None:
            return []
        many = plural(len(field.edit.text), "character")
        said = f"{many}, refused: typing adds, ctrl+u empties" if length >= 0 else f"{many} now"
        return [words(muted(said), at=field.at + 2)]

    def _before(self, cells: int) -> list[Row]:
        """What went wrong before."""
        board = self.dashboard.board
        row = board.view.records.accounts.get(self.name_of)
        said = places.before(row, board.now, self.name_of, self.title_of, self.where, self.problem)
        return paragraph(said, cells)

    def _places(self, cells: int) -> list[Row]:
        """Where the secret will live: what works here, what does not and why."""
        rows: list[Row] = []
        air: list[Row] = [] if self.fills else [BLANK]
        # A locked keyring says so as a choice; why a file's passphrase does not open the vault stands here.
        broken = [
            one for one in self.stores or () if not one.usable and (one.name == VAULT or not one.unlockable)
        ]
        for store in broken:
            rows += places.broken(store.sentence, cells, brief=self.fills)
        if broken:
            rows += air
        rows += [words(text_run("Where should the secret live?")), *air, *self._choices]
        rows += places.environment(self.name_of, self.secrets, self.where, cells)
        if self._needs:
            rows += air
        rows += {NEW: [self.new.first, self.new.again], KNOWN: [self._known]}.get(self._needs, [])
        vault = self.engine.chain.vault
        rows += [
            *air,
            *places.lives(self._store[0] if self._store else "", vault.path if vault else None, cells),
        ]
        if len(self._choices) == 1 and not self.fills:
            rows.append(
                words(
                    muted("To keep it for longer: "), text_run("credential_command"), muted(" in the config.")
                )
            )
        return rows

    def buttons(self) -> list[Button]:
        if self._step_now == "looking":
            return []
        return [Button(f"{self._step_now}…" if self._step_now else "Try and keep", "try")]

    def keys(self) -> Sequence[tuple[str, str]]:
        if self._step_now in STOPPABLE:
            return (("esc", "stop"),)
        if self._step_now:
            return (("esc", "cancel"),) if self._step_now == "looking" else ()
        return (("esc", "cancel"), ("tab", "next"), ("enter", "try and keep"))

    # What it does.

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Close it. A vault that was made for a key that came to nothing goes with it."""
        if self._made and self.is_active:
            self._made = False
            self.dashboard.operator.task(self._unmade())
        return super().dismiss(result)

    async def _unmade(self) -> str:
        vault = self.engine.chain.vault
        gone = vault is not None and await vault.discard()
        return "the vault was not made, because there is nothing to keep in it" if gone else ""

    def stopped(self) -> None:
        if self._step_now == "looking":
            self.dismiss(None)
        elif self._step_now in STOPPABLE:
            self.stop()
            self._step_now = ""
            made = "the key was not kept, the vault is made and has your passphrase"
            self.tell(f"Stopped: {made if self._made else 'nothing was kept'}.")

    def changed(self, item: Field | Choice) -> None:
        for name, length in self._refused.items():
            if self.fields[name] is item and len(self.fields[name].edit.text) != length:
                self._refused[name] = -1
        super().changed(item)

    def pressed(self, value: str) -> None:
        values = {name: field.edit.text for name, field in self.fields.items()}
        for name in OPEN_FIELDS:
            if name in values:
                values[name] = values[name].strip()
        empty = next((name for name in values if not values[name]), None)
        if empty is not None:
            self.focused_item = self.fields[empty]
            self.tell(f"{self.fields[empty].label} is empty.")
            return
        cut = next((field for field in self.fields.values() if len(field.edit.text) >= MOST), None)
        if cut is not None:
            self.focused_item = cut
            self.tell(f"{cut.label} is too long: a field here holds {MOST - 1:,} characters.")
            return
        wrong = self._wrong_passphrase()
        if wrong is not None:
            self.focused_item = wrong[0]
            self.tell(wrong[1])
            return
        self.note = ""
        self._step_now = {NEW: MAKING, KNOWN: UNLOCKING}.get(self._needs, TRYING)
        self.work(self._try(values, self._store[0], self._needs))

    def _wrong_passphrase(self) -> tuple[Field, str] | None:
        """The field to put right first, and what is wrong with it."""
        if self._needs == NEW:
            return self.new.wrong()
        empty = self._needs == KNOWN and not self._known.edit.text
        return (self._known, f"{self._known.label} is empty.") if empty else None

    async def _try(self, values: Mapping[str, str], store: str, needs: str) -> None:
        name, seat = self.name_of, self.seat
        if seat is None:
            return
        try:
            engine = self.dashboard.operator.engine
            if needs and not await self._open_store(store, needs):
                return
            self._step_now = TRYING
            self.redraw()
            await engine.try_credential(name, values)
            # From here on it is kept, whatever is pressed: half a store is worse than a second's wait.
            self._step_now = "keeping"
            self.redraw()
            origins = seat.settings.origins()
            where = await engine.chain.keep(name, seat.vendor.name, values, origins, store)
            await engine.logged_in(name)
        except CallFailed as error:
            # Masked before it is cut: half a secret is one too many.
            error.text = masked(error.text, self._secrets(values))
            kept = "" if is_refused(error) else " Nothing was kept, try again later."
            if is_refused(error):
                # A slip in a long key is mended where it is; nobody shall add a second key to it unawares.
                self._refused = {name: len(f.edit.text) for name, f in self.fields.items() if f.secret}
                self.focused_item = next((f for f in self.fields.values() if f.secret), self.focused_item)
            self._failed(f"{refusal(error, self.title_of)}.{kept}")
        except Problem as problem:
            self._failed(masked(problem.text, self._secrets(values)))
        else:
            if self._made and where != VAULT:
                await self._unmade()
            self._made = False
            self.dashboard.holds_keys |= where == MEMORY
            kept = "in memory until you quit" if where == MEMORY else f"in the {where}"
            self.dismiss(None)
            self.dashboard.board.say(
                f"{name}: accepted by {self.title_of}, the key is kept {kept}", role=Role.MUTED
            )

    def _secrets(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """All that was typed and is nobody's business."""
        typed = {"passphrase": self.passphrase, "password": self.password, "new": self.new.first}
        return {**values, **{f"store {name}": field.edit.text for name, field in typed.items()}}

    async def _open_store(self, store: str, needs: str) -> bool:
        """Unlock the store, or make the vault, before the vendor hears of it; False: it is said why not."""
        from reportdash.credentials import KeyringTrouble, VaultTrouble
        from reportdash.tui.screens.unlock import what_is_wrong

        chain = self.engine.chain
        try:
            opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            # Of the dashboard: what opens counts for whoever waits for a key in it, the try stopped or not.
            typed = self.new.text if needs == NEW else self._known.edit.text
            self.dashboard.operator.task(self._unlock(store, needs, typed, opened))
            await opened
            if store == VAULT:
                # Whoever only reads it need not care whether it takes another key.
                await chain.vault.probe()  # type: ignore[union-attr]
        except (KeyringTrouble, VaultTrouble) as trouble:
            if trouble.code == "wrong":
                self._known.edit.set("")
            else:
                # What can be chosen is no longer what it was: another process made a vault, for one.
                await self._look_at_stores(store)
            asked = {NEW: self.new.first, KNOWN: self._known}.get(self._needs)
            self.focused_item = asked or self.focused_item
            self._failed(f"{what_is_wrong(trouble)}.")
            return False
        return True

    async def _unlock(self, store: str, needs: str, typed: str, opened: asyncio.Future[None]) -> str:
        """What was typed opens the store; `opened` is for whoever still waits for it."""
        chain = self.engine.chain
        try:
            if store == KEYRING:
                await chain.unlock_keyring(typed)
            else:
                assert chain.vault is not None
                await chain.vault.open(typed, create=needs == NEW)
        except Problem as problem:
            if not opened.cancelled():
                opened.set_exception(problem)
            return ""
        self._made = needs == NEW
        self._lacks[store] = ""
        for choice in self._choices:
            if choice.value == store == KEYRING:
                choice.about = "stays on this server, encrypted"
        self.engine.unlocked()
        await self.dashboard.live.stores.look(self.engine)
        if not opened.cancelled():
            opened.set_result(None)
            return ""
        if self.is_attached:
            self.redraw()
        return f"the {store} is unlocked"

    def _failed(self, text: str) -> None:
        self._step_now = ""
        self.tell(text)


def masked(text: str, values: Mapping[str, str]) -> str:
    """`text` without the values: a vendor may repeat what it was sent."""
    for name, value in sorted(values.items(), key=lambda pair: -len(pair[1])):
        if name not in OPEN_FIELDS and value:
            text = text.replace(value, "•••").replace(value.strip() or value, "•••")
    return text
