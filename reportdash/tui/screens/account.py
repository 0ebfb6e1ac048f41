"""Write the config from the screen: the first account into a new file, a further one at the end of the file.

No secret is asked here; `l` asks for the key once the account is there.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.errors import Problem, UsageProblem
from reportdash.model import Job
from reportdash.tui.params import read_params
from reportdash.tui.screens.form import Form, paragraph, picked
from reportdash.tui.screens.parts import BLANK, Button, Choice, Field, Row, Words
from reportdash.tui.text import length
from reportdash.tui.widgets.edit import LineEdit
from reportdash.tui.widgets.pick import Pick

if TYPE_CHECKING:
    from reportdash.settings.writing import Draft
    from reportdash.tui.app import Dashboard

AT = 18
WIDE = 64
DOWNLOAD_DIR = "~/reports"


class Key(NamedTuple):
    """A key of an account: what it is called here, what to know of it, and the value that need not be
    written. With `options` one of them is chosen."""

    name: str
    label: str
    hint: str
    default: str = ""
    options: tuple[str, ...] = ()


_ADDRESS = Key("base_url", "Address", "another one only where you were given it")
KEYS: dict[str, tuple[Key, ...]] = {
    "7g": (_ADDRESS._replace(default="https://api.7g.com.au"),),
    "sigma": (
        Key("base_url", "Address", "where your Sigma answers, as in http://localhost:9081"),
        Key(
            "auth",
            "Signs in with",
            "a client id and token, or user and password",
            "apikey",
            ("apikey", "basic"),
        ),
        Key(
            "published",
            "Publishes to",
            "optional, its files as seen here: /mnt/sigma/{reportName}*{referenceNumber}*",
        ),
    ),
    "webadmit": (
        Key("user_identity", "User identity", "the number of the identity that runs the exports"),
        _ADDRESS._replace(default="https://api.webadmit.org"),
    ),
    "talkdesk": (
        Key("account", "Account", "the name before .talkdeskid in your address"),
        Key("region", "Region", "where the account lives", options=("us", "eu", "ca")),
        Key("base_url", "Address", "only in place of account and region"),
        Key("identity_url", "Sign-in address", "only with an address; /oauth/token is appended"),
    ),
}
"""What is asked for each of our vendors."""
OTHER = (
    Key("base_url", "Address", "empty: the plug-in's own"),
    Key("", "Other keys", "key=value, with blanks between them, as the plug-in's page has them"),
)
"""What is asked for a plug-in's vendor."""
_FIRST_NAMES = {"7g": "main", "sigma": "billing", "webadmit": "admissions", "talkdesk": "calls"}
_AT_KEY = re.compile(r"accounts\.[A-Za-z0-9_-]+(?:\.(\w+)|: )")


class Known(NamedTuple):
    """Before anything is asked: vendors' names, accounts' names, and whether there is a config."""

    vendors: list[str]
    names: list[str]
    exists: bool


def open(app: Dashboard, jobs: Sequence[Job]) -> None:
    """The form; why nothing can be written is said on the board."""
    before = app.screen

    async def show() -> str:
        form = await made(app)
        if app.screen is before:
            app.push_screen(form)
        return ""

    app.operator.task(show())


async def made(app: Dashboard) -> AddAccount:
    """The form. Raises Problem with the reason when the config can not be written."""
    return AddAccount(app, await asyncio.to_thread(_look, Path(app.board.config)))


def _look(path: Path) -> Known:
    from reportdash.settings import writing
    from reportdash.vendors import registry

    reason = writing.why_not(path)
    if reason:
        raise UsageProblem(reason)
    return Known(registry.names(), writing.known_names(writing.read(path)), path.exists())


class AddAccount(Form[str]):
    """Vendor, name, the few keys the vendor needs; gives the account's name."""

    def __init__(self, dashboard: Dashboard, known: Known) -> None:
        super().__init__(dashboard, "Add an account")
        self.known = known
        self.path = Path(dashboard.board.config)
        titles = dashboard.board.titles
        options = {vendor: titles.get(vendor, vendor) for vendor in known.vendors}
        self.vendor_field = Field("Vendor", Pick(options), at=AT, cells=WIDE, caret=False)
        self.name_field = _line("Name")
        self.folder = _line("Reports go to", DOWNLOAD_DIR)
        self.fields: dict[str, dict[Key, Field]] = {
            vendor: {key: _field(key) for key in KEYS.get(vendor, OTHER)} for vendor in known.vendors
        }
        self._suggested = ""
        self._suggest()
        self._writing = False
        self.focused_item = self.vendor_field

    @property
    def vendor(self) -> str:
        return picked(self.vendor_field)

    def _suggest(self) -> None:
        """A name, as long as none was typed."""
        if self.name_field.edit.text != self._suggested:
            return
        first = "main" if not self.known.names else _FIRST_NAMES.get(self.vendor, self.vendor)
        names = (first, *(f"{first}{number}" for number in range(2, 100)))
        self._suggested = next((name for name in names if name not in self.known.names), "")
        self.name_field.edit.set(self._suggested)

    # What it shows.

    def rows(self, cells: int) -> list[Row]:
        path = self.path
        if self.known.exists:
            said = f"It goes to the end of {path}, below what stands there."
        else:
            said = f"It is written to {path}, which you alone can read."
        space: list[Row] = [] if self.fills else [BLANK]
        rows: list[Row] = [*paragraph(said, cells), *space, *_pick_rows(self.vendor_field, cells)]
        rows.append(self.name_field)
        for key, field in self.fields[self.vendor].items():
            rows += _pick_rows(field, cells) if key.options else [field]
        if not self.known.exists:
            rows.append(self.folder)
        login = self.dashboard.look.keymap.shown("login") or "the login"
        secret = f"No secret is asked here, and none stands in the config: {login} asks for the key."
        return [*rows, *space, *paragraph(secret, cells, Role.MUTED)]

    def foot(self, cells: int) -> list[Row]:
        """What is wrong, else what to know of the field."""
        hint = self._hint()
        return super().foot(cells) or (paragraph(hint, cells, Role.MUTED) if hint else [BLANK])

    def _hint(self) -> str:
        item = self.focused_item
        if item is self.vendor_field:
            return "arrows choose another, enter goes on"
        if item is self.name_field:
            return "our name for it, in the table and in commands: letters, digits, - and _"
        if item is self.folder:
            return "a folder on this server, ~ is your home"
        return next((key.hint for key, field in self.fields[self.vendor].items() if field is item), "")

    def buttons(self) -> list[Button]:
        return [Button("Add to the config" if self.known.exists else "Write the config", "write")]

    def keys(self) -> Sequence[tuple[str, str]]:
        if isinstance(self.focused_item, Field) and isinstance(self.focused_item.edit, Pick):
            return (("esc", "cancel"), ("←→", "another"), ("enter", "next"))
        return (("esc", "cancel"), ("tab", "next"), ("enter", "next" if self._goes_on() else "write"))

    # What it does.

    def _key(self, key: str, character: str | None) -> None:
        # Enter goes from field to field: a pasted line must not write a config by its end.
        super()._key("tab" if key == "enter" and self._goes_on() else key, character)

    def _goes_on(self) -> bool:
        """Whether another field comes after the focused one."""
        fields = [item for item in self._items() if isinstance(item, Field)]
        return any(item is self.focused_item for item in fields[:-1])

    def changed(self, item: Field | Choice) -> None:
        super().changed(item)
        if item is self.vendor_field:
            self._suggest()

    def tell(self, text: str) -> None:
        if at := _AT_KEY.match(text):
            # Fields have other names here; of the account as a whole an empty one is the likely reason.
            fields = self.fields[self.vendor].items()
            meant = [(key, field) for key, field in fields if key.name == at[1]]
            empty = [(key, field) for key, field in fields if not at[1] and not field.edit.text]
            for key, field in (meant or empty)[:1]:
                self.focused_item = field
                text = f"{key.label}{text[at.end() :]}" if meant else text
            text = text[at.end() :] if not at[1] else text
        super().tell(text)

    def stopped(self) -> None:
        if not self._writing:
            super().stopped()

    def table(self) -> dict[str, Any]:
        """The account's keys as the config is to have them. Raises UsageProblem."""
        vendor = self.vendor
        found: dict[str, Any] = {"vendor": vendor}
        for key, field in self.fields[vendor].items():
            text = picked(field).strip()
            if not key.name:
                found |= {name: _value(value) for name, value in read_params(text).items()}
            elif text and text != key.default:
                found[key.name] = _value(text) if key.name == "user_identity" else text
        if vendor == "talkdesk" and "account" not in found and "base_url" in found:
            found.pop("region", None)
        return found

    def pressed(self, value: str) -> None:
        self.note = ""
        self.work(self._write())

    async def _write(self) -> None:
        name, table = self.name_field.edit.text.strip(), self.table()
        folder = None if self.known.exists else self.folder.edit.text.strip()
        draft = await asyncio.to_thread(_draft, self.path, name, table, folder)
        app, login = self.dashboard, self.dashboard.look.keymap.shown("login")
        said = f"{name} is in the config; {login} gives it its key"
        # From here on it comes to its end: once it is in the config, the engine has to hear of it.
        self._writing = True
        try:
            await asyncio.to_thread(draft.write)
            try:
                await app.live.add_account(name, draft.settings.accounts[name])
            except Problem as problem:
                said = f"{name} is in the config and read at the next start: {problem.text}"
        finally:
            self._writing = False
        self.dismiss(name)
        app.board.say(said, role=Role.MUTED)


def _draft(path: Path, name: str, table: dict[str, Any], folder: str | None) -> Draft:
    from reportdash.settings.writing import draft
    from reportdash.vendors import registry

    made = draft(
        path, name, table, download_dir=folder, account_class=registry.account_class, environ=os.environ
    )
    registry.try_out(made.settings.accounts[name])
    return made


def _value(text: str) -> Any:
    """A value as TOML has it: true, false and whole numbers are such, the rest is text."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) else text


def _line(label: str, text: str = "") -> Field:
    return Field(label, LineEdit(text), at=AT, cells=WIDE)


def _field(key: Key) -> Field:
    if key.options:
        return Field(key.label, Pick({o: o for o in key.options}), at=AT, cells=WIDE, caret=False)
    return _line(key.label, key.default)


def _pick_rows(field: Field, cells: int) -> list[Row]:
    """The field and what else can be chosen, over as many lines as that takes."""
    assert isinstance(field.edit, Pick)
    lines: list[list[Run]] = [[]]
    for run in field.edit.runs():
        if run.text.isspace() and not lines[-1]:
            continue
        if length([*lines[-1], run]) > cells - field.at - 2 and lines[-1]:
            lines.append([])
        if not run.text.isspace() or lines[-1]:
            lines[-1].append(run)
    return [field, *(Words([(field.at + 2, runs)]) for runs in lines)]
