"""One credential per account, from the first place that has it; and the places where one can be kept.

Order: what is handed in from outside (the operator's own word for this run), what was given for this run
alone, the account's `credential_command`, then the store that was chosen at login: keyring, vault, or, typed
on purpose, a file in plain text. Secrets appear in no message and in no text form of an object.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from reportdash.credentials import command, files, handed
from reportdash.credentials.choices import (
    SHORT,
    Gone,
    StoreChoice,
    Unreadable,
    keyring_choice,
    vault_choice,
)
from reportdash.credentials.keyring_process import KeyringProcess, KeyringTrouble
from reportdash.credentials.lasting import KEPT, Lasting, service
from reportdash.credentials.moves import Moves
from reportdash.credentials.unlocking import Unlocking
from reportdash.credentials.values import LONGEST, Secrets, Stored
from reportdash.credentials.vault import FILE_NAME, Vault, VaultTrouble
from reportdash.errors import CredentialProblem, UsageProblem
from reportdash.logins import COMMAND, INCOMPLETE, KEYRING, MEMORY, NOWHERE, PLAINTEXT, UNKNOWN, VAULT
from reportdash.model import Credential
from reportdash.plain import clean

LOGGED_OUT = "none"
"""In place of a store: what is left of the key in one that could not be opened is not used again."""


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
        self.vault = Unlocking(vault or Vault(folder / FILE_NAME), environ) if folder is not None else None
        self._moves = Moves(folder)
        self._pins = files.pins(folder) if folder is not None else None
        self._lasting = Lasting(
            (keyring or KeyringProcess(environ, folder=folder)) if use_keyring else None,
            self.vault,
            files.plain(folder) if folder is not None else None,
        )
        self._commands: Mapping[str, Sequence[str]] = dict(commands or {})
        self._memory: dict[str, Stored] = {}
        self._seen: dict[str, None] = {}

    async def find(
        self, account: str, vendor: str, fields: Sequence[Sequence[str]], origin: Sequence[str]
    ) -> Credential | None:
        """The credential for `account`, or None if there is none anywhere.

        `fields`: alternative sets of field names; `origin`: every origin it would be sent to. Raises
        CredentialProblem: half a set in the environment, a store that is locked, does not answer or has lost
        it, a credential that was given for another origin. No weaker store stands in for one that fails.
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
                return COMMAND
            store, stored = await self._stored(account, vendor)
            if stored is not None:
                return self._lasting.title(store)
        except KeyringTrouble as trouble:
            return f"{UNKNOWN}keyring {SHORT.get(trouble.code, 'failed')}"
        except VaultTrouble as trouble:
            return f"vault, {SHORT.get(trouble.code, 'failed')}"
        except Unreadable as problem:
            return f"{problem.store}, unreadable entry"
        except Gone as problem:
            return f"{problem.store}, gone"
        except CredentialProblem:
            outside_too = await asyncio.to_thread(handed.anything, self._environ, account, fields)
            return INCOMPLETE if outside_too else f"{UNKNOWN}a file cannot be read"
        return NOWHERE

    async def stores(self) -> list[StoreChoice]:
        """The places a credential can be kept, each proved now, as far as that needs no passphrase.

        Takes some three seconds at most. The plain-text store is never among them.
        """
        keyring, vault = await asyncio.gather(keyring_choice(self._lasting.keyring), vault_choice(self.vault))
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
        return await self._moves.whole(partial(self._kept, account, vendor, stored, store))

    async def _kept(self, account: str, vendor: str, stored: Stored, store: str) -> str:
        before = await self._pin(account, known=False)
        await self._lasting.put(store, account, vendor, stored.encode())
        try:
            await self._choose(account, store)
        except CredentialProblem:
            if store != before:  # nobody would look for it there, nor remove it
                with contextlib.suppress(CredentialProblem):
                    await self._lasting.drop(store, account, vendor)
            raise
        self._memory.pop(account, None)
        tidy = await self._tidy(account, vendor, store, before)
        self._note(stored.fields)
        title = self._lasting.title(store)
        return title if tidy else f"{title}; an older copy in plain text could not be removed"

    async def remove(self, account: str, *vendors: str) -> bool:
        """Remove the account's credential, of any of `vendors`, from every store; False if none had one.

        Raises CredentialProblem when the store it was kept in, or the file of plain text, may hold one but
        cannot be opened; it is gone from the others then. What lies in another store that cannot be opened
        is not used any more.
        """
        return await self._moves.whole(partial(self._removed, account, vendors))

    async def _removed(self, account: str, vendors: Sequence[str]) -> bool:
        removed = self._memory.pop(account, None) is not None
        pin = await self._pin(account)
        troubles: dict[str, CredentialProblem] = {}
        for store in KEPT:
            try:
                for vendor in vendors:
                    removed |= await self._lasting.drop(store, account, vendor)
            except CredentialProblem as problem:
                troubles[store] = problem
        if pin in troubles:
            raise troubles[pin]
        if pin is None:
            keyring = troubles.get(KEYRING)
            if isinstance(keyring, KeyringTrouble) and not keyring.absent:
                raise keyring
            if VAULT in troubles and await self._incomplete():
                raise troubles[VAULT]
        if troubles:
            await self._choose(account, LOGGED_OUT)
        elif self._pins is not None:
            await asyncio.to_thread(self._pins.drop, account)
        if PLAINTEXT in troubles:
            raise troubles[PLAINTEXT]
        return removed

    async def pins(self) -> dict[str, str]:
        """Account -> the store its operator chose at the last login. Raises CredentialProblem."""
        if self._pins is None:
            return {}
        chosen = await asyncio.to_thread(self._pins.read)
        return {account: store for account, store in chosen.items() if store != LOGGED_OUT}

    @property
    def plaintext_path(self) -> Path | None:
        """The file of the plain-text store, which need not be there; None in a run that has none."""
        return self._lasting.plain.path if self._lasting.plain is not None else None

    async def locked_out(self, accounts: Mapping[str, Sequence[Sequence[str]]]) -> list[str]:
        """Those of `accounts` whose credential is in a vault that this process cannot open by itself.

        `accounts`: account -> its fields, as `find` takes them; what is handed in from outside goes first.
        """
        if self.vault is None or self._pins is None:
            return []
        with contextlib.suppress(CredentialProblem):
            wanted = await self._from_vault(accounts, certain=not await self._incomplete())
            if wanted and await self.vault.locked():
                return wanted
        return []

    async def broken_vault(
        self, accounts: Mapping[str, Sequence[Sequence[str]]]
    ) -> tuple[str, Sequence[str]] | None:
        """What is wrong with the vault, besides a lock, and those of `accounts` whose credential is in it.

        None: nothing is, or no credential of theirs is known to be there. `accounts` as for `locked_out`.
        """
        if self.vault is None or self._pins is None:
            return None
        with contextlib.suppress(CredentialProblem):
            wanted = await self._from_vault(accounts, certain=True)
            trouble = await self.vault.trouble() if wanted else None
            return (trouble.text, wanted) if trouble is not None else None
        return None

    async def _from_vault(
        self, accounts: Mapping[str, Sequence[Sequence[str]]], *, certain: bool
    ) -> list[str]:
        """Those of `accounts` whose credential the vault gives; not `certain`: may give. Raises
        CredentialProblem."""
        assert self._pins is not None
        chosen = await asyncio.to_thread(self._pins.read)
        names = [n for n in accounts if chosen.get(n) == VAULT or (n not in chosen and not certain)]
        return await self._of_stores(names, accounts)

    async def locked_keyring(self, accounts: Mapping[str, tuple[str, Sequence[Sequence[str]]]]) -> list[str]:
        """Those of `accounts` whose credential is in a keyring that is locked and takes its password here.

        `accounts`: account -> its vendor and its fields. What the keyring has of them is read ahead.
        """
        if self._lasting.keyring is None:
            return []
        with contextlib.suppress(CredentialProblem):
            chosen, fields = await self.pins(), {name: one[1] for name, one in accounts.items()}
            names = [name for name in accounts if chosen.get(name) == KEYRING]
            wanted = await self._of_stores(names, fields)
            if wanted and await self._lasting.keyring.locked([(service(accounts[n][0]), n) for n in wanted]):
                return wanted
        return []

    async def locks_away(self, account: str, vendor: str) -> bool:
        """Whether the keyring has the account's credential, and has to be unlocked here before it goes; what
        goes before the stores makes no odds."""
        if self._lasting.keyring is None or await self.chosen(account) != KEYRING:
            return False
        return await self._lasting.keyring.locked([(service(vendor), account)])

    async def unlock_keyring(self, password: str) -> None:
        """Open the locked keyring, for every program that uses it; the password is not kept.

        Raises CredentialProblem; KeyringTrouble `wrong`, where it is another one.
        """
        await self._lasting.switched_on().unlock(Secrets({"password": password}))

    async def _of_stores(
        self, names: Sequence[str], fields: Mapping[str, Sequence[Sequence[str]]]
    ) -> list[str]:
        """Those of `names` whose credential comes out of a store, for nothing goes before it."""
        left = [name for name in names if name not in self._memory and not self._commands.get(name)]
        return await asyncio.to_thread(
            lambda: [name for name in left if not handed.anything(self._environ, name, fields[name])]
        )

    async def chosen(self, account: str) -> str | None:
        """The store its operator chose at the last login: keyring, vault or plaintext; None: not known."""
        with contextlib.suppress(CredentialProblem):
            return (await self.pins()).get(account)
        return None

    async def in_plain_text(self) -> list[str]:
        """The accounts that have a credential in the plain-text store, whether it is the one used or not.

        Where that cannot be read: those that were logged in with it.
        """
        if self._lasting.plain is None:
            return []
        with contextlib.suppress(CredentialProblem):
            return sorted(await asyncio.to_thread(self._lasting.plain.read))
        with contextlib.suppress(CredentialProblem):
            return sorted(name for name, store in (await self.pins()).items() if store == PLAINTEXT)
        return []

    def live_values(self) -> list[str]:
        """Every secret value this run has handled, the longest first: for masking them in texts."""
        return sorted(self._seen, key=len, reverse=True)

    def take_commands(self, commands: Mapping[str, Sequence[str]]) -> None:
        """The config was read anew: these are its `credential_command`s now."""
        self._commands = dict(commands)

    async def aclose(self) -> None:
        """Forget what is in memory and end what still runs."""
        await self._moves.aclose()
        self._memory.clear()
        if self._lasting.keyring is not None:
            await self._lasting.keyring.aclose()
        if self.vault is not None:
            await self.vault.lock()

    # where it lies

    async def _pin(self, account: str, *, known: bool = True) -> str | None:
        """The store its operator chose, or LOGGED_OUT; None if there is no word of it, as of old ones.

        Raises CredentialProblem: the choices cannot be read or, if it has to be `known`, make no sense here.
        """
        if self._pins is None:
            return None
        chosen = (await asyncio.to_thread(self._pins.read)).get(account)
        if known and chosen is not None and chosen not in (LOGGED_OUT, *KEPT):
            raise CredentialProblem(
                f"{account}: {self._pins.path} says that its credential is in {clean(chosen, 40)}, which "
                f"this reportdash does not know: upgrade it, or run `reportdash login {account}` again"
            )
        return chosen

    async def _choose(self, account: str, store: str) -> None:
        """Remember a choice, and whether there may be others that are not known. Raises CredentialProblem."""
        if self._pins is None:
            return
        if await self._incomplete():
            known = {account, *await asyncio.to_thread(self._pins.read)}
            others = True  # as far as one can see
            with contextlib.suppress(CredentialProblem):
                others = self.vault is not None and not await self.vault.users() <= known
            await asyncio.to_thread(self._pins.note_incomplete, others)
        await asyncio.to_thread(self._pins.put, account, store)

    async def _incomplete(self) -> bool:
        """Whether an account without a choice may have a key in the vault: which one has is not known."""
        return self._pins is not None and await asyncio.to_thread(self._pins.incomplete)

    async def _mind_the_lock(self) -> None:
        """Raises CredentialProblem where any account may have a key in the vault, and it is locked."""
        if self.vault is not None and await self._incomplete() and await self.vault.locked():
            raise await self.vault.why_locked()

    async def _stored(self, account: str, vendor: str) -> tuple[str, Stored | None]:
        """The store that was chosen, and what it has. Raises CredentialProblem."""
        pin = await self._pin(account)
        while True:
            if pin == LOGGED_OUT:
                return pin, None
            for store in (pin,) if pin is not None else (KEYRING, VAULT):
                if store == VAULT and pin is None:
                    await self._mind_the_lock()
                text = await self._lasting.read(store, account, vendor, pinned=pin is not None)
                if text is None:
                    continue
                stored = Stored.decode(text)
                if stored is None:
                    raise Unreadable(account, store)
                return store, stored
            # Another session may have moved it between the two looks.
            before, pin = pin, await self._pin(account)
            if pin == before:
                break
        if pin is not None:
            place = f"file {self.plaintext_path}" if pin == PLAINTEXT else self._lasting.title(pin)
            raise Gone(account, vendor, pin, place)
        return KEYRING, None

    async def _tidy(self, account: str, vendor: str, store: str, before: str | None) -> bool:
        """Remove what an older choice left behind; False: not what may be there in plain text.

        What that would need a person for stays, and is never looked at again.
        """
        tidy = True
        for other in KEPT:
            if other == store or (other == KEYRING and before != KEYRING):
                continue
            try:
                await self._lasting.drop(other, account, vendor)
            except CredentialProblem:
                tidy &= other != PLAINTEXT
        return tidy

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
