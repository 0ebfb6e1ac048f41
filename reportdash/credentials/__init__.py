"""Where credentials come from and where they are kept. Nothing here writes a secret to a file or an argv."""

from __future__ import annotations

from reportdash.credentials.chain import Chain, StoreChoice
from reportdash.credentials.keyring_process import KeyringProcess, KeyringTrouble
from reportdash.credentials.values import variable

__all__ = ["Chain", "KeyringProcess", "KeyringTrouble", "StoreChoice", "variable"]
