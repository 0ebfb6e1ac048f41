"""Where credentials come from and where they are kept. Nothing here writes a secret to an argv or a log, and
to a file in plain text only where an operator typed that it shall."""

from __future__ import annotations

from reportdash.credentials.chain import Chain
from reportdash.credentials.choices import StoreChoice
from reportdash.credentials.keyring_process import KeyringProcess, KeyringTrouble
from reportdash.credentials.values import variable
from reportdash.credentials.vault import VaultState, VaultTrouble

__all__ = [
    "Chain",
    "KeyringProcess",
    "KeyringTrouble",
    "StoreChoice",
    "VaultState",
    "VaultTrouble",
    "variable",
]
