"""What blocks, done beside the loop: name lookups and TLS set-up.

Daemon threads, not an executor: a lookup that hangs in the system's resolver must not hold up the exit,
and both asyncio's and the standard library's executors are joined there.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """Run `work` in a daemon thread of its own and wait for it; cancelling leaves the thread to itself."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def report(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as caught:  # handed to the waiter, whatever it is
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop ended meanwhile; nobody waits
            loop.call_soon_threadsafe(report, result, error)

    threading.Thread(target=run, name="reportdash-aside", daemon=True).start()
    return await future


class Resolver(AbstractResolver):
    """The system's own name lookup, for aiohttp; which shares one lookup among all who wait for a name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of `host`. Raises OSError when the name is not known."""
        return await aside(lambda: _look_up(host, port, family))

    async def close(self) -> None:
        """Nothing is kept open."""


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    # getaddrinfo gives link-local scopes as a fourth member; they are written into the address.
    infos = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    found = []
    for kind, _, proto, _, address in infos:
        where = str(address[0])
        if kind == socket.AF_INET6 and len(address) > 3 and address[3] and "%" not in where:
            where = f"{where}%{address[3]}"
        found.append(
            ResolveResult(
                hostname=host,
                host=where,
                port=int(address[1]),
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
        )
    if not found:
        raise OSError(f"no address for {host}")
    return found
