"""A vendor that answers every status call at once: as little work as can be, in a process of its own.

Run as `python -m tests.bench.server`: prints its port, ends when its stdin closes.
"""

from __future__ import annotations

import asyncio
import sys

BODY = b'{"result":false,"message":"Still generating.","recordCount":0,"data":"incomplete"}'
TOKEN = b'{"accessToken":"bench-token","refreshToken":"bench-refresh"}'


def _answer(body: bytes) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nDate: Mon, 16 Nov 2026 12:00:00 GMT\r\n"
        "Connection: keep-alive\r\n\r\n"
    )
    return head.encode() + body


class Peer(asyncio.Protocol):
    """One connection: each request head (and body, by its length) gets the answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._out = transport
        self._came = b""

    def data_received(self, data: bytes) -> None:
        self._came += data
        while (end := self._came.find(b"\r\n\r\n")) >= 0:
            head = self._came[:end].lower()
            length = 0
            at = head.find(b"content-length:")
            if at >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._came) < end + 4 + length:
                return
            self._came = self._came[end + 4 + length :]
            self._out.write(_answer(TOKEN if head.startswith(b"post /user/") else BODY))


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Peer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)  # nothing is ever written to it: readable means closed
    await ended.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
