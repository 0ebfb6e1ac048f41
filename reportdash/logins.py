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


ON_THE_SCREEN = (
    "unlock it on the screen (l), or, for a run without one, name a file that holds its passphrase in "
    "REPORTDASH_VAULT_PASSPHRASE_FILE"
)
IN_A_SHELL = (
    "give its passphrase to a command that asks for it on a terminal, or name a file that holds it in "
    "REPORTDASH_VAULT_PASSPHRASE_FILE"
)
"""What opens a locked vault, by who says it."""
NO_KEYRING_NEEDED = (
    "or keep the key in the vault (`reportdash login ACCOUNT --store vault`) or in the environment "
    "(REPORTDASH_SECRET__<ACCOUNT>__<FIELD>)"
)
"""What ends each sentence on a keyring that is no use; the login form leaves it away, which offers both."""


def in_a_shell(text: str) -> str:
    """`text` of an account as a command says it: with what a command can do in place of the screen's keys."""
    return text.replace(ON_THE_SCREEN, IN_A_SHELL)


class Outside(NamedTuple):
    """What goes before every store. `away`: how to end it; empty: unset the variables, with `suffix`.

    `mend`: how to change what it hands in, of the fields `{}` in its own words for them.
    """

    source: str
    away: str = ""
    suffix: str = ""
    mend: str = "set {} to the right one"

    def end(self, variables: Sequence[str]) -> str:
        """What to do about it; `variables`: those that could carry the credential."""
        return self.away or f"unset {' and '.join(name + self.suffix for name in variables)}"

    def change(self, variables: Sequence[str]) -> str:
        """How another credential is handed in, because no login goes before it; `variables`: as above."""
        names = " and ".join(name + self.suffix for name in variables)
        return f"the key comes from {self.source}, which goes before any login: {self.mend.format(names)}"


_OUTSIDE = {
    ENVIRONMENT: Outside("the environment"),
    INCOMPLETE: Outside("the environment"),
    ENVIRONMENT_FILE: Outside(
        "a file from the environment", suffix="__FILE", mend="write the right one into what {} names"
    ),
    SYSTEMD: Outside(
        "systemd", "take it out of the unit", mend="change the credential in the unit, and restart it"
    ),
    COMMAND: Outside("its credential_command", "take it out of the config", mend="change what that prints"),
}
_OUTSIDE["command"] = _OUTSIDE[COMMAND]  # as a credential says it


def outside(where: str) -> Outside | None:
    """What hands a credential in from outside, where `where` (`Chain.where`, `Credential.source`) names it;
    None: a store."""
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
