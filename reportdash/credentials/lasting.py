"""Keyring, vault and plain text, which outlive the process: one way to read, to put into, to drop.

Which of them an account's credential is in, and what goes before them, is the chain's to know.
"""

from __future__ import annotations

import asyncio

from reportdash.credentials.choices import keyring_title
from reportdash.credentials.files import Table
from reportdash.credentials.keyring_process import KeyringProcess, KeyringTrouble
from reportdash.credentials.unlocking import Unlocking
from reportdash.errors import CredentialProblem
from reportdash.logins import KEYRING, PLAINTEXT, VAULT

KEPT = (KEYRING, VAULT, PLAINTEXT)
"""Their names, the strongest first."""


def service(vendor: str) -> str:
    """What a vendor's credentials are filed under."""
    return f"reportdash:{vendor}"


class Lasting:
    """Each store by its name, of KEPT; None: this run has none of that kind.

    Whatever is asked of a store raises CredentialProblem where it cannot be done.
    """

    def __init__(self, keyring: KeyringProcess | None, vault: Unlocking | None, plain: Table | None) -> None:
        self.keyring = keyring
        self.vault = vault
        self.plain = plain

    def title(self, store: str) -> str:
        """What the store is called where people read it."""
        if store == KEYRING and self.keyring is not None:
            return keyring_title(self.keyring)
        return f"PLAIN TEXT, {self.plain.path}" if store == PLAINTEXT and self.plain is not None else store

    async def read(self, store: str, account: str, vendor: str, *, pinned: bool) -> str | None:
        """What the store has of the account. Not `pinned`: it need not be there, nor the store."""
        if store == KEYRING and (self.keyring is not None or pinned):
            try:
                return await self.switched_on().find(service(vendor), account)
            except KeyringTrouble as trouble:
                # Where no keyring exists nothing of ours can be in it.
                if trouble.absent and not pinned:
                    return None
                raise
        if store == VAULT and self.vault is not None:
            return await self.vault.find(service(vendor), account, wanted=pinned)
        if store == PLAINTEXT and self.plain is not None:
            return (await asyncio.to_thread(self.plain.read)).get(account)
        return None

    async def put(self, store: str, account: str, vendor: str, text: str) -> None:
        """Into this store, and read back."""
        if store == KEYRING:
            if self.keyring is None:
                raise CredentialProblem("the keyring is switched off in this run: keep it in memory")
            await self.keyring.keep(service(vendor), account, text)
        elif store == VAULT:
            if self.vault is None:
                raise CredentialProblem("there is no vault in this run: keep it in memory")
            await self.vault.keep(service(vendor), account, text)
        else:
            await asyncio.to_thread(self._put_plain, account, text)

    async def drop(self, store: str, account: str, vendor: str) -> bool:
        """Out of this store; False if it was not there."""
        if store == KEYRING:
            return await self.switched_on().remove(service(vendor), account)
        if store == VAULT and self.vault is not None:
            return await self.vault.remove(service(vendor), account)
        if store == PLAINTEXT and self.plain is not None:
            return await asyncio.to_thread(self.plain.drop, account)
        return False

    def switched_on(self) -> KeyringProcess:
        """The keyring. Raises KeyringTrouble where this run asks none."""
        if self.keyring is None:
            raise KeyringTrouble("off", "the keyring is switched off in this run: run it without that")
        return self.keyring

    def _put_plain(self, account: str, text: str) -> None:
        plain = self.plain
        if plain is None:
            raise CredentialProblem("nothing is kept in a file in this run: keep it in memory")
        plain.put(account, text)
        if plain.read().get(account) != text:
            raise CredentialProblem(f"{plain.path} does not have what was written to it: check its disk")
