"""Answers that are late, cut, too large, disguised or no HTTP at all; and whether anything had left."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import aiohttp
import pytest

from reportdash.errors import BadPayload, Unreachable
from reportdash.net import wire
from reportdash.net.client import Client
from reportdash.net.http import Request
from tests.net.conftest import MakeKit
from tests.net.lying import Asked, Liar, Peer, Script, always, bytes_then

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def get(**more: Any) -> Request:
    return Request("GET", "/secret-path", query={"q": "secret-query"}, public=True, **more)


def taken(client: Client) -> int:
    """How many connections are in use."""
    session = client._wire._session
    assert session is not None
    assert isinstance(session.connector, aiohttp.TCPConnector)
    return len(session.connector._acquired)


async def fails(kit: MakeKit, script: Script, request: Request | None = None) -> BaseException:
    """What a call to this server ends with; its text must name the server and nothing of the request."""
    async with Liar(script) as liar:
        client = kit(liar.base).client
        with pytest.raises((Unreachable, BadPayload)) as caught:
            await client.send(request or get())
        text = str(caught.value)
        assert f"127.0.0.1:{liar.port}" in text
        assert "secret" not in text
        assert client.last_error == text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("encoding", ["gzip", "br", "x-unknown", "identity, gzip"])
async def test_an_unasked_encoding_is_refused(kit: MakeKit, encoding: str) -> None:
    error = await fails(kit, always(200, {}, {"Content-Encoding": encoding}))
    assert isinstance(error, BadPayload)


async def test_identity_named_as_encoding_is_fine(kit: MakeKit) -> None:
    async with Liar(always(200, {"a": 1}, {"Content-Encoding": "identity"})) as liar:
        assert (await kit(liar.base).client.send(get())).object() == {"a": 1}


async def test_an_announced_size_over_the_cap_is_refused_unread(kit: MakeKit) -> None:
    error = await fails(kit, bytes_then(HEAD + b"Content-Length: 1001\r\n\r\n", "stay"), get(cap=1000))
    assert isinstance(error, BadPayload)
    assert "1000 bytes" in str(error)


async def test_an_endless_body_ends_at_the_cap(kit: MakeKit) -> None:
    sent = 0

    async def script(_: Asked, peer: Peer) -> None:
        nonlocal sent
        await peer.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            await peer.raw(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            sent += 0x4000

    error = await fails(kit, script, get(cap=100_000))
    assert isinstance(error, BadPayload)
    assert sent < 50_000_000


async def test_a_refused_answer_gives_its_connection_back_at_once(kit: MakeKit) -> None:
    async with Liar(bytes_then(HEAD + b"Content-Length: 1001\r\n\r\n", "stay")) as liar:
        client = kit(liar.base).client
        with pytest.raises(BadPayload) as caught:
            await client.send(get(cap=1000))
        assert taken(client) == 0
        del caught  # its frames would have kept the answer alive until here


async def test_a_body_of_exactly_the_cap_is_read(kit: MakeKit) -> None:
    async with Liar(always(200, b"x" * 70_000)) as liar:
        assert len((await kit(liar.base).client.send(get(cap=70_000))).body) == 70_000


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize(
    "data",
    [
        HEAD + b'Content-Length: 50\r\n\r\n{"data": ',
        HEAD + b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"data": \r\n',
        HEAD[:30],
        b"",
    ],
)
async def test_a_cut_answer_is_no_answer(kit: MakeKit, data: bytes, end: str) -> None:
    error = await fails(kit, bytes_then(data, end))
    assert isinstance(error, Unreachable)
    assert error.sent


async def test_half_json_that_claims_to_be_whole_is_unreadable(kit: MakeKit) -> None:
    async with Liar(always(200, b'{"result": true, "data": "comp')) as liar:
        reply = await kit(liar.base).client.send(get())
    with pytest.raises(BadPayload, match=r'HTTP 200, application/json, 30 bytes: \{"result'):
        reply.object()


async def test_an_html_page_is_named_for_what_it_is(kit: MakeKit) -> None:
    async with Liar(always(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"})) as liar:
        reply = await kit(liar.base).client.send(get())
    with pytest.raises(BadPayload, match=r"HTTP 502, text/html, 24 bytes: <html>Bad gateway") as caught:
        reply.object()
    assert caught.value.status == 502


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/9.9 abc\r\n\r\n", b"\x00\x01\x02\r\n\r\n"]
)
async def test_what_is_no_http_is_unreadable(kit: MakeKit, data: bytes) -> None:
    assert isinstance(await fails(kit, bytes_then(data)), BadPayload)


async def test_a_header_without_end_is_refused(kit: MakeKit) -> None:
    async def script(_: Asked, peer: Peer) -> None:
        await peer.raw(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            await peer.raw(b"y" * 10_000)

    assert isinstance(await fails(kit, script), BadPayload | Unreachable)


def drip(start: bytes, piece: bytes) -> Script:
    async def script(_: Asked, peer: Peer) -> None:
        await peer.raw(start)
        while True:
            await peer.raw(piece)
            await asyncio.sleep(0.02)

    return script


@pytest.mark.parametrize(
    "script",
    [
        drip(HEAD + b"Content-Length: 100000\r\n\r\n", b"x"),
        drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"y"),
        bytes_then(b"", "stay"),
        bytes_then(HEAD + b"Content-Length: 9\r\n\r\n{", "stay"),
    ],
    ids=["length", "chunks", "headers", "silence", "stall"],
)
async def test_the_deadline_holds_however_the_answer_trickles(kit: MakeKit, script: Script) -> None:
    error = await fails(kit, script, get(timeout=0.3))
    assert isinstance(error, Unreachable)
    assert error.sent
    assert "within 0.3 s" in error.text


@pytest.mark.parametrize("start", [b"", b"{"])
async def test_a_body_that_stalls_is_given_up_before_a_long_deadline(
    kit: MakeKit, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr(wire, "IDLE", 0.1)
    script = bytes_then(HEAD + b"Content-Length: 9\r\n\r\n" + start, "stay")
    error = await fails(kit, script, get(timeout=3600))
    assert isinstance(error, Unreachable)
    assert "fell silent" in str(error)


async def test_a_refused_connection_sent_nothing(kit: MakeKit) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match=rf"127.0.0.1:{port} refuses connections") as caught:
        await kit(f"http://127.0.0.1:{port}").client.send(get())
    assert not caught.value.sent
    assert caught.value.__context__ is None


async def test_an_unknown_name_sent_nothing(kit: MakeKit, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    client = kit("http://api.example.org", allow_insecure=True).client
    with pytest.raises(Unreachable, match=r"the name api\.example\.org is not known") as caught:
        await client.send(get())
    assert not caught.value.sent


async def test_a_mute_name_server_sent_nothing_and_holds_nobody(
    kit: MakeKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def mute(*_: Any, **__: Any) -> Any:
        release.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")

    monkeypatch.setattr(socket, "getaddrinfo", mute)
    client = kit("http://api.example.org", allow_insecure=True).client
    ends = []
    for _ in range(3):
        calls = [client.send(get(timeout=0.5)) for _ in range(10)]
        ends += await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(e, Unreachable) and not e.sent for e in ends)
    asking = [t for t in threading.enumerate() if t.name == "reportdash-aside"]
    assert len(asking) == 1  # one lookup for all of them
    assert all(t.daemon for t in asking)  # and the exit does not wait for it
    release.set()


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
@pytest.mark.parametrize("end", ["close", "reset"])
async def test_what_acts_is_never_sent_twice_by_the_library(kit: MakeKit, method: str, end: str) -> None:
    async with Liar(bytes_then(b"", end)) as liar:
        with pytest.raises(Unreachable) as caught:
            await kit(liar.base).client.send(Request(method, "/Report", public=True))
        assert caught.value.sent
        assert len(liar.asked) == 1


async def test_an_idle_connection_the_vendor_closed_costs_a_get_nothing(kit: MakeKit) -> None:
    async def script(_: Asked, peer: Peer) -> None:
        if liar.connections == 1 and len(liar.asked) == 2:
            peer.close()  # the second request arrives on a connection that ends unanswered
        else:
            await peer.answer(200, {})

    async with Liar(script) as liar:
        client = kit(liar.base).client
        await client.send(get())
        assert (await client.send(get())).status == 200
        assert liar.connections == 2


async def test_a_header_that_cannot_be_written_is_told_without_it(kit: MakeKit) -> None:
    async with Liar(always(200, {})) as liar:
        client = kit(liar.base).client
        for bad in ("geheim\r\nX: y", "geheim\x00", "geheim€"):
            with pytest.raises(Unreachable) as caught:
                await client.send(get(headers={"Authorization": bad}))
            assert "geheim" not in str(caught.value)
            assert not caught.value.sent
            assert caught.value.__context__ is None
        assert not liar.asked
