"""Keyrings that need no system: one that this session cannot reach, and one in memory; and a swift vault."""

from __future__ import annotations

from typing import NoReturn

from reportdash.credentials import KeyringProcess, KeyringTrouble
from reportdash.credentials.vault import Cost

CHEAP = Cost(memory=64, iterations=1, lanes=1)
PASSPHRASE = "seven blue herons"


class Absent(KeyringProcess):
    """A keyring that this session cannot reach, as over SSH without D-Bus."""

    async def find(self, service: str, user: str) -> str | None:
        self._fail()

    async def probe(self) -> str:
        self._fail()

    async def keep(self, service: str, user: str, value: str) -> None:
        self._fail()

    async def remove(self, service: str, user: str) -> bool:
        self._fail()

    def _fail(self) -> NoReturn:
        raise KeyringTrouble("no_bus", "no keyring can be reached: this session has no D-Bus")


class Kept(KeyringProcess):
    """A keyring that works, in memory."""

    def __init__(self) -> None:
        super().__init__({})
        self.values: dict[tuple[str, str], str] = {}
        self.backend = "SecretService"

    async def probe(self) -> str:
        return "SecretService"

    async def find(self, service: str, user: str) -> str | None:
        return self.values.get((service, user))

    async def keep(self, service: str, user: str, value: str) -> None:
        self.values[service, user] = value

    async def remove(self, service: str, user: str) -> bool:
        return self.values.pop((service, user), None) is not None
