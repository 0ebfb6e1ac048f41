"""What blocks, done beside the loop: name lookups and TLS set-up.

Daemon threads, not an executor: a lookup that hangs in the system's resolver must not hold up the exit,
and both asyncio's and the standard library's executors are joined there.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

T = TypeVar("T")
Infos: TypeAlias = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]]
Question: TypeAlias = tuple[asyncio.AbstractEventLoop, str, int, int, int]

MOST_LOOKUPS = 64
"""Name lookups that may hang at the same time, each in a thread of its own."""
_lookups: dict[Question, asyncio.Task[Infos]] = {}


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


async def look_up(host: str, port: int, family: int = socket.AF_UNSPEC, flags: int = 0) -> Infos:
    """The system's `getaddrinfo`. Raises OSError.

    Who asks what is being asked already waits for the same answer, however the first one ended: a name server
    that never answers takes one thread a name, not one a try.
    """
    question = (asyncio.get_running_loop(), host, port, int(family), int(flags))
    task = _lookups.get(question)
    if task is None:
        if len(_lookups) >= MOST_LOOKUPS:
            raise OSError("too many name lookups hang already")
        ask = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=flags)
        task = _lookups[question] = asyncio.ensure_future(aside(ask))
        task.add_done_callback(partial(_answered, question))
    return await asyncio.shield(task)


def looking_up(host: str) -> bool:
    """Whether the name server has been asked about `host` and has not answered yet."""
    return any(question[1] == host for question in _lookups)


def _answered(question: Question, task: asyncio.Task[Infos]) -> None:
    del _lookups[question]
    if not task.cancelled():
        task.exception()  # looked at, should nobody wait any more


class Resolver(AbstractResolver):
    """The system's own name lookup, for aiohttp."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of `host`. Raises OSError when the name is not known."""
        # getaddrinfo gives link-local scopes as a fourth member; they are written into the address.
        infos = await look_up(host, port, family, socket.AI_ADDRCONFIG)
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

    async def close(self) -> None:
        """Nothing is kept open."""
