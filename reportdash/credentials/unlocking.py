"""The vault for code that must not block: calls go to a thread, a file's passphrase opens it by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from reportdash.credentials import handed
from reportdash.credentials.vault import SHORTEST, Vault, VaultState, VaultTrouble, gone, locked
from reportdash.errors import CredentialProblem
from reportdash.model import VAULT_LOCKED

ENDING = 1.0
"""Seconds a thread that reads or writes the file may take to end before it is left to itself."""
_PAUSE = 0.02
BY_FILE = ("wrong", "unreadable")
"""Codes of a vault that what is typed may open, though the passphrase that a file hands in does not."""


class Unlocking:
    """Opens `vault` once a session; whoever sits there is asked elsewhere, and `open` is told."""

    def __init__(self, vault: Vault, environ: Mapping[str, str]) -> None:
        self._vault = vault
        self._environ = environ
        self._turn = asyncio.Lock()

    @property
    def path(self) -> Path:
        """The vault's file, which need not be there."""
        return self._vault.path

    async def state(self) -> VaultState:
        """Raises VaultTrouble: damaged, newer, failed."""
        return await asyncio.to_thread(self._vault.state)

    async def trouble(self) -> VaultTrouble | None:
        """Why credentials that are known to be in it are out of reach, besides a lock; None: they are not."""
        try:
            return gone(self.path) if await self.state() is VaultState.ABSENT else None
        except VaultTrouble as trouble:
            return trouble

    async def glance(self) -> tuple[int, ...]:
        """What is another one once the file is: cheap, for every few seconds. Empty: no file to be seen."""

        def look() -> tuple[int, ...]:
            try:
                found = self.path.stat()
            except OSError:
                return ()
            return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

        return await asyncio.to_thread(look)

    async def ready(self) -> bool:
        """Whether the vault can be read now: it is open, or there is none, or a file's passphrase opens it.

        Raises VaultTrouble; one of BY_FILE for a passphrase file that is no good.
        """
        async with self._turn:
            if await self.state() is not VaultState.LOCKED:
                return True
            try:
                return await self._open_by_file(self._vault.unlock)
            except VaultTrouble:
                raise
            except CredentialProblem as problem:
                why = problem.text
                raise VaultTrouble("unreadable", f"{VAULT_LOCKED}, for {why}", why) from None

    async def locked(self) -> bool:
        """Whether somebody has to type its passphrase, be it in place of a file's that is no good.

        Raises VaultTrouble: damaged, newer, failed.
        """
        try:
            return not await self.ready()
        except VaultTrouble as trouble:
            if trouble.code not in BY_FILE:
                raise
            return True

    async def why_locked(self) -> VaultTrouble:
        """What is said of it while it is locked."""
        try:
            await self.ready()
            return locked(self.path, changed=await asyncio.to_thread(self._vault.changed))
        except VaultTrouble as trouble:
            return trouble

    async def made_by_file(self) -> bool:
        """Make a vault with the passphrase that a file hands in, and prove it; False where none does.

        Raises VaultTrouble, and CredentialProblem for a passphrase file that is no good.
        """

        def work(passphrase: str) -> None:
            self._vault.create(passphrase)
            self._vault.probe()

        async with self._turn:
            return await self._open_by_file(work)

    async def _open_by_file(self, work: Callable[[str], None]) -> bool:
        passphrase = await asyncio.to_thread(handed.vault_passphrase, self._environ)
        if passphrase is None:
            return False
        try:
            await asyncio.to_thread(work, passphrase)
        except VaultTrouble as trouble:
            # Whoever reads it typed nothing: what is to be mended is the file.
            source = handed.passphrase_source(self._environ)
            if trouble.code == "weak":
                short = f"{source}: the passphrase in it has less than {SHORTEST} characters"
                raise VaultTrouble("weak", f"{short}: write a longer one there") from None
            if trouble.code != "wrong":
                raise
            wrong, then = f"the passphrase in {source} does not open the vault", "write the right one there"
            text = f"{VAULT_LOCKED}, for {wrong} {self.path}: {then}"
            raise VaultTrouble("wrong", text, f"{wrong}: {then}") from None
        return True

    async def open(self, passphrase: str, *, create: bool = False) -> None:
        """Unlock the vault for this process, or make one. Raises VaultTrouble.

        One that cannot be written is opened all the same: it can be read, and whoever writes is told.
        """
        async with self._turn:
            await asyncio.to_thread(self._vault.create if create else self._vault.unlock, passphrase)

    async def discard(self) -> bool:
        """Take an open vault away that has nothing in it; False: it stays. Never raises."""
        try:
            return await asyncio.to_thread(self._vault.discard)
        except VaultTrouble:
            return False

    async def change_passphrase(self, old: str, new: str) -> None:
        """A new passphrase; other processes need it too. Raises VaultTrouble."""
        async with self._turn:
            await asyncio.to_thread(self._vault.change_passphrase, old, new)

    async def probe(self) -> None:
        """Write, read back and remove a dummy value. Raises VaultTrouble."""
        await asyncio.to_thread(self._vault.probe)

    async def find(self, service: str, user: str, *, wanted: bool) -> str | None:
        """The value under (service, user), or None. `wanted`: it is known to be there.

        Raises VaultTrouble, if it is wanted: locked, absent, damaged, newer, failed.
        """
        try:
            shut = await self.locked()
        except VaultTrouble:
            if wanted:
                raise
            return None
        if shut:
            if wanted:
                raise await self.why_locked()
            return None
        if wanted and await self.state() is VaultState.ABSENT:
            raise gone(self.path)
        return await asyncio.to_thread(self._vault.get, service, user)

    async def users(self) -> set[str]:
        """Who has a value in it. Raises VaultTrouble: locked …"""
        if not await self.ready():
            raise await self.why_locked()
        return await asyncio.to_thread(self._vault.users)

    async def keep(self, service: str, user: str, value: str) -> None:
        """Store a value in the open vault and read it back. Raises VaultTrouble."""
        await asyncio.to_thread(self._vault.set, service, user, value)

    async def remove(self, service: str, user: str) -> bool:
        """Remove a value; False if there was none. Raises VaultTrouble: locked …"""
        if not await self.ready():
            raise await self.why_locked()
        return await asyncio.to_thread(self._vault.remove, service, user)

    async def lock(self) -> None:
        """Forget the key. A thread that is at the file may end first; in a dead file system it never does."""
        end = time.monotonic() + ENDING
        while True:
            if self._vault.forget_key() or time.monotonic() >= end:
                return
            await asyncio.sleep(_PAUSE)
