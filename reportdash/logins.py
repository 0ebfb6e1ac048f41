"""What the command line and the screen say alike of a login: stores, what goes before them, a No's words.

Below both and below `credentials`, so that a dialog which names a store brings no cryptography.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reportdash.errors import AuthFailed, CallFailed, NoCredential, Throttled, Unreachable, VendorRefused
from reportdash.plain import clean

KEYRING = "keyring"
VAULT = "vault"
PLAINTEXT = "plaintext"
MEMORY = "memory"
NEW, KNOWN = "new", "known"
"""What the vault may need first (`StoreChoice.passphrase`): one that is chosen now, or the one it has."""
ENVIRONMENT = "environment"
INCOMPLETE = "environment, incomplete"
ENVIRONMENT_FILE = "environment, a file"
SYSTEMD = "systemd credential"
COMMAND = "credential_command"
NOWHERE = "none"
"""What `Chain.where` says of an account that has no credential."""
UNKNOWN = "unknown: "
"""What begins `Chain.where` for a store that cannot be looked into."""


class Outside(NamedTuple):
    """What goes before every store. `away`: how to end it; empty: unset the variables, with `suffix`."""

    source: str
    away: str = ""
    suffix: str = ""

    def end(self, variables: Sequence[str]) -> str:
        """What to do about it; `variables`: those that could carry the credential."""
        return self.away or f"unset {' and '.join(name + self.suffix for name in variables)}"


_OUTSIDE = {
    ENVIRONMENT: Outside("the environment"),
    INCOMPLETE: Outside("the environment"),
    ENVIRONMENT_FILE: Outside("a file from the environment", suffix="__FILE"),
    SYSTEMD: Outside("systemd", "take it out of the unit"),
    COMMAND: Outside("its credential_command", "take it out of the config"),
}


def outside(where: str) -> Outside | None:
    """What hands a credential in from outside, where `where` (`Chain.where`) names it; None: a store."""
    return _OUTSIDE.get(where)


def is_refused(error: CallFailed) -> bool:
    """Whether it is the credential that was not taken; else nothing is known of it."""
    return isinstance(error, AuthFailed | NoCredential)


def refusal(error: CallFailed, title: str) -> str:
    """Why a sign-in came to nothing, in the vendor's words."""
    said = clean(error.text, 300).rstrip(".")
    match error:
        case AuthFailed() | NoCredential():
            return f"{title} refused the key: {said}"
        case Unreachable():
            return f"{title} can not be reached: {said}"
        case Throttled():
            return f"{title} takes no sign-in just now: {said}"
        case VendorRefused():
            return f"{title} said no: {said}"
    return f"{title}'s answer was not understood: {said}"
