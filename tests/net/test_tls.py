"""TLS: 1.2 at least, the right name, a CA one trusts; and the right sentence for each that is not."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reportdash.errors import Unreachable
from reportdash.net import tls
from reportdash.net.http import Request
from tests.net.conftest import MakeKit
from tests.net.lying import Liar, always

GET = Request("POST", "/x", public=True)


class Authority:
    """A CA of our own that writes certificates for 127.0.0.1, or what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.cert = self._write(self.name, self.name, self.key, self.key, ca=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))

    def server(self, *, host: str = "127.0.0.1", days: tuple[int, int] = (-1, 30)) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        cert = self._write(subject, self.name, key, self.key, host=host, days=days)
        path = self.folder / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + cert.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _write(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        signer: ec.EllipticCurvePrivateKey,
        *,
        ca: bool = False,
        host: str | None = None,
        days: tuple[int, int] = (-1, 30),
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + dt.timedelta(days=days[0]))
            .not_valid_after(now + dt.timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if host is not None:
            name: x509.GeneralName = x509.DNSName(host)
            if host[0].isdigit():
                name = x509.IPAddress(ip_address(host))
            builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        return builder.sign(signer, hashes.SHA256())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def refused(kit: MakeKit, context: ssl.SSLContext, ca_file: str | None) -> str:
    async with Liar(always(200, {}), context) as liar:
        with pytest.raises(Unreachable) as caught:
            await kit(liar.base, ca_file=ca_file).client.send(GET)
        assert not caught.value.sent
        assert not liar.asked
        assert f"127.0.0.1:{liar.port}" in caught.value.text
    return caught.value.text


async def test_a_private_ca_works_once_it_is_named(kit: MakeKit, authority: Authority) -> None:
    async with Liar(always(200, {"ok": 1}), authority.server()) as liar:
        reply = await kit(liar.base, ca_file=str(authority.file)).client.send(GET)
    assert reply.object() == {"ok": 1}


async def test_a_ca_that_is_not_trusted_says_what_to_set(kit: MakeKit, authority: Authority) -> None:
    text = await refused(kit, authority.server(), None)
    assert "a CA this server does not trust" in text
    assert "ca_file" in text


async def test_a_wrong_name_is_told(kit: MakeKit, authority: Authority) -> None:
    text = await refused(kit, authority.server(host="127.0.0.9"), str(authority.file))
    assert "belongs to another name" in text


async def test_an_expired_certificate_is_told(kit: MakeKit, authority: Authority) -> None:
    text = await refused(kit, authority.server(days=(-30, -1)), str(authority.file))
    assert "has expired" in text


async def test_a_certificate_of_the_future_points_to_the_clock(kit: MakeKit, authority: Authority) -> None:
    text = await refused(kit, authority.server(days=(5, 30)), str(authority.file))
    assert "clock" in text


async def test_tls_1_1_is_refused_with_a_sentence(kit: MakeKit, authority: Authority) -> None:
    context = authority.server()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    text = await refused(kit, context, str(authority.file))
    assert "1.2 is needed" in text


async def test_a_plain_server_behind_an_https_address_is_told(kit: MakeKit) -> None:
    async def puzzled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    server = await asyncio.start_server(puzzled, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Unreachable, match="does not speak TLS") as caught:
        await kit(f"https://127.0.0.1:{port}").client.send(GET)
    assert not caught.value.sent
    server.close()


async def test_a_connection_cut_in_the_handshake_sent_nothing(kit: MakeKit) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}") as caught:
        await kit(f"https://127.0.0.1:{port}").client.send(GET)
    assert not caught.value.sent
    server.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "is not there"), ("no certificate", "holds no CA certificate"), ("", "holds no CA certificate")],
)
async def test_a_wrong_ca_file_is_named(
    kit: MakeKit, tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "corporate.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Unreachable, match=words) as caught:
        await kit("https://127.0.0.1:9", ca_file=str(path)).client.send(GET)
    assert str(path) in caught.value.text
    assert not caught.value.sent


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_a_store_named_in_the_environment_must_be_there(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(tls, "_contexts", {})
    monkeypatch.setenv(name, "/nowhere/at/all")
    with pytest.raises(Unreachable, match=f"{name} names /nowhere/at/all"):
        await tls.load()


async def test_one_context_is_shared_and_old_protocols_are_off() -> None:
    first, second = await asyncio.gather(tls.load(), tls.load())
    assert first is second
    assert first.minimum_version is ssl.TLSVersion.TLSv1_2
    assert first.check_hostname
    assert first.verify_mode is ssl.CERT_REQUIRED
    assert first.cert_store_stats()["x509_ca"] > 0
