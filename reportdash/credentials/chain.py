"""One credential per account, from the first place that has it; and the places where one can be kept.

Order: what is handed in from outside (the operator's own word for this run), what was given for this run
alone, the account's `credential_command`, then the store that was chosen at login: keyring, vault, or, typed
on purpose, a file in plain text. Secrets appear in no message and in no text form of an object.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reportdash.credentials import command, files, handed
from reportdash.credentials.keyring_process import KeyringProcess, KeyringTrouble
from reportdash.credentials.unlocking import Unlocking
from reportdash.credentials.values import LONGEST, Secrets, Stored
from reportdash.credentials.vault import FILE_NAME, Vault, VaultState, VaultTrouble
from reportdash.errors import CredentialProblem, UsageProblem
from reportdash.model import Credential

KEYRING = "keyring"
VAULT = "vault"
PLAINTEXT = "plaintext"
MEMORY = "memory"
KEPT = (KEYRING, VAULT, PLAINTEXT)
"""Stores that outlive the process, the strongest first."""


@dataclass(slots=True, frozen=True)
class StoreChoice:
    """A place for a credential.

    `usable`: proved by a dummy value, or, for a vault without its passphrase, as far as one can see without
    it. `sentence`: what it is, or why not. `passphrase`: what the vault needs first, `new` or `known`; empty:
    nothing. `trouble`: the code of the KeyringTrouble or VaultTrouble that makes it unusable, if it has one.
    """

    name: str
    usable: bool
    sentence: str
    passphrase: str = ""
    trouble: str = ""


def _service(vendor: str) -> str:
    return f"reportdash:{vendor}"


def _origins(origin: str | Iterable[str]) -> tuple[str, ...]:
    parts = origin.split() if isinstance(origin, str) else origin
    return tuple(dict.fromkeys(parts))


class Chain:
    """Finds, keeps and removes credentials. `commands`: account -> its `credential_command`.

    `folder`: where vault, plain-text store and the choices of stores live; None: there are none of them (the
    demo). `use_keyring` False: neither asked nor written. With `keyring` or `vault` None one is made.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        folder: Path | None = None,
        keyring: KeyringProcess | None = None,
        vault: Vault | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
        use_keyring: bool = True,
    ) -> None:
        self._environ = environ
        self._keyring = (keyring or KeyringProcess(environ)) if use_keyring else None
        self.vault = Unlocking(vault or Vault(folder / FILE_NAME), environ) if folder is not None else None
        self._pins = files.pins(folder) if folder is not None else None
        self._plain = files.plain(folder) if folder is not None else None
        self._commands = dict(commands or {})
        self._memory: dict[str, Stored] = {}
        self._seen: dict[str, None] = {}

    async def find(
        self, account: str, vendor: str, fields: Sequence[Sequence[str]], origin: Sequence[str]
    ) -> Credential | None:
        """The credential for `account`, or None if there is none anywhere.

        `fields`: alternative sets of field names; `origin`: every origin it would be sent to. Raises
        CredentialProblem: half a set in the environment, a store that is locked or does not answer, a
        credential that was given for another origin. No weaker store stands in for one that fails.
        """
        outside = await asyncio.to_thread(handed.find, self._environ, account, fields)
        if outside is not None:
            return self._found(outside.values, None, outside.source)
        stored = self._memory.get(account)
        if stored is not None:
            return self._for_origin(account, stored, fields, origin, MEMORY)
        argv = self._commands.get(account)
        if argv:
            return self._found(await command.run(account, argv, fields, self._environ), None, "command")
        store, stored = await self._stored(account, vendor)
        if stored is not None:
            return self._for_origin(account, stored, fields, origin, store)
        return None

    async def where(self, account: str, vendor: str, fields: Sequence[Sequence[str]]) -> str:
        """Where the credential lives, in a few words, for lists. Never raises, asks nobody."""
        try:
            outside = await asyncio.to_thread(handed.find, self._environ, account, fields)
            if outside is not None:
                return outside.source
            if account in self._memory:
                return MEMORY
            if self._commands.get(account):
                return "credential_command"
            store, stored = await self._stored(account, vendor)
            if stored is not None:
                return self._title(store)
        except KeyringTrouble as trouble:
            return f"unknown: keyring {_SHORT.get(trouble.code, 'failed')}"
        except VaultTrouble as trouble:
            return f"vault, {_SHORT.get(trouble.code, 'failed')}"
        except _Unreadable as problem:
            return f"{problem.store}, unreadable entry"
        except CredentialProblem:
            outside_too = await asyncio.to_thread(handed.anything, self._environ, account, fields)
            return "environment, incomplete" if outside_too else "unknown: a file cannot be read"
        return "none"

    async def stores(self) -> list[StoreChoice]:
        """The places a credential can be kept, each proved now, as far as that needs no passphrase.

        Takes some three seconds at most. The plain-text store is never among them.
        """
        keyring, vault = await asyncio.gather(self._keyring_choice(), self._vault_choice())
        choices = [choice for choice in (keyring, vault) if choice is not None]
        return [*choices, StoreChoice(MEMORY, True, "memory: until I quit")]

    async def keep(
        self, account: str, vendor: str, values: Mapping[str, str], origin: str | Iterable[str], store: str
    ) -> str:
        """Keep `values` for `account` and read them back; returns where they live now.

        `origin`: every origin they may be sent to (several: a list, or one text with blanks). `store`:
        keyring, vault (which must be open), plaintext or memory; never falls back to another one. The choice
        is remembered for every process, and what an older choice left behind is removed where that needs
        nobody. Raises CredentialProblem (the store does not take it), UsageProblem (no such store, or an
        empty value).
        """
        stored = Stored(_origins(origin), Secrets(values))
        if not values or not all(values.values()) or sum(map(len, values.values())) > LONGEST:
            raise UsageProblem(f"{account}: a credential needs a value for each of its fields")
        if store == MEMORY:
            self._memory[account] = stored
            self._note(values)
            return MEMORY
        if store not in KEPT:
            raise UsageProblem(f"no store is called {store}: use {KEYRING}, {VAULT} or {MEMORY}")
        if store == KEYRING:
            if self._keyring is None:
                raise CredentialProblem("the keyring is switched off in this run: keep it in memory")
            await self._keyring.keep(_service(vendor), account, stored.encode())
        elif store == VAULT:
            await self._the_vault().keep(_service(vendor), account, stored.encode())
        elif store == PLAINTEXT:
            await asyncio.to_thread(self._keep_plain, account, stored.encode())
        self._memory.pop(account, None)
        if self._pins is not None:
            before = (await asyncio.to_thread(self._pins.read)).get(account)
            await asyncio.to_thread(self._pins.put, account, store)
            await self._tidy(account, vendor, store, before)
        self._note(values)
        return self._title(store)

    async def remove(self, account: str, vendor: str) -> bool:
        """Remove the account's credential from every store; False if none had one.

        Raises CredentialProblem when the store it was kept in may hold one but cannot be opened.
        """
        removed = self._memory.pop(account, None) is not None
        pin = await self._pin(account)
        if self._plain is not None:
            removed |= await asyncio.to_thread(self._plain.drop, account)
        if self.vault is not None:
            try:
                removed |= await self.vault.remove(_service(vendor), account)
            except VaultTrouble:
                if pin == VAULT:
                    raise
        if self._keyring is not None:
            try:
                removed |= await self._keyring.remove(_service(vendor), account)
            except KeyringTrouble as trouble:
                if not trouble.absent and pin in (KEYRING, None):
                    raise
        if self._pins is not None:
            await asyncio.to_thread(self._pins.drop, account)
        return removed

    async def pins(self) -> dict[str, str]:
        """Account -> the store its operator chose at the last login. Raises CredentialProblem."""
        return await asyncio.to_thread(self._pins.read) if self._pins is not None else {}

    @property
    def plaintext_path(self) -> Path | None:
        """The file of the plain-text store, which need not be there; None in a run that has none."""
        return self._plain.path if self._plain is not None else None

    async def locked_out(self, accounts: Iterable[str]) -> list[str]:
        """Those of `accounts` whose credential is in a vault that this process cannot open by itself."""
        if self.vault is None or self._pins is None:
            return []
        with contextlib.suppress(CredentialProblem):
            chosen = await asyncio.to_thread(self._pins.read)
            wanted = [
                name
                for name in accounts
                if chosen.get(name) == VAULT and name not in self._memory and not self._commands.get(name)
            ]
            if wanted and not await self.vault.ready():
                return wanted
        return []

    async def chosen(self, account: str) -> str | None:
        """The store its operator chose at the last login: keyring, vault or plaintext; None: not known."""
        with contextlib.suppress(CredentialProblem):
            return await self._pin(account)
        return None

    async def in_plain_text(self) -> list[str]:
        """The accounts that have a credential in the plain-text store, whether it is the one used or not."""
        if self._plain is not None:
            with contextlib.suppress(CredentialProblem):
                return sorted(await asyncio.to_thread(self._plain.read))
        return []

    def live_values(self) -> list[str]:
        """Every secret value this run has handled, the longest first: for masking them in texts."""
        return sorted(self._seen, key=len, reverse=True)

    async def aclose(self) -> None:
        """Forget what is in memory and end what still runs."""
        self._memory.clear()
        if self.vault is not None:
            self.vault.lock()
        if self._keyring is not None:
            await self._keyring.aclose()

    # where it lies

    async def _pin(self, account: str) -> str | None:
        """The store its operator chose; None if that is not known, as of credentials kept long ago."""
        if self._pins is None:
            return None
        chosen = (await asyncio.to_thread(self._pins.read)).get(account)
        return chosen if chosen in KEPT else None

    async def _stored(self, account: str, vendor: str) -> tuple[str, Stored | None]:
        """The store that was chosen, and what it has. Raises CredentialProblem."""
        pin = await self._pin(account)
        for store in (pin,) if pin is not None else (KEYRING, VAULT):
            text = await self._text(store, account, vendor)
            if text is None:
                continue
            stored = Stored.decode(text)
            if stored is None:
                raise _Unreadable(account, store)
            return store, stored
        return pin or KEYRING, None

    async def _text(self, store: str, account: str, vendor: str) -> str | None:
        if store == KEYRING and self._keyring is not None:
            try:
                return await self._keyring.find(_service(vendor), account)
            except KeyringTrouble as trouble:
                # Where no keyring exists nothing of ours can be in it.
                if trouble.absent and await self._pin(account) is None:
                    return None
                raise
        if store == VAULT and self.vault is not None:
            wanted = await self._pin(account) is not None
            return await self.vault.find(_service(vendor), account, wanted=wanted)
        if store == PLAINTEXT and self._plain is not None:
            return (await asyncio.to_thread(self._plain.read)).get(account)
        return None

    async def _keyring_choice(self) -> StoreChoice | None:
        if self._keyring is None:
            return None
        try:
            await self._keyring.probe()
        except KeyringTrouble as trouble:
            return StoreChoice(KEYRING, False, trouble.text, trouble=trouble.code)
        return StoreChoice(KEYRING, True, f"{self._title(KEYRING)}: stays on this server, encrypted")

    async def _vault_choice(self) -> StoreChoice | None:
        if self.vault is None:
            return None
        where = f"vault: {self.vault.path}, encrypted with a passphrase"
        try:
            if not await self.vault.ready():
                return StoreChoice(VAULT, True, where, "known")
            if await self.vault.state() is VaultState.ABSENT:
                return StoreChoice(VAULT, True, f"{where} of your choice", "new")
            await self.vault.probe()
        except CredentialProblem as problem:
            code = problem.code if isinstance(problem, VaultTrouble) else ""
            return StoreChoice(VAULT, False, problem.text, trouble=code)
        return StoreChoice(VAULT, True, where)

    def _keep_plain(self, account: str, text: str) -> None:
        plain = self._plain
        if plain is None:
            raise CredentialProblem("nothing is kept in a file in this run: keep it in memory")
        plain.put(account, text)
        if plain.read().get(account) != text:
            raise CredentialProblem(f"{plain.path} does not have what was written to it: check its disk")

    async def _tidy(self, account: str, vendor: str, store: str, before: str | None) -> None:
        """Remove what an older choice left behind; what that would need a person for stays."""
        with contextlib.suppress(CredentialProblem):
            if store != PLAINTEXT and self._plain is not None:
                await asyncio.to_thread(self._plain.drop, account)
            if store != VAULT and self.vault is not None:
                with contextlib.suppress(VaultTrouble):  # locked: it stays, and is never looked at again
                    await self.vault.remove(_service(vendor), account)
            if store != KEYRING and before == KEYRING and self._keyring is not None:
                await self._keyring.remove(_service(vendor), account)

    def _the_vault(self) -> Unlocking:
        if self.vault is None:
            raise CredentialProblem("there is no vault in this run: keep it in memory")
        return self.vault

    def _for_origin(
        self,
        account: str,
        stored: Stored,
        fields: Sequence[Sequence[str]],
        origin: Sequence[str],
        source: str,
    ) -> Credential:
        elsewhere = [part for part in _origins(origin) if part not in stored.origins]
        if elsewhere:
            given = " and ".join(stored.origins) or "no address"
            raise CredentialProblem(
                f"{account}: the stored credential was given for {given}, the config now says "
                f"{' and '.join(elsewhere)}: nothing was sent; log in again with `reportdash login {account}`"
            )
        if not any(wanted and all(field in stored.fields for field in wanted) for wanted in fields):
            wanted = " or ".join(" and ".join(part) for part in fields)
            raise CredentialProblem(
                f"{account}: the stored credential lacks {wanted}: "
                f"log in again with `reportdash login {account}`"
            )
        return self._found(stored.fields, " ".join(stored.origins), source)

    def _found(self, values: Mapping[str, str], origin: str | None, source: str) -> Credential:
        self._note(values)
        return Credential(fields=values, origin=origin, source=source)

    def _note(self, values: Mapping[str, str]) -> None:
        for value in values.values():
            # Masking one or two letters would only make texts unreadable.
            if len(value) >= 4:
                self._seen[value] = None

    def _title(self, store: str) -> str:
        if store == KEYRING:
            backend = self._keyring.backend if self._keyring is not None else None
            return f"keyring ({backend})" if backend else KEYRING
        return f"PLAIN TEXT, {self._plain.path}" if store == PLAINTEXT and self._plain is not None else store


class _Unreadable(CredentialProblem):
    """An entry that is not ours, or from another version."""

    def __init__(self, account: str, store: str) -> None:
        super().__init__(
            f"{account}: the {store}'s entry is not readable: run `reportdash login {account}` again"
        )
        self.store = store


_SHORT = {
    "locked": "locked",
    "never_unlocked": "never unlocked",
    "mute": "does not answer",
    "slow": "slow to start",
    "damaged": "damaged",
    "newer": "of a newer reportdash",
    "wrong": "wrong passphrase",
}
