"""Calls given up at every turn of the loop: no connection, descriptor or task is left, the pool serves on.

`REPORTDASH_CANCELS` is the number of calls that are cancelled: a few hundred each day, 100000 by hand.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reportdash.errors import Unreachable
from reportdash.net.client import Client
from reportdash.net.http import Request
from tests.faults.clients import client_at
from tests.net.lying import Asked, Liar, Peer
from tests.net.test_tls import Authority

CANCELS = int(os.environ.get("REPORTDASH_CANCELS", "600"))
AT_ONCE = 8
FULL = 64
BODY = b"x" * 150_000
CALLS = {
    "kept": Request("GET", "/kept", public=True),
    "closed": Request("GET", "/closed", public=True),  # each call connects anew
    "chunked": Request("GET", "/chunked", public=True),
    "dripped": Request("GET", "/dripped", public=True),
    "large": Request("GET", "/large", public=True),
    "upload": Request("POST", "/upload", json={"much": BODY.decode()}, public=True),
    "cut": Request("POST", "/cut", public=True),
}


async def script(asked: Asked, peer: Peer) -> None:
    """Answers in many small steps, so that a call takes many turns."""
    match asked.path:
        case "/closed":
            await peer.answer(200, {}, {"Connection": "close"})
            peer.close()
        case "/chunked":
            await peer.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(4):
                await asyncio.sleep(0)
                await peer.raw(b"3\r\nabc\r\n")
            await peer.raw(b"0\r\n\r\n")
        case "/dripped":
            for part in (b"HTTP/1.1 200 O", b"K\r\nContent-", b"Length: 4\r\n", b"\r\n", b"ab", b"cd"):
                await peer.raw(part)
                await asyncio.sleep(0)
        case "/large":
            await peer.answer(200, BODY)
        case "/cut":
            await peer.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            peer.close()
        case _:
            await peer.answer(200, {})


def connector(client: Client) -> aiohttp.TCPConnector:
    session = client._wire._session
    assert session is not None
    assert isinstance(session.connector, aiohttp.TCPConnector)
    return session.connector


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def turns(client: Client, request: Request) -> int:
    """How many turns of the loop this call takes."""
    call = asyncio.ensure_future(client.send(request))
    count = 0
    while not call.done():
        await asyncio.sleep(0)
        count += 1
    if call.exception() is not None:
        assert isinstance(call.exception(), Unreachable)
    return count


async def churn(client: Client, moments: Iterator[tuple[Request, int]], cancels: Iterator[int]) -> None:
    """Begin calls and give each up at its moment."""
    for _ in cancels:
        request, turn = next(moments)
        call = asyncio.ensure_future(client.send(request))
        for _ in range(turn):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait({call})
        if not call.cancelled() and call.exception() is not None:
            assert isinstance(call.exception(), Unreachable)


@pytest.fixture(params=["http", "https"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ssl.SSLContext | None, str | None]:
    """What the server speaks, and the CA file it takes."""
    if request.param == "http":
        return None, None
    authority = Authority(tmp_path)
    return authority.server(), str(authority.file)


async def test_no_call_given_up_at_whatever_turn_costs_the_pool_anything(
    context: tuple[ssl.SSLContext | None, str | None],
) -> None:
    loop, strange = asyncio.get_running_loop(), list[Any]()
    loop.set_exception_handler(lambda _, what: strange.append(what))
    server, ca_file = context
    full = asyncio.Barrier(FULL)

    async def serve(asked: Asked, peer: Peer) -> None:
        if asked.path == "/together":
            await full.wait()
        await script(asked, peer)

    fds, tasks = open_files(), asyncio.all_tasks()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        async with Liar(serve, server) as liar, client_at(liar.base, ca_file=ca_file) as client:
            every = [
                (request, turn)
                for request in CALLS.values()
                for turn in range(max(await turns(client, request), await turns(client, request)) + 2)
            ]
            moments, cancels = itertools.cycle(every), iter(range(CANCELS))
            await asyncio.gather(*(churn(client, moments, cancels) for _ in range(AT_ONCE)))
            # All of them at the same time, each on a connection of its own: no place is lost.
            together = Request("GET", "/together", public=True)
            replies = await asyncio.gather(*(client.send(together) for _ in range(FULL)))
            assert {reply.status for reply in replies} == {200}
            assert not connector(client)._acquired
            assert sum(map(len, connector(client)._conns.values())) <= FULL
        for _ in range(50):
            await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0)
    assert not asyncio.all_tasks() - tasks
    assert open_files() <= fds
    assert not [str(one.message) for one in warned if "nclosed" in str(one.message)]
    assert not strange
