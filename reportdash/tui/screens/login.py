"""`l`: give an account its key: tried at the vendor before it is kept, and never on the screen.

What is typed lives in the fields until the dialog closes; it is named in no notice, log or exception.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reportdash.board.facts import Run
from reportdash.board.health import NO_KEY
from reportdash.board.states import Role
from reportdash.board.units import clock_text
from reportdash.errors import AuthFailed, CallFailed, CredentialProblem, Problem, Throttled, Unreachable
from reportdash.model import Account, Health, Job
from reportdash.plain import clean
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.form import Form, paragraph
from reportdash.tui.screens.parts import BLANK, Button, Choice, Field, Row, Words, words
from reportdash.tui.text import muted, text_run

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard

OPEN_FIELDS = ("username", "client_id")
"""Fields that are no secret by themselves; whatever else a vendor asks for is shown as dots."""
MEMORY = "memory"
KEYRING = "keyring"
ENVIRONMENT = "environment"
COMMAND = "credential_command"
NAMES = {"api_key": "API key"}


def open(app: Dashboard, jobs: Sequence[Job]) -> None:
    """The form for the one account that is meant; where that is not plain, the question which."""
    engine = app.engine
    if engine is None or not engine.accounts:
        return
    name = meant(list(engine.accounts), app.board.view.records.accounts, jobs)
    if name is not None:
        app.push_screen(Login(app, name))
        return

    def chosen(name: str | None) -> None:
        if name is not None:
            app.push_screen(Login(app, name))

    app.push_screen(Which(app), chosen)


def meant(names: Sequence[str], rows: Mapping[str, Account], jobs: Sequence[Job]) -> str | None:
    """The account a login is for: the one whose key is refused, else the one of the jobs; None: ask."""
    if len(names) == 1:
        return names[0]
    shut = [name for name in names if name in rows and rows[name].health is Health.AUTH_FAILED]
    if len(shut) == 1:
        return shut[0]
    pointed = {job.account for job in jobs if job.account in (shut or names)}
    return pointed.pop() if len(pointed) == 1 else None


class Which(Dialog[str]):
    """Which account to log in to."""

    def __init__(self, dashboard: Dashboard) -> None:
        super().__init__(dashboard.pen, "Log in to which account", cells=84)
        board = dashboard.board
        rows = board.view.records.accounts
        engine = dashboard.engine
        names = list(engine.accounts) if engine is not None else []
        shut = [name for name in names if name in rows and rows[name].health is Health.AUTH_FAILED]
        ordered = shut + [name for name in names if name not in shut]
        self._chosen = ordered[:1]
        self._choices = [
            Choice(name, about(rows.get(name), board.titles), self._chosen, name, at=24) for name in ordered
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
            if key == "enter":
                self.dismiss(self.focused_item.value)

    def pressed(self, value: str) -> None:
        self.dismiss(self._chosen[0])


def about(row: Account | None, titles: Mapping[str, str]) -> str:
    """Vendor and trouble of an account in a few words."""
    if row is None:
        return ""
    title = titles.get(row.vendor, row.vendor)
    if row.health is not Health.AUTH_FAILED:
        return title
    return f"{title} · {NO_KEY if row.message == NO_KEY else 'key refused'}"


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
        self._step_now = "looking"

    def on_mount(self) -> None:
        self.work(self._look())

    def on_unmount(self) -> None:
        for field in self.fields.values():
            field.edit.text, field.edit.at = "", 0

    async def _look(self) -> None:
        """Learn where a secret can live here, before one is asked for."""
        chain, seat = self.engine.chain, self.seat
        self.where = await chain.where(self.name_of, seat.vendor.name, seat.settings.secret_fields())  # type: ignore[union-attr]
        self.stores = list(await chain.stores())
        usable = [store for store in self.stores if store.usable]
        self._store[:] = [usable[0].name] if usable else []
        self._choices = [
            Choice(*_store_words(store.name, store.sentence), self._store, store.name) for store in usable
        ]
        await self._fill()
        self._step_now = ""
        if self.focused_item is None or self.on_cancel:
            empty = [field for field in self.fields.values() if not field.edit.text]
            self.focused_item = next(iter(empty or self.fields.values()), None)

    async def _fill(self) -> None:
        """Put what is no secret into its field, as it is known."""
        if self.where in ("none", COMMAND) or self.seat is None:
            return
        try:
            known = await self.seat.find_credential()
        except CredentialProblem:
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
        for field in self.fields.values():
            rows += [field] if tight else [field, BLANK]
        if tight:
            rows.append(BLANK)
        rows += self._places(cells)
        rows += [] if tight else [BLANK]
        tried = f"The key is tried at {self.title_of} before it is kept. Nothing is written as plain text."
        rows += paragraph(tried, cells, Role.MUTED)
        return rows

    def _before(self, cells: int) -> list[Row]:
        """What went wrong before."""
        board = self.dashboard.board
        row = board.view.records.accounts.get(self.name_of)
        if row is not None and row.health is Health.AUTH_FAILED:
            at = clock_text(row.since, board.now) if row.since is not None else ""
            message = (row.message or "").rstrip(".")
            if message == NO_KEY or message.startswith("no credential for "):
                return paragraph(f"There is no key for {self.name_of} yet.", cells)
            if message.startswith(f"{self.name_of}: ") or KEYRING in message:
                # Our own sentence on where the key was looked for, not the vendor's.
                return paragraph(f"No key could be used since {at}: {message}.", cells)
            return paragraph(f"{self.title_of} refused the last key at {at}: {message}.", cells)
        if self.where in ("", "none"):
            return paragraph(f"The key for {self.name_of} at {self.title_of}.", cells)
        more = "" if self.where.startswith(ENVIRONMENT) else "; a new one takes its place"
        return paragraph(f"{self.name_of} has a key ({self.where}){more}.", cells)

    def _places(self, cells: int) -> list[Row]:
        """Where the secret will live: what works here, what does not and why."""
        rows: list[Row] = []
        broken = [store for store in self.stores or () if not store.usable]
        ask = text_run("Where should the secret live?")
        for store in broken:
            head, _, rest = store.sentence.partition(":")
            said = f"{head[:1].upper()}{head[1:]}"
            lines = paragraph(f"{said}.", cells, Role.STRONG, at=2)
            if isinstance(lines[0], Words):
                lines[0] = Words([(0, (Run("▲", Role.WARN),)), *lines[0].pieces])
            rows += lines
            # The environment has its own line below; a small screen is told the cause alone.
            more = rest.split(";" if self.fills else ", or set REPORTDASH_SECRET")[0].strip()
            if more:
                rows += paragraph(f"{more[:1].upper()}{more[1:]}.", cells, Role.MUTED, at=2)
        if broken and not self.fills:
            rows.append(BLANK)
        rows.append(words(ask))
        rows += [] if self.fills else [BLANK]
        rows += self._choices
        rows += self._environment(cells)
        if broken and not self.fills:
            rows += [
                BLANK,
                words(
                    muted("To keep it without a keyring: "),
                    text_run("credential_command"),
                    muted(" in the config."),
                ),
            ]
        return rows

    def _environment(self, cells: int) -> list[Row]:
        from reportdash.credentials import variable

        names = [variable(self.name_of, field) for field in self.secrets]
        if self.where.startswith(ENVIRONMENT):
            # What the environment says goes first: a key that is kept would not be used.
            said = (
                f"The environment has a key, which goes first: unset {' and '.join(names)} to use this one."
            )
            return paragraph(said, cells, Role.WARN, sign="▲")
        if self.where == COMMAND:
            said = "The account's credential_command goes before the keyring: keep this key until you quit."
            return paragraph(said, cells, Role.WARN, sign="▲")
        return [Words([(4, (muted("Environment"),)), (20, (muted(f"set by you: {names[-1]}"),))])]

    def buttons(self) -> list[Button]:
        if self._step_now == "looking":
            return []
        return [
            Button({"trying": "trying…", "keeping": "keeping…"}.get(self._step_now, "Try and keep"), "try")
        ]

    def keys(self) -> Sequence[tuple[str, str]]:
        if self._step_now == "trying":
            return (("esc", "stop trying"),)
        if self._step_now:
            return (("esc", "cancel"),) if self._step_now == "looking" else ()
        return (("esc", "cancel"), ("tab", "next"), ("enter", "try and keep"))

    # What it does.

    def stopped(self) -> None:
        if self._step_now == "looking":
            self.dismiss(None)
        elif self._step_now == "trying":
            self.stop()
            self._step_now = ""
            self.tell("Stopped: nothing was kept.")

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
        self.note = ""
        self._step_now = "trying"
        self.work(self._try(values))

    async def _try(self, values: Mapping[str, str]) -> None:
        engine, name, seat = self.engine, self.name_of, self.seat
        if seat is None:
            return
        try:
            await engine.try_credential(name, values)
            # From here on it is kept, whatever is pressed: half a store is worse than a second's wait.
            self._step_now = "keeping"
            self.redraw()
            origins = seat.settings.origins()
            where = await engine.chain.keep(name, seat.vendor.name, values, origins, self._store[0])
            await engine.logged_in(name)
        except CallFailed as error:
            # Masked before it is cut: half a secret is one too many.
            error.text = masked(error.text, values)
            self._failed(refusal(error, self.title_of))
        except Problem as problem:
            self._failed(masked(problem.text, values))
        else:
            self.dashboard.holds_keys |= where == MEMORY
            kept = "in memory until you quit" if where == MEMORY else f"in the {where}"
            self.dismiss(None)
            self.dashboard.board.say(
                f"{name}: accepted by {self.title_of}, the key is kept {kept}", role=Role.MUTED
            )

    def _failed(self, text: str) -> None:
        self._step_now = ""
        self.tell(text)


def refusal(error: CallFailed, title: str) -> str:
    """Why a key was not taken, in the vendor's words."""
    said = clean(error.text, 300).rstrip(".")
    match error:
        case AuthFailed():
            return f"{title} refused the key: {said}."
        case Unreachable():
            return f"{title} can not be reached: {said}. Nothing was kept."
        case Throttled():
            return f"{title} takes no sign-in just now: {said}. Nothing was kept, try again later."
    return f"{title}'s answer was not understood: {said}. Nothing was kept."


def masked(text: str, values: Mapping[str, str]) -> str:
    """`text` without the values: a vendor may repeat what it was sent."""
    for name, value in sorted(values.items(), key=lambda pair: -len(pair[1])):
        if name not in OPEN_FIELDS and value:
            text = text.replace(value, "•••").replace(value.strip() or value, "•••")
    return text


def _store_words(name: str, sentence: str) -> tuple[str, str]:
    """A store's label and what it means."""
    if name == MEMORY:
        return "Until I quit", "in memory only; each start asks again"
    title, _, rest = sentence.partition(": ")
    return title[:1].upper() + title[1:], rest
