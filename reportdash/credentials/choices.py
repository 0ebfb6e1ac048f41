"""What an operator can choose between at a login: the stores, each proved, and words for what they say."""

from __future__ import annotations

from dataclasses import dataclass

from reportdash.credentials.keyring_process import KeyringProcess, KeyringTrouble
from reportdash.credentials.unlocking import BY_FILE, Unlocking
from reportdash.credentials.vault import VaultState, VaultTrouble
from reportdash.errors import CredentialProblem
from reportdash.logins import KEYRING, KNOWN, NEW, VAULT


@dataclass(slots=True, frozen=True)
class StoreChoice:
    """A place for a credential.

    `usable`: proved by a dummy value, or, for a vault without its passphrase, as far as one can see without
    it. `sentence`: what it is, or why not. `passphrase`: what the vault needs first, NEW or KNOWN; empty:
    nothing. `trouble`: the code of the KeyringTrouble or VaultTrouble that makes it unusable, if it has one.
    """

    name: str
    usable: bool
    sentence: str
    passphrase: str = ""
    trouble: str = ""

    @property
    def unlockable(self) -> bool:
        """Whether all that it lacks is a password, or a passphrase, that somebody types."""
        return self.trouble in (("locked",) if self.name == KEYRING else BY_FILE)


def keyring_title(keyring: KeyringProcess) -> str:
    """Its name, with that of its backend once it is known."""
    return f"keyring ({keyring.backend})" if keyring.backend else KEYRING


async def keyring_choice(keyring: KeyringProcess | None) -> StoreChoice | None:
    """The keyring, proved by a dummy value; None where it is switched off."""
    if keyring is None:
        return None
    try:
        await keyring.probe()
    except KeyringTrouble as trouble:
        return StoreChoice(KEYRING, False, trouble.text, trouble=trouble.code)
    return StoreChoice(KEYRING, True, f"{keyring_title(keyring)}: stays on this server, encrypted")


async def vault_choice(vault: Unlocking | None) -> StoreChoice | None:
    """The vault, as far as it can be proved without asking for its passphrase; None where there is none."""
    if vault is None:
        return None
    where = f"vault: {vault.path}, encrypted with a passphrase"
    try:
        if not await vault.ready():
            return StoreChoice(VAULT, True, where, KNOWN)
        if await vault.state() is VaultState.ABSENT:
            return StoreChoice(VAULT, True, f"{where} of your choice", NEW)
        await vault.probe()
    except CredentialProblem as problem:
        code = problem.code if isinstance(problem, VaultTrouble) else ""
        return StoreChoice(VAULT, False, problem.text, trouble=code)
    return StoreChoice(VAULT, True, where)


class Unreadable(CredentialProblem):
    """An entry that is not ours, or from another version."""

    def __init__(self, account: str, store: str) -> None:
        super().__init__(
            f"{account}: the {store}'s entry is not readable: run `reportdash login {account}` again"
        )
        self.store = store


class Gone(CredentialProblem):
    """The store that was chosen works and does not have it: another program took it away, or it was kept for
    another vendor. `place`: the store in a sentence.
    """

    def __init__(self, account: str, vendor: str, store: str, place: str) -> None:
        super().__init__(
            f"{account}: there is no credential for {vendor} in the {place}, although a login kept it "
            f"there: run `reportdash login {account}` again"
        )
        self.store = store


SHORT = {
    "locked": "locked",
    "locked_elsewhere": "locked by its own program",
    "never_unlocked": "never unlocked",
    "mute": "does not answer",
    "stale": "changed by another session",
    "slow": "slow to start",
    "busy": "in use by another session",
    "damaged": "damaged",
    "absent": "gone",
    "newer": "of a newer reportdash",
    "wrong": "wrong passphrase",
    "unreadable": "its passphrase file is no good",
}
