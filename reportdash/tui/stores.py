"""What the board knows of where keys lie: in plain text, in a locked store, in a vault damaged or gone.

At the start whoever sits there is asked for what opens it, unless they are at something else. The vault's
file is glanced at every few seconds: what becomes of it shows before the next sign-in needs it.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from reportdash.board.facts import Run
from reportdash.board.health import KeyTrouble, trouble_said
from reportdash.board.states import Role
from reportdash.clock import pause
from reportdash.logins import KEYRING, VAULT
from reportdash.tui.text import key_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reportdash.model import Account
    from reportdash.tui.app import Dashboard
    from reportdash.tui.ports import EnginePort

AT_WORK = 2.0
"""Seconds after a key in which no dialog opens by itself."""


LOOK_AGAIN = 1.0
"""Seconds between two looks whether they rest."""
GLANCE = 3.0
"""Seconds between two glances at the vault's file."""
BACK = "the vault can be read again"


class Stores:
    """Looks at the stores beside the screen. `locked`: account -> the store (VAULT or KEYRING) that has to be
    unlocked before its key can be read; `why`: what keeps the vault locked, besides that nobody opened it
    yet; `plain`: accounts with a key in plain text; `broken`: those whose vault is damaged or gone, and
    `trouble` is the sentence on that."""

    def __init__(self, app: Dashboard) -> None:
        self.app = app
        self.locked: Mapping[str, str] = {}
        self.why = ""
        self.plain: Sequence[str] = ()
        self.broken: Mapping[str, KeyTrouble] = {}
        self.trouble = ""
        self.watchers: set[Callable[[], object]] = set()
        self._new = asyncio.Event()
        self._told: set[str] = set()

    async def follow(self, engine: EnginePort) -> None:
        """Look now, and again whenever a row, or the vault's file, says that something is new."""
        vault = engine.chain.vault
        self._new.clear()
        # Before the look: what changes during it is looked at once more.
        seen = await vault.glance() if vault is not None else ()
        # A keyring may take its time, or never answer: the vault's passphrase is asked for before.
        for look in (self._look_at_files, self._look_at_keyring):
            await look(engine)
            if self._news():
                self._ask()
        if self.trouble and not self.locked:
            self._say_trouble()
        while True:
            await pause(self.app.clock, self._new, GLANCE if vault is not None else None)
            found = await vault.glance() if vault is not None else ()
            if found != seen:
                seen = found
                await self._changed(engine)
            elif self._new.is_set():
                self._new.clear()
                await self.look(engine)
                if self._news():
                    self.say()
                    self.remind()

    def _news(self) -> bool:
        """Whether a store is locked that was not, as when another session changed its passphrase."""
        new = set(self.locked.values()) - self._told
        self._told |= new
        return bool(new)

    async def _changed(self, engine: EnginePort) -> None:
        """The vault's file is another one: show what it is now; whoever waits for a key in it tries again."""
        self._new.clear()
        trouble = self.trouble
        await self.look(engine)
        engine.unlocked()
        for watcher in list(self.watchers):
            watcher()
        if self.trouble:
            if self.trouble != trouble:
                self._say_trouble()
        elif self._news():
            self.say()
            self.remind()
        elif trouble and not self.locked:
            self.app.board.say(BACK, role=Role.MUTED)

    def heed(self, changed: Iterable[Account]) -> None:
        """Of rows not yet taken in: whether a key may have come, gone, or be out of reach."""
        known = self.app.board.view.records.accounts
        for account in changed:
            old = known.get(account.name)
            if old is None or (old.accepted_at, old.message) != (account.accepted_at, account.message):
                self._new.set()

    async def look(self, engine: EnginePort) -> None:
        """Look anew, and show it."""
        await asyncio.gather(self._look_at_files(engine), self._look_at_keyring(engine))

    def _take(self, store: str, names: Sequence[str]) -> None:
        others = {name: one for name, one in self.locked.items() if one != store}
        self.locked = {**others, **dict.fromkeys(names, store)}
        self._told &= set(self.locked.values())

    async def _look_at_keyring(self, engine: EnginePort) -> None:
        seats = engine.accounts
        wanted = {name: (seat.vendor.name, seat.settings.secret_fields()) for name, seat in seats.items()}
        self._take(KEYRING, await engine.chain.locked_keyring(wanted))

    async def _look_at_files(self, engine: EnginePort) -> None:
        chain = engine.chain
        fields = {name: seat.settings.secret_fields() for name, seat in engine.accounts.items()}
        plain, locked, found = await asyncio.gather(
            chain.in_plain_text(), chain.locked_out(fields), chain.broken_vault(fields)
        )
        self._take(VAULT, locked)
        self.why = (await chain.vault.why_locked()).why if locked and chain.vault is not None else ""
        self.trouble, names = found if found is not None else ("", ())
        broken = {name: trouble_said(name, self.trouble) for name in names}
        if (plain, broken) != (self.plain, self.broken):
            self.plain, self.broken = plain, broken
            self.app.board.plain_text, self.app.board.broken = plain, broken
            self.app.board.show_frame()
            self.app.board.show_cursor()

    def _ask(self) -> None:
        """Ask for what unlocks it, or say that it is wanted."""
        if self._busy():
            self.say()
            self.remind()
            return
        from reportdash.tui.screens import unlock

        unlock.open_uninvited(self.app)

    def _busy(self) -> bool:
        """Whether somebody is at something that a dialog must not come between."""
        board = self.app.board
        typing = board.filter.editing or monotonic() - board.pressed < AT_WORK
        return typing or self.app.screen is not board or board.too_small

    def say(self) -> None:
        """On the notice line: that the store is locked, and what unlocks it."""
        key = key_run(self.app.look.keymap.named("login"))
        store = VAULT if VAULT in self.locked.values() else KEYRING
        self.app.board.say(Run(f"The {store} is locked: ", Role.WARN), key, Run(" unlocks it", Role.TEXT))

    def _say_trouble(self) -> None:
        """On the notice line: what is wrong with the vault, and where it says what helps."""
        state = str(next(iter(self.broken.values()))).removeprefix("vault ")
        key = key_run(self.app.look.keymap.named("accounts"))
        self.app.board.say(Run(f"The vault is {state}: ", Role.WARN), key, Run(" says what to do", Role.TEXT))

    def remind(self) -> None:
        """Say it once more when whoever is at work rests: the next key takes a notice away."""

        async def remind() -> str:
            while self.locked and (self._busy() or self.app.board.status.notice):
                await self.app.clock.sleep(LOOK_AGAIN)
            if self.locked:
                self.say()
            return ""

        self.app.operator.task(remind())
