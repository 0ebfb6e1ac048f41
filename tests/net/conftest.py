"""An account's client with a vendor that signs by header, and what it was asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from reportdash.clock import Clock, SystemClock
from reportdash.errors import AuthFailed
from reportdash.model import Credential, Exchange
from reportdash.net.client import Client, Sender
from reportdash.net.http import Reply, Request, Session
from reportdash.net.pacing import Pacer

CREDENTIAL = {"username": "operator", "password": "s3cret-word"}


@dataclass
class Vendor:
    """Signs in at /login with the credential, at /refresh with the old session."""

    lifetime: float | None = None
    sign_ins: int = 0
    refreshes: int = 0
    at_once: int = 0
    most_at_once: int = 0

    async def sign_in(self, credential: Credential, old: Session | None, bare: Sender) -> Session:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if old is not None:
                self.refreshes += 1
                reply = await bare.send(Request("POST", "/refresh", json={"refreshToken": old.refresh}))
            else:
                self.sign_ins += 1
                reply = await bare.send(Request("POST", "/login", json=dict(credential.fields)))
        finally:
            self.at_once -= 1
        if reply.status != 200:
            raise AuthFailed(reply.object()["message"], status=reply.status)
        data = reply.object()
        return Session(data["accessToken"], data.get("refreshToken"), lifetime=self.lifetime)

    def sign(self, request: Request, session: Session) -> Request:
        return replace(request, headers={**request.headers, "Authorization": session.token})

    def refused(self, reply: Reply) -> bool:
        return reply.status in (401, 403)


@dataclass
class Kit:
    """A client, its vendor, its credential and the exchanges it kept."""

    client: Client
    vendor: Vendor
    fields: dict[str, str] = field(
        default_factory=lambda: {"username": "operator", "password": "s3cret-word"}
    )
    kept: list[tuple[str, Exchange]] = field(default_factory=list)
    has_credential: bool = True


MakeKit = Callable[..., Kit]


@pytest.fixture
async def kit() -> AsyncIterator[MakeKit]:
    """`kit(base_url, **of the client)` makes a Kit; its client is closed at the end."""
    made: list[Kit] = []

    def make(
        base_url: str,
        *,
        clock: Clock | None = None,
        vendor: Vendor | None = None,
        credential: Callable[[], Awaitable[Credential | None]] | None = None,
        **more: Any,
    ) -> Kit:
        clock = clock or SystemClock()

        async def ask() -> Credential | None:
            fields: Mapping[str, str] = dict(new.fields)
            return Credential(fields, None, "memory") if new.has_credential else None

        client = Client(
            account="main",
            base_url=base_url,
            credential=credential or ask,
            trace=lambda job, exchange: new.kept.append((job, exchange)),
            clock=clock,
            **({"pacer": Pacer(clock, rate=1e6, burst=10_000)} | more),
        )
        new = Kit(client, vendor or Vendor())
        client.bind(new.vendor)
        made.append(new)
        return new

    yield make
    for each in made:
        await each.client.aclose()
