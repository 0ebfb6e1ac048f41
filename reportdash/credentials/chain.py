"""One credential per account, from the first place that has it; and the places where one can be kept.

Order: environment (the operator's own word for this run), memory (given during this run), the account's
`credential_command`, keyring. Never a file. Secrets appear in no message and in no text form of an object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reportdash.credentials import command
from reportdash.credentials.keyring_process import KeyringProcess, KeyringTrouble
from reportdash.credentials.values import LONGEST, Secrets, Stored, from_environment, variable
from reportdash.errors import CredentialProblem, UsageProblem
from reportdash.model import Credential

KEYRING = "keyring"
MEMORY = "memory"


@dataclass(slots=True, frozen=True)
class StoreChoice:
    """A place for a credential. `usable`: proved by a dummy value; `sentence`: what it is, or why not."""

    name: str
    usable: bool
    sentence: str


def _service(vendor: str) -> str:
    return f"reportdash:{vendor}"


def _origins(origin: str | Iterable[str]) -> tuple[str, ...]:
    parts = origin.split() if isinstance(origin, str) else origin
    return tuple(dict.fromkeys(parts))


class Chain:
    """Finds, keeps and removes credentials. `commands`: account -> its `credential_command`.

    `use_keyring` False: neither asked nor written (the demo). With `keyring` None one is made.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        keyring: KeyringProcess | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
        use_keyring: bool = True,
    ) -> None:
        self._environ = environ
        self._keyring = (keyring or KeyringProcess(environ)) if use_keyring else None
        self._commands = dict(commands or {})
        self._memory: dict[str, Stored] = {}
        self._seen: dict[str, None] = {}

    async def find(
        self, account: str, vendor: str, fields: Sequence[Sequence[str]], origin: Sequence[str]
    ) -> Credential | None:
        """The credential for `account`, or None if there is none anywhere.

        `fields`: alternative sets of field names; `origin`: every origin it would be sent to. Raises
        CredentialProblem: half a set in the environment, a keyring that is locked or does not answer, a
        credential that was given for another origin.
        """
        chosen = from_environment(self._environ, account, fields)
        if chosen is not None:
            return self._found(chosen, None, "environment")
        stored = self._memory.get(account)
        if stored is not None:
            return self._for_origin(account, stored, fields, origin, MEMORY)
        argv = self._commands.get(account)
        if argv:
            return self._found(await command.run(account, argv, fields, self._environ), None, "command")
        stored = await self._from_keyring(account, vendor)
        if stored is not None:
            return self._for_origin(account, stored, fields, origin, KEYRING)
        return None

    async def where(self, account: str, vendor: str, fields: Sequence[Sequence[str]]) -> str:
        """Where the credential lives, in a few words, for lists. Never raises, runs no command."""
        try:
            if from_environment(self._environ, account, fields) is not None:
                return "environment"
            if account in self._memory:
                return MEMORY
            if self._commands.get(account):
                return "credential_command"
            if await self._from_keyring(account, vendor) is not None:
                return self._keyring_title()
        except KeyringTrouble as trouble:
            return f"unknown: keyring {_SHORT.get(trouble.code, 'failed')}"
        except CredentialProblem:
            present = [f for wanted in fields for f in wanted if self._environ.get(variable(account, f))]
            return "environment, incomplete" if present else "keyring, unreadable entry"
        return "none"

    async def stores(self) -> list[StoreChoice]:
        """The places a credential can be kept, each proved now. Takes at most some three seconds."""
        choices = []
        if self._keyring is not None:
            try:
                await self._keyring.probe()
            except KeyringTrouble as trouble:
                choices.append(StoreChoice(KEYRING, False, trouble.text))
            else:
                title = self._keyring_title()
                choices.append(StoreChoice(KEYRING, True, f"{title}: stays on this server, encrypted"))
        choices.append(StoreChoice(MEMORY, True, "memory: until I quit"))
        return choices

    async def keep(
        self, account: str, vendor: str, values: Mapping[str, str], origin: str | Iterable[str], store: str
    ) -> str:
        """Keep `values` for `account` and read them back; returns where they live now.

        `origin`: every origin they may be sent to (several: a list, or one text with blanks). Never falls
        back to another store. Raises CredentialProblem (the store does not take it), UsageProblem (no such
        store, or an empty value).
        """
        stored = Stored(_origins(origin), Secrets(values))
        if not values or not all(values.values()) or sum(map(len, values.values())) > LONGEST:
            raise UsageProblem(f"{account}: a credential needs a value for each of its fields")
        if store == MEMORY:
            self._memory[account] = stored
            where = MEMORY
        elif store == KEYRING:
            if self._keyring is None:
                raise CredentialProblem("the keyring is switched off in this run: keep it in memory")
            await self._keyring.keep(_service(vendor), account, stored.encode())
            self._memory.pop(account, None)
            where = self._keyring_title()
        else:
            raise UsageProblem(f"no store is called {store}: use {KEYRING} or {MEMORY}")
        self._note(values)
        return where

    async def remove(self, account: str, vendor: str) -> bool:
        """Remove the account's credential from memory and keyring; False if neither had one.

        Raises CredentialProblem when a keyring may hold one but cannot be opened.
        """
        in_memory = self._memory.pop(account, None) is not None
        if self._keyring is None:
            return in_memory
        try:
            return await self._keyring.remove(_service(vendor), account) or in_memory
        except KeyringTrouble as trouble:
            if trouble.absent:
                return in_memory
            raise

    def live_values(self) -> list[str]:
        """Every secret value this run has handled, the longest first: for masking them in texts."""
        return sorted(self._seen, key=len, reverse=True)

    async def aclose(self) -> None:
        """Forget what is in memory and end what still runs."""
        self._memory.clear()
        if self._keyring is not None:
            await self._keyring.aclose()

    async def _from_keyring(self, account: str, vendor: str) -> Stored | None:
        if self._keyring is None:
            return None
        try:
            text = await self._keyring.find(_service(vendor), account)
        except KeyringTrouble as trouble:
            # Where no keyring exists nothing of ours can be in it.
            if trouble.absent:
                return None
            raise
        if text is None:
            return None
        stored = Stored.decode(text)
        if stored is None:
            raise CredentialProblem(
                f"{account}: the keyring's entry is not readable: run `reportdash login {account}` again"
            )
        return stored

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

    def _keyring_title(self) -> str:
        backend = self._keyring.backend if self._keyring is not None else None
        return f"keyring ({backend})" if backend else KEYRING


_SHORT = {
    "locked": "locked",
    "never_unlocked": "never unlocked",
    "mute": "does not answer",
    "slow": "slow to start",
}
