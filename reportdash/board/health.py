"""An account's health in words, the same on the screen and on the command line."""

from __future__ import annotations

from enum import StrEnum

from reportdash.board.states import HEALTH, HealthFace
from reportdash.board.units import clock_text, span
from reportdash.model import KEYRING_LOCKED, KEYRING_SHUT, NO_KEY, VAULT_LOCKED, Account, Health

FULL_FOR = 600.0
"""Seconds for which the vendor's word that all slots are taken is shown: a waiting submit asks more often."""


class KeyTrouble(StrEnum):
    """Why nobody can sign in to an account, as it is shown. All but REFUSED happen on this server."""

    NONE = NO_KEY
    VAULT = "vault locked"
    DAMAGED = "vault damaged"
    GONE = "vault gone"
    UNREAD = "vault not readable"
    KEYRING = "keyring locked"
    SHUT = "keyring not open"
    UNUSABLE = "no usable key"
    REFUSED = "key refused"

    @property
    def locked(self) -> bool:
        """Whether the key of the login asks for what unlocks the store."""
        return self in (KeyTrouble.VAULT, KeyTrouble.KEYRING)

    @property
    def login(self) -> str:
        """What the key of the login does about it, after the key's name."""
        return "unlocks" if self.locked else "log in"


_OF_VAULT = (
    (" is damaged ", KeyTrouble.DAMAGED),
    (" is gone: ", KeyTrouble.GONE),
    (" cannot be read ", KeyTrouble.UNREAD),
    (" is of a newer reportdash ", KeyTrouble.UNREAD),
)
"""How the sentences on a vault are told apart that is no use as it is."""
BROKEN = frozenset(trouble for _, trouble in _OF_VAULT)
"""What a whole copy of the vault's file mends."""


def key_trouble(account: Account, said: str | None = None) -> KeyTrouble:
    """What is wrong with an account's key: by its row, where nobody can sign in, and a vendor's words are not
    taken for ours there; else by what was `said` when a call failed."""
    if account.health is not Health.AUTH_FAILED:
        return trouble_said(account.name, said)
    if not account.keyless:
        return KeyTrouble.REFUSED
    found = trouble_said(account.name, account.message)
    return KeyTrouble.UNUSABLE if found is KeyTrouble.REFUSED else found


def trouble_said(account: str, sentence: str | None) -> KeyTrouble:
    """The same by words alone, where no row tells whose they are: our sentences are known by how they begin,
    everything else is the vendor's."""
    said = sentence or ""
    if said == NO_KEY or said.startswith("no credential for "):
        return KeyTrouble.NONE
    if said.startswith(VAULT_LOCKED):
        return KeyTrouble.VAULT
    if said.startswith(KEYRING_LOCKED):
        return KeyTrouble.KEYRING
    if said.startswith(KEYRING_SHUT):
        return KeyTrouble.SHUT
    if said.startswith("the vault "):
        return next((trouble for words, trouble in _OF_VAULT if words in said), KeyTrouble.UNUSABLE)
    ours = (f"{account}: ", "the keyring ", "REPORTDASH_", "the systemd credential ")
    if said.startswith(ours) or "keyring" in said:
        return KeyTrouble.UNUSABLE
    return KeyTrouble.REFUSED


def face_of(account: Account) -> HealthFace:
    """How an account's health looks in the strip; where its key is the trouble, with the word for that."""
    face = HEALTH[account.shown]
    if account.shown is not Health.AUTH_FAILED:
        return face
    return face._replace(word=str(key_trouble(account)))


def slots_full(account: Account, now: float) -> bool:
    """Whether the vendor said of late that every slot is taken, though we counted fewer."""
    return account.slots_full_at is not None and now - account.slots_full_at < FULL_FOR


def health_words(account: Account, now: float, *, next_try: bool = True) -> str:
    """`throttled until 14:33`, `unreachable since 14:02, next try 14:07`, `vault locked`, `ok`,
    `not asked yet`.

    The next try is told while it lies ahead, and only if `next_try`.
    """
    match account.shown:
        case Health.OK:
            # `ok` is the vendor's answer, not ours.
            return "ok" if account.accepted_at is not None else "not asked yet"
        case Health.THROTTLED if account.until is not None:
            return f"throttled until {clock_text(account.until, now)}"
        case Health.UNREACHABLE if account.since is not None:
            words = f"unreachable since {clock_text(account.since, now)}"
            if next_try and account.until is not None and account.until > now:
                words += f", next try {clock_text(account.until, now)}"
            return words
    return face_of(account).word


def refused_now(account: Account) -> bool:
    """Whether the vendor's refusal of the key is how things are; a key that is missing or locked away it
    never saw."""
    return account.health is Health.AUTH_FAILED and not account.keyless


def last_refusal(account: Account, now: float) -> str:
    """`last refused 3h ago: invalid_client`, of a refusal that is over; else empty."""
    if account.refused_at is None or refused_now(account):
        return ""
    ago = span(now - account.refused_at)
    said = f": {account.refusal}" if account.refusal else ""
    return f"last refused {'just now' if ago == 'now' else f'{ago} ago'}{said}"
