"""What can go wrong on the way: faults to inject for the nth request, or to put into a job's script.

A fault is a `Reply` (sent instead of the real answer) or an awaitable function of the request and `serve`,
which asks the vendor for its real answer. A result of None drops the connection with a TCP reset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from reportdash.simulator.wire import Reply, Request

Serve = Callable[[], Awaitable[Reply | None]]
Sleep = Callable[[float], Awaitable[None]]
Fault = Reply | Callable[[Request, Serve], Awaitable[Reply | None]]


@dataclass
class Reset:
    """The connection is reset before the vendor does anything."""

    async def __call__(self, request: Request, serve: Serve) -> Reply | None:
        return None


@dataclass
class Lost:
    """The vendor does what was asked, but its answer is lost: the connection is reset."""

    async def __call__(self, request: Request, serve: Serve) -> Reply | None:
        await serve()
        return None


@dataclass
class Slow:
    """The answer comes `seconds` late, or `within` it the second half of its body. `sleep` waits."""

    seconds: float
    within: bool = False
    sleep: Sleep = field(default=asyncio.sleep, repr=False)

    async def __call__(self, request: Request, serve: Serve) -> Reply | None:
        if not self.within:
            await self.sleep(self.seconds)
        reply = await serve()
        return replace(reply, pause=self.seconds) if reply is not None and self.within else reply


@dataclass
class Cut:
    """The real answer, closed after `after` body bytes (None: a `share`); its full length was announced."""

    after: int | None = None
    share: float = 0.5

    async def __call__(self, request: Request, serve: Serve) -> Reply | None:
        reply = await serve()
        if reply is None or not reply.length:
            return reply
        return replace(reply, cut=int(reply.length * self.share) if self.after is None else self.after)


@dataclass
class Half:
    """The vendor does what was asked; the first half of its body comes back as if it were whole.

    A report is halved only where it is JSON: half a table is a table, and nobody could tell.
    """

    async def __call__(self, request: Request, serve: Serve) -> Reply | None:
        reply = await serve()
        if reply is None or reply.stream is None:
            return reply and replace(reply, body=reply.body[: len(reply.body) // 2])
        content, start, stop = reply.stream
        if "json" not in content.media_type:
            return reply
        return replace(reply, stream=(content, start, start + (stop - start) // 2))


@dataclass
class Hang:
    """Nothing comes back until `release()`; `arrived` is set once a request waits.

    With `act` the vendor does what was asked before it falls silent.
    """

    act: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _go: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: Request, serve: Serve) -> Reply | None:
        reply = await serve() if self.act else None
        self.arrived.set()
        await self._go.wait()
        return reply if self.act else await serve()

    def release(self) -> None:
        self._go.set()


@dataclass
class Rule:
    """`fault` for the `nth` to `nth + times - 1` request that matches; `times` None is for ever."""

    vendor: str
    fault: Any
    method: str | None = None
    path: str | None = None
    nth: int = 1
    times: int | None = 1
    seen: int = 0

    def takes(self, request: Request) -> bool:
        if request.vendor != self.vendor or self.method not in (None, request.method):
            return False
        if self.path is not None and not (
            fnmatchcase(request.path, self.path) or fnmatchcase(request.raw, self.path)
        ):
            return False
        self.seen += 1
        return self.nth <= self.seen and (self.times is None or self.seen < self.nth + self.times)


def is_fault(value: Any) -> bool:
    return isinstance(value, Reply) or callable(value)
