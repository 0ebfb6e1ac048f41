"""What the board knows of where keys lie: in plain text, or in a vault that is locked in this session.

At the start whoever sits there is asked for the vault's passphrase, unless they are at something else.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.tui.text import key_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reportdash.model import Account
    from reportdash.tui.app import Dashboard
    from reportdash.tui.ports import EnginePort

AT_WORK = 2.0
"""Seconds after a key in which no dialog opens by itself."""


LOOK_AGAIN = 1.0
"""Seconds between two looks whether they rest."""


class Stores:
    """Looks at the stores beside the screen. `locked`: accounts whose key cannot be read until the vault is
    unlocked; `plain`: those with a key in plain text."""

    def __init__(self, app: Dashboard) -> None:
        self.app = app
        self.locked: Sequence[str] = ()
        self.plain: Sequence[str] = ()
        self._new = asyncio.Event()

    async def follow(self, engine: EnginePort) -> None:
        """Look now, and again whenever a row says that something is new."""
        self._new.clear()
        await self.look(engine)
        if self.locked:
            self._ask()
        while True:
            await self._new.wait()
            self._new.clear()
            await self.look(engine)

    def heed(self, changed: Iterable[Account]) -> None:
        """Of rows not yet taken in: whether a key may have come, gone, or be out of reach."""
        known = self.app.board.view.records.accounts
        for account in changed:
            old = known.get(account.name)
            if old is None or (old.accepted_at, old.message) != (account.accepted_at, account.message):
                self._new.set()

    async def look(self, engine: EnginePort) -> None:
        """Look anew, and show it."""
        chain = engine.chain
        fields = {name: seat.settings.secret_fields() for name, seat in engine.accounts.items()}
        plain, locked = await asyncio.gather(chain.in_plain_text(), chain.locked_out(fields))
        self.locked = locked
        if plain != self.plain:
            self.plain = plain
            self.app.board.plain_text = plain
            self.app.board.show_frame()

    def _ask(self) -> None:
        """Ask for the passphrase, or say that it is wanted."""
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
        """On the notice line: that the vault is locked, and what unlocks it."""
        key = key_run(self.app.look.keymap.named("login"))
        self.app.board.say(Run("The vault is locked: ", Role.WARN), key, Run(" unlocks it", Role.TEXT))

    def remind(self) -> None:
        """Say it once more when whoever is at work rests: the next key takes a notice away."""

        async def remind() -> str:
            while self.locked and (self._busy() or self.app.board.status.notice):
                await self.app.clock.sleep(LOOK_AGAIN)
            if self.locked:
                self.say()
            return ""

        self.app.operator.task(remind())
