"""`a`: every account, where its key lives, its health, who polls it; log in, pause and log out here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reportdash.board.facts import Run
from reportdash.board.health import KeyTrouble, face_of, health_words, key_trouble, refused_now, slots_full
from reportdash.board.states import Role
from reportdash.board.units import clock_text, plural
from reportdash.errors import Problem
from reportdash.logins import NOWHERE, UNKNOWN, outside
from reportdash.model import Account, Health, Job
from reportdash.tui.screens.form import Form, explained, paragraph
from reportdash.tui.screens.logout import GONE, IN_VAULT, PLAIN, LogOut, still_handed_in
from reportdash.tui.screens.parts import BLANK, Row, Words, words
from reportdash.tui.text import muted, strong, text_run
from reportdash.tui.widgets.accounts import PLAIN_TEXT

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard
    from reportdash.tui.below import SeatPort
    from reportdash.tui.ports import EnginePort

OPENING = 1.0
"""Seconds between two looks whether a ledger that was set aside is open again."""
LOOK_AGAIN = 30.0
"""Seconds after which who polls is read again, though no row changed."""
ROOMY = 90
"""Room from which all columns are shown."""
NARROW = 64
"""Room below which the vendor stands in the details alone."""
LEAST_SHOWN = 3
"""Accounts that are seen however much is told of the chosen one."""
READING = "…"


def open(app: Dashboard, jobs: Sequence[Job]) -> None:
    """The list, at the account of the first job."""
    app.push_screen(Roster(app, jobs[0].account if jobs else ""))


def said_of(row: Account, now: float, login_key: str) -> tuple[str, Role]:
    """An account's health as a sentence part; the next try stands in the details."""
    said = health_words(row, now, next_try=False)
    if row.shown is Health.AUTH_FAILED and login_key:
        said += f", {login_key} {key_trouble(row).login}"
    return said, face_of(row).role


class Roster(Form[None]):
    """The accounts of the config."""

    gives_way = ("↑↓", "a")
    gaps = ("   ", "  ")
    more = ("PgDn", "PgUp")

    def __init__(self, dashboard: Dashboard, chosen: str) -> None:
        super().__init__(dashboard, "Accounts", cells=124)
        self.left_out: Mapping[str, Any] = self.engine.settings.left_out
        self.names = [*self.engine.accounts, *self.left_out]
        self.at = self.names.index(chosen) if chosen in self.names else 0
        self.places: dict[str, str] = {}
        self.slots: dict[str, str] = {}
        self.known: dict[str, Account] = dict(dashboard.board.view.records.accounts)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def cancel_label(self) -> str:
        return "Close"

    @property
    def chosen(self) -> str:
        """The account under the cursor."""
        return self.names[self.at] if self.names else ""

    # Data: the ledger tells of changes here as everywhere.

    def on_mount(self) -> None:
        self._spawn(self._follow_ledger())
        self._spawn(self._find_keys(self.names))
        self.dashboard.live.stores.watchers.add(self._changed)

    def on_unmount(self) -> None:
        self.dashboard.live.stores.watchers.discard(self._changed)
        for task in self._tasks:
            task.cancel()

    def _spawn(self, doing: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            try:
                await doing
            except Problem as problem:
                self.tell(problem.text)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.dashboard.fail(error)

    async def _follow_ledger(self) -> None:
        while True:
            engine, rev = self.engine, self.dashboard.live.rev
            try:
                await self._read(engine)
                await engine.ledger.wait(rev, LOOK_AGAIN)
            except Problem:
                if engine is self.dashboard.engine:
                    raise
                await self.dashboard.clock.sleep(OPENING)  # the ledger is being opened anew

    async def _read(self, engine: EnginePort) -> None:
        ledger = engine.ledger
        self.known = {row.name: row for row in await ledger.accounts()}
        for name, seat in engine.accounts.items():
            if seat.slots is not None:
                self.slots[name] = f"{await ledger.slots_used(name)} of {seat.slots}"
        self.redraw()

    async def _find_keys(self, names: Sequence[str]) -> None:
        """Where each key lives, all at once: the keyring is opened a single time for them."""
        chain = self.engine.chain

        async def find(name: str) -> None:
            if name in self.left_out:
                return
            seat = self.engine.accounts[name]
            self.places[name] = await chain.where(name, seat.vendor.name, seat.settings.secret_fields())
            self.redraw()

        stores = self.dashboard.live.stores
        await asyncio.gather(stores.look(self.engine), *map(find, names))
        self.redraw()

    # What it shows.

    def rows(self, cells: int) -> list[Row]:
        columns = _columns(cells, badge=any(map(self.in_plain_text, self.names)))
        rows: list[Row] = [Words([(at, (muted(title),)) for title, at in columns])]
        if not self.names:
            return [*rows, words(text_run("There is no account yet."))]
        details = self._details(cells)
        # Frame, titles, count and a blank line; a dialog that does not fill the screen leaves some around it.
        shown = max(LEAST_SHOWN, self.app.size.height - (9 if self.fills else 11) - len(details))
        top = max(0, min(self.at - shown // 2, len(self.names) - shown))
        for place, name in enumerate(self.names[top : top + shown], top):
            rows.append(self._line(name, place == self.at, columns))
        if len(self.names) > shown:
            rows.append(words(muted(f"{self.at + 1} of {len(self.names)} accounts")))
        return [*rows, BLANK, *details]

    def _line(self, name: str, here: bool, columns: Sequence[tuple[str, int]]) -> Words:
        if name in self.left_out:
            return self._left_out_line(name, here, columns)
        row = self.known.get(name)
        login_key = self.dashboard.look.keymap.shown("login")
        sign, said, role = self._health(name, row, login_key) if row is not None else ("", "", Role.TEXT)
        title = self.engine.accounts[name].vendor.title
        healthy = role is Role.TEXT
        badge = Run(PLAIN_TEXT, Role.WARN, bold=True) if self.in_plain_text(name) else None
        values: dict[str, Run] = {
            "Account": strong(name) if here else text_run(name),
            "Vendor": muted(title),
            "Health": Run(f"{sign} {said}".strip(), Role.MUTED if healthy else role, bold=role is Role.BAD),
            "Key": badge or muted(self.places.get(name, READING)),
            "": badge or muted(""),
            "Slots": muted(self.slots.get(name, "")),
            "Polled": muted(self.polled(name)),
        }
        return Words([(at, (values[column],)) for column, at in columns], cursor=here)

    def _left_out_line(self, name: str, here: bool, columns: Sequence[tuple[str, int]]) -> Words:
        values: dict[str, Run] = {
            "Account": strong(name) if here else text_run(name),
            "Vendor": muted(self.left_out[name].vendor),
            "Health": Run("✗ plug-in broken", Role.BAD, bold=True),
        }
        pieces = [(at, (values[column],)) for column, at in columns if column in values]
        return Words(pieces, cursor=here)

    def _health(self, name: str, row: Account, login_key: str) -> tuple[str, str, Role]:
        """Sign, words and role. An account that works still may have no key for its next sign-in."""
        if row.shown is Health.OK:
            broken = self.dashboard.live.stores.broken.get(name)
            none = KeyTrouble.NONE if self.places.get(name) == NOWHERE else None
            for trouble, sign, role in ((none, "✗", Role.BAD), (broken, "▲", Role.WARN)):
                if trouble is not None:
                    return (
                        sign,
                        f"{trouble}, {login_key} {trouble.login}" if login_key else str(trouble),
                        role,
                    )
        return face_of(row).glyph, *said_of(row, self.dashboard.board.now, login_key)

    def in_plain_text(self, name: str) -> bool:
        """Whether a key of the account lies in a file as it is, even if another one is used."""
        return name in self.dashboard.live.stores.plain

    def polled(self, name: str) -> str:
        """Who polls the account."""
        row = self.known.get(name)
        if name in self.engine.polled_here():
            return "here"
        owner = row.owner if row is not None else None
        if row is None or owner is None or (row.lease_until or 0) <= self.dashboard.board.now:
            return "by nobody"
        host, pid, *_ = [*owner.split(":"), ""]
        return f"by process {pid} on {host}" if pid else "by another process"

    def _details(self, cells: int) -> list[Row]:
        name = self.chosen
        if name in self.left_out:
            left = self.left_out[name]
            return [
                words(strong(name), muted(f"  {left.vendor}")),
                *paragraph(f"It is left out: {left.text}.", cells, Role.WARN),
            ]
        seat, row = self.engine.accounts[name], self.known.get(name)
        now = self.dashboard.board.now
        facts: list[tuple[str, str]] = [("Address", seat.settings.base_url)]
        facts += self._key_facts(name, seat, row)
        facts.append(("Polled", self.polled(name)))
        if row is not None and slots_full(row, now):
            facts.append(("Slots", "full, the vendor says; deleting saved reports may free some"))
        if row is not None and row.until is not None and row.until > now:
            facts.append(("Next try", clock_text(row.until, now)))
        if seat.settings.requests_per_minute is not None:
            facts.append(("Limit", f"{seat.settings.requests_per_minute:g} requests a minute, by the config"))
        if row is not None and row.listed_at is not None:
            at, count = clock_text(row.listed_at, now), row.only_there_count
            there = (
                f"{plural(count, 'job')} more than here, t adopts" if count else "nothing that is not here"
            )
            facts.append(("Its list", f"{there} ({at})"))
        if seat.settings.read_only or self.engine.read_only:
            facts.append(("Read-only", "submit, delete, adopt, pause and forget are off"))
        if seat.settings.careful:
            facts.append(("Careful", "a delete asks for the account's name"))
        rows: list[Row] = [words(strong(name), muted(f"  {seat.vendor.title}"))]
        for label, value in self._troubles(name, row):
            # Of all that can stand here it is what one looks for: it has its place in a small window, too.
            rows += explained((muted(label),), value, cells, at=14, role=Role.WARN)
        for label, value in facts:
            role = Role.WARN if value.startswith(PLAIN) else Role.TEXT
            rows += explained((muted(label),), value, cells, at=14, role=role)
        return rows

    def _troubles(self, name: str, row: Account | None) -> list[tuple[str, str]]:
        """What is said of the account's trouble, and of the store of its key."""
        stores, now = self.dashboard.live.stores, self.dashboard.board.now
        found = [_last_word(row, now)] if row is not None and row.message else []
        if name in stores.broken and (row is None or row.message != stores.trouble):
            text = stores.trouble
            goes_on = row is not None and row.shown is Health.OK
            more = (
                ". Its jobs are looked at with the session there is, until the next sign-in"
                if goes_on
                else ""
            )
            found.append(("Vault", f"{text[:1].upper()}{text[1:]}{more}."))
        return found

    def _key_facts(self, name: str, seat: SeatPort, row: Account | None) -> list[tuple[str, str]]:
        """Where the key is, since when it is good, and what it gives."""
        now = self.dashboard.board.now
        place = self.places.get(name, READING)
        if self.in_plain_text(name) and not place.startswith(PLAIN):
            place += "; another one lies in plain text"
        facts = [("Key", place)]
        if row is not None and row.accepted_at is not None:
            since = "since " if row.health is not Health.AUTH_FAILED else "last new one "
            facts.append(("Accepted", f"{since}{clock_text(row.accepted_at, now)}"))
        if row is not None and row.refused_at is not None and not refused_now(row):
            facts.append(("Last refusal", f"{clock_text(row.refused_at, now)}  {row.refusal or ''}".rstrip()))
        token = seat.client.token
        if token is not None:
            ends = clock_text(token.expires_at, now) if token.expires_at is not None else ""
            facts.append(("Token", f"expires {ends}" if ends else "does not say when it expires"))
            if token.scope:
                facts.append(("Scope", token.scope))
        return facts

    def keys(self) -> Sequence[tuple[str, str]]:
        row = self.known.get(self.chosen)
        pause = "resume" if row is not None and row.paused else "pause"
        return (
            ("↑↓", "choose"),
            ("l", "unlock" if self.chosen in self.dashboard.live.stores.locked else "log in"),
            ("p", pause),
            ("x", "log out"),
            ("a", "add"),
            ("esc", "close"),
        )

    # What it does.

    def _key(self, key: str, character: str | None) -> None:
        most = len(self.names)
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "home": -most, "end": most}
        verbs = {"l": self.log_in, "p": self.pause, "x": self.log_out}
        step, verb = steps.get(key), verbs.get(character or "")
        if step is not None and self.names:
            self.at = max(0, min(self.at + step, len(self.names) - 1))
            self.scroll_top = 0
            self.note = ""
        elif verb is not None and self.names:
            self.note = ""
            verb()
        elif character == "a":
            self.add()
        else:
            super()._key(key, character)

    def _is_left_out(self) -> bool:
        """Whether the chosen account has no vendor to do anything with; then it is said."""
        if self.chosen not in self.left_out:
            return False
        self.tell(f"The account {self.chosen} is left out until its plug-in works.")
        return True

    def add(self) -> None:
        """The form of one more account, over this list."""
        from reportdash.tui.actions import BY_ID
        from reportdash.tui.screens import account

        reason = self.dashboard.operator.why_not(BY_ID["add_account"], [])
        if reason:
            self.tell(f"Nothing is added: {reason}.")
            return

        def added(name: str | None) -> None:
            if name is not None:
                self._spawn(self._show_new(name))

        async def ask() -> None:
            form = await account.made(self.dashboard)
            if self.is_active:
                self.app.push_screen(form, added)

        self._spawn(ask())

    async def _show_new(self, name: str) -> None:
        """The account that was added, as the chosen one."""
        self.names = [*self.engine.accounts, *self.left_out]
        if name in self.names:
            self.at = self.names.index(name)
            self.redraw()
            await self._find_keys([name])

    def log_in(self) -> None:
        """The login of the chosen account, over this list."""
        if self._is_left_out():
            return
        from reportdash.tui.screens import login

        login.begin(self.dashboard, self.chosen, self._changed)

    def _changed(self, done: object = None) -> None:
        # An unlocked vault has the keys of others as well.
        self._spawn(self._find_keys(self.names))

    def pause(self) -> None:
        """Stop polling the chosen account, or go on."""
        if self._is_left_out():
            return
        name, row = self.chosen, self.known.get(self.chosen)
        if row is not None:
            self._carry_out(self._pause(name, not row.paused))

    async def _pause(self, name: str, paused: bool) -> str:
        await self.dashboard.operator.engine.pause(name, paused)
        return ""

    def log_out(self) -> None:
        """Ask, then take the chosen account's key away."""
        if self._is_left_out():
            return
        name, where = self.chosen, self.places.get(self.chosen)
        if where is None:
            self.tell(f"Still looking where the key of {name} lives.")
        elif where == NOWHERE:
            self.tell(f"{name} has no key.")
        elif where.startswith(UNKNOWN):
            why = where.removeprefix(UNKNOWN)
            self.tell(f"{name} is not logged out: where its key is cannot be seen, {why}.")
        elif where.startswith(IN_VAULT) and where != GONE:
            state = where.removeprefix(IN_VAULT)
            self.tell(f"{name} is not logged out: its key is in the vault, which is {state}.")
        elif outside(where) is not None:
            self.tell(f"{name} is not logged out: {still_handed_in(name, where)}.")
        else:
            self.app.push_screen(LogOut(self.dashboard, name, where), self._answered)

    def _answered(self, name: str | None) -> None:
        if name is not None:
            self._carry_out(self._log_out(name))

    async def _log_out(self, name: str) -> str:
        try:
            _, where = await self.dashboard.operator.engine.log_out(name)
        finally:
            await self._find_keys([name])
        still = still_handed_in(name, where)
        return f"{name}: what was stored is removed, but {still}" if still else f"{name} is logged out"

    def _carry_out(self, doing: Coroutine[Any, Any, str]) -> None:
        """Of the dashboard: what was asked for is done though the list is closed; then the board says it."""

        async def run() -> str:
            try:
                said = await doing
            except Problem as problem:
                if not self.is_attached:
                    raise
                self.tell(problem.text)
                return ""
            if said and self.is_attached:
                self.tell(f"{said}.")
            return "" if self.is_attached else said

        self.dashboard.operator.task(run())


def _last_word(row: Account, now: float) -> tuple[str, str]:
    """What the account's message is, and it with its time: the vendor's words where it refused the key."""
    at = f"{clock_text(row.since, now)}  " if row.since is not None else ""
    if row.health is not Health.AUTH_FAILED:
        return "It says", row.message or ""
    names = {KeyTrouble.REFUSED: "Refused", KeyTrouble.VAULT: "Locked", KeyTrouble.KEYRING: "Locked"}
    return names.get(key_trouble(row), "No key"), f"{at}{row.message}"


def _columns(cells: int, *, badge: bool) -> list[tuple[str, int]]:
    """The columns and where they begin. `badge`: a key in plain text is to be seen in any window."""
    if cells >= ROOMY:
        return [("Account", 0), ("Vendor", 17), ("Health", 32), ("Key", 64), ("Slots", 88), ("Polled", 98)]
    if cells < NARROW:
        last = [("", cells - 12)] if badge else [("Slots", cells - 8)]
        return [("Account", 0), ("Health", 14), *last]
    if badge:
        return [("Account", 0), ("Vendor", 14), ("Health", 24), ("", cells - 21), ("Slots", cells - 8)]
    return [("Account", 0), ("Vendor", 14), ("Health", 26), ("Slots", cells - 8)]
