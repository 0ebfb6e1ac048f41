"""The bare client for signed links: what leaves, where it follows, and what it leaves behind."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from reportdash.errors import BadPayload, Unreachable
from reportdash.net import storage
from reportdash.net.guard import AddressRefused, Guard
from tests.net.lying import Asked, Liar, Peer, always, bytes_then

HERE = Guard([], loopback=True)


async def fetch(url: str, guard: Guard = HERE, **headers: str) -> tuple[int, bytes]:
    async with storage.open(url, headers=headers, guard=guard) as stream:
        return stream.status, b"".join([chunk async for chunk in stream.raw()])


async def test_redirects_carry_no_cookie_no_credential_and_no_referer() -> None:
    async with Liar(always(200, b"file")) as second:

        async def first_script(asked: Asked, peer: Peer) -> None:
            if asked.path == "/one":
                headers = {"Location": "/two?sig=%7E", "Set-Cookie": "canary=1; Path=/"}
                await peer.answer(302, b"", headers)
            else:
                await peer.answer(307, b"", {"Location": f"{second.base}/x%2Cy?sig=%7E", "Set-Cookie": "b=2"})

        async with Liar(first_script) as first:
            status, body = await fetch(first.base + "/one", Range="bytes=5-")
            assert (status, body) == (200, b"file")
            assert [a.target for a in first.asked + second.asked] == [
                "/one",
                "/two?sig=%7E",
                "/x%2Cy?sig=%7E",
            ]
            for asked in first.asked + second.asked:
                assert set(asked.headers) == {"host", "user-agent", "accept", "accept-encoding", "range"}
            assert second.asked[0].headers["host"] == f"127.0.0.1:{second.port}"
            assert (first.connections, second.connections) == (2, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_a_place_that_is_not_allowed_is_not_followed(status: int) -> None:
    async with Liar(always(200, b"secret")) as inside:
        async with Liar(always(status, b"", {"Location": "https://169.254.169.254/latest"})) as liar:
            with pytest.raises(AddressRefused):
                await fetch(liar.base)

        async def resolver(host: str, port: int) -> Sequence[str]:
            return ["127.0.0.1"]

        strict = Guard(["*.amazonaws.com"], resolver=resolver)
        with pytest.raises(AddressRefused):
            await fetch(f"https://b.amazonaws.com:{inside.port}/", strict)
        assert inside.connections == 0


async def test_six_redirects_are_one_too_many() -> None:
    async with Liar(always(302, b"", {"Location": "/again"})) as liar:
        with pytest.raises(BadPayload, match="more than 5 times"):
            await fetch(liar.base)
        assert len(liar.asked) == 6


async def test_a_300_and_a_redirect_without_location_are_answers_not_redirects() -> None:
    for status, headers in ((300, {"Location": "/x"}), (302, {})):
        async with Liar(always(status, b"", headers)) as liar:
            assert (await fetch(liar.base))[0] == status
            assert len(liar.asked) == 1


async def test_the_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Liar(always(200, b"proxy")) as proxy, Liar(always(200, b"file")) as liar:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.base)
        monkeypatch.setenv("NO_PROXY", "")
        assert await fetch(liar.base) == (200, b"file")
        assert proxy.connections == 0


async def test_a_cut_body_is_told_apart_from_a_whole_one() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    async with Liar(bytes_then(answer)) as liar:
        with pytest.raises(Unreachable, match="cut"):
            await fetch(liar.base)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
    async with Liar(bytes_then(chunked)) as liar:
        with pytest.raises(Unreachable, match="cut"):
            await fetch(liar.base)


async def test_an_answer_that_is_no_http_is_a_network_trouble() -> None:
    for junk in (b"SSH-2.0-x\r\n", b"", b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 300_000):
        async with Liar(bytes_then(junk)) as liar:
            with pytest.raises(Unreachable):
                await fetch(liar.base + "/canary?sig=canary")


async def test_a_refused_connection_says_that_nothing_left() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable) as raised:
            await fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/canary")
    assert not raised.value.sent
    assert "canary" not in raised.value.text


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async with Liar(always(200, b"file")) as liar:

        async def resolver(host: str, port: int) -> Sequence[str]:
            return ["127.0.0.9", "127.0.0.1"]

        guard = Guard([], loopback=True, resolver=resolver)
        assert await fetch(f"http://localhost:{liar.port}/", guard) == (200, b"file")
        assert liar.asked[0].headers["host"] == f"localhost:{liar.port}"


async def test_no_log_line_holds_the_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Liar(always(302, b"", {"Location": "/next?sig=canary"})) as liar:
        with pytest.raises(BadPayload):
            await fetch(liar.base + "/x?sig=canary")
    assert "canary" not in caplog.text


async def test_the_certificate_is_checked_against_the_name_though_the_address_is_connected_to(
    tmp_path: Path,
) -> None:
    folder = await asyncio.to_thread(certificates, tmp_path, "files.example.org")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    seen: list[str | None] = []
    context.sni_callback = lambda _, name, __: seen.append(name)

    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async with Liar(always(200, b"file"), context) as liar:
        names = [f"files.example.org:{liar.port}", f"other.example.org:{liar.port}"]
        guard = Guard(names, allow_private=True, resolver=resolver)
        ca = str(folder / "cert.pem")
        async with storage.open(f"https://{names[0]}/x", headers={}, guard=guard, ca_file=ca) as stream:
            assert stream.status == 200
        assert liar.asked[0].headers["host"] == names[0]
        with pytest.raises(Unreachable):
            async with storage.open(f"https://{names[1]}/x", headers={}, guard=guard, ca_file=ca):
                pass
        with pytest.raises(Unreachable):
            async with storage.open(f"https://{names[0]}/x", headers={}, guard=guard):
                pass
        assert seen == ["files.example.org", "other.example.org", "files.example.org"]
        assert len(liar.asked) == 1


def certificates(folder: Path, name: str) -> Path:
    """A self-signed certificate for one name."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder
