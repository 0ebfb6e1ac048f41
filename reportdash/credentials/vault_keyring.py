"""The vault as a `keyring` backend: the operator's own scripts, and `keyring get`, open it by name.

    PYTHON_KEYRING_BACKEND=reportdash.credentials.vault_keyring.VaultKeyring

Never found by itself: it has no entry point and is taken from the list of backends. The passphrase comes from
REPORTDASH_VAULT_PASSPHRASE_FILE or systemd, else it is asked for on the terminal.
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import platformdirs
from keyring.backend import KeyringBackend
from keyring.compat import properties
from keyring.errors import KeyringError, KeyringLocked, PasswordDeleteError, PasswordSetError

from reportdash.credentials.handed import vault_passphrase
from reportdash.credentials.vault import FILE_NAME, Vault, VaultState, VaultTrouble
from reportdash.errors import CredentialProblem


class VaultKeyring(KeyringBackend):
    """`vault`: the one to open; by default the vault of this operator's data folder."""

    def __init__(self, vault: Vault | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._vault = vault

    @properties.classproperty
    def priority(cls) -> float:
        """Zero: below whatever else there is, for whoever lists backends."""
        return 0

    def get_password(self, service: str, username: str) -> str | None:
        """Raises KeyringLocked without the right passphrase, KeyringError for a vault that is no good."""
        vault = self._opened()
        try:
            return vault.get(service, username)
        except VaultTrouble as trouble:
            raise KeyringError(trouble.text) from None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Raises PasswordSetError; KeyringLocked without the right passphrase."""
        vault = self._opened()
        try:
            vault.set(service, username, password)
        except VaultTrouble as trouble:
            raise PasswordSetError(trouble.text) from None

    def delete_password(self, service: str, username: str) -> None:
        """Raises PasswordDeleteError, also where there is none; KeyringLocked without a passphrase."""
        vault = self._opened()
        try:
            found = vault.remove(service, username)
        except VaultTrouble as trouble:
            raise PasswordDeleteError(trouble.text) from None
        if not found:
            raise PasswordDeleteError("no such entry in the vault")

    def _opened(self) -> Vault:
        if self._vault is None:
            named = os.environ.get("REPORTDASH_DATA_DIR")
            folder = (
                Path(named).expanduser()
                if named
                else platformdirs.user_data_path("reportdash", appauthor=False)
            )
            self._vault = Vault(folder / FILE_NAME)
        try:
            if self._vault.state() is VaultState.LOCKED:
                passphrase = vault_passphrase(os.environ)
                if passphrase is None and sys.stdin.isatty():
                    passphrase = getpass.getpass("Passphrase of the vault: ", stream=sys.stderr)
                if passphrase is not None:
                    self._vault.unlock(passphrase)
        except CredentialProblem as problem:
            raise KeyringLocked(problem.text) from None
        return self._vault


# keyring lists every class that was ever defined, and takes the best of them: this one is taken by name only.
KeyringBackend._classes.discard(VaultKeyring)
