"""A server on loopback that does exactly what its script says, down to the byte; it knows no rules."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    """One request as it came over the wire. Header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass
class Peer:
    """The connection a script writes to."""

    writer: asyncio.StreamWriter
    ended: bool = field(default=False)

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(
        self, status: int = 200, body: bytes | Any = b"", headers: dict[str, str] | None = None
    ) -> None:
        """A correct answer; a body that is not bytes is sent as JSON."""
        lines = {"Content-Type": "application/json"}
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        lines |= {"Content-Length": str(len(body))} | (headers or {})
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await self.raw(f"HTTP/1.1 {status} Word\r\n{head}\r\n".encode("latin-1") + body)

    def reset(self) -> None:
        """Break the connection the hard way."""
        self.ended = True
        self.writer.transport.abort()

    def close(self) -> None:
        """End the connection in good order, whatever was promised."""
        self.ended = True
        self.writer.close()


Script = Callable[[Asked, Peer], Awaitable[None]]


class Liar:
    """`async with Liar(script) as liar`: `liar.base` is its address, `liar.asked` what came."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._context = context
        self.asked: list[Asked] = []
        self.connections = 0
        self.base = ""
        self.port = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Liar:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        self.base = f"http{'s' if self._context else ''}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        peer = Peer(writer)
        try:
            while not peer.ended:
                asked = await _read(reader)
                if asked is None:
                    break
                self.asked.append(asked)
                await self._script(asked, peer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body)


def always(status: int = 200, body: bytes | Any = b"", headers: dict[str, str] | None = None) -> Script:
    """The script that gives the same correct answer each time."""

    async def script(_: Asked, peer: Peer) -> None:
        await peer.answer(status, body, headers)

    return script


def bytes_then(data: bytes, end: str = "close") -> Script:
    """The script that writes `data` as it is, then `close`s, `reset`s or `stay`s."""

    async def script(_: Asked, peer: Peer) -> None:
        await peer.raw(data)
        if end == "close":
            peer.close()
        elif end == "reset":
            peer.reset()
        else:
            await asyncio.Event().wait()

    return script
