"""A signed address cannot reach inside: a table of them, given as links and as redirects, and who connects.

Every name here stands for loopback, where a server counts connections: had one address been let through, it
would be counted. What passes is in `test_guard.py`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from reportdash.errors import CallFailed
from reportdash.net import storage
from reportdash.net.guard import AddressRefused, Guard
from tests.net.lying import Asked, Liar, Peer, always
from tests.net.test_guard import BAD
from tests.net.test_storage import certificates

SIGNATURE = "X-Amz-Signature=c4nary5ignature"

NUMBERS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "017700000001", "0x7f000001", "0x7F.1", "0177.0.0.1",
    "0177.1", "0x7f.0x0.0x0.0x1", "127.0.0.1.", "127.000.000.001", "0", "0.0.0.0", "00.0.0.0",
    "169.254.169.254", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "10.0.0.1", "012.0.0.1",
    "192.168.1.1", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25lo]", "[::1%lo]",
    "[fd00:ec2::254]", "[::FFFF:A9FE:A9FE]", "１２７.0.0.1", "127。0。0。1", "①②⑦.⓪.⓪.①", "١٢٧.٠.٠.١",
    "4294967297", "127.0.0.257", "0x", "1.2.3.4.5", "52.218.0.10",
]  # fmt: skip
NAMES = [
    "localhost", "LOCALHOST", "localhost.", "b.localhost", "ip6-localhost", "metadata",
    "metadata.google.internal", "amazonaws.com", "amazonaws.com.", "evil-amazonaws.com",
    "evilamazonaws.com", "amazonaws.com.evil.example", "b.amazonaws.com.evil.example",
    "b.amazonaws.com.127.0.0.1.nip.example", "b.amazonaws.co", "b.amazonaws.com.au", "b.amazonaws.comx",
    "b.amazonaws.c0m", "b.amazonaws-com.example", "127.0.0.1.nip.example", "b.amazonaws.com..",
    "b.аmazonaws.com", "b.xn--mazonaws-66g.com", "b.amazonaws.сom", "b.amаzonaws.com",
    "b.amazonaws.com\u200b", "ｂ.amazonaws.com", "b.amazonaws。com", "b.amazonaws．com", "b.amazonaws｡com",
    "b。amazonaws.com", "b.amazonaws.com%2eevil.example", "b.amazonaws.com%00.evil.example",
    "%62.amazonaws.com", "b_.-amazonaws.com", "*.amazonaws.com", "", ".", "..", ".amazonaws.com",
]  # fmt: skip
SHAPES = [
    "http://b.amazonaws.com:PORT/x", "HTTP://b.amazonaws.com:PORT/x", "http://127.0.0.1:PORT/x",
    "ftp://b.amazonaws.com:PORT/x", "file:///etc/passwd", "gopher://127.0.0.1:PORT/_x",
    "dict://127.0.0.1:PORT/x", "ldap://127.0.0.1:PORT/x", "data:text/plain,x",
    "javascript:fetch('https://127.0.0.1:PORT')", "ws://b.amazonaws.com:PORT/x",
    "wss://b.amazonaws.com:PORT/x", "jar:https://b.amazonaws.com!/", "unix:///var/run/docker.sock",
    "https+unix://x/y", "view-source:https://127.0.0.1:PORT/", "https:b.amazonaws.com:PORT/x",
    "https:/127.0.0.1:PORT/x", "https:///127.0.0.1:PORT/x", "https:\\\\127.0.0.1:PORT\\x",
    "https://user@127.0.0.1:PORT/x", "https://b.amazonaws.com@127.0.0.1:PORT/x",
    "https://b.amazonaws.com:443@127.0.0.1:PORT/x", "https://u:p@b.amazonaws.com:PORT/x",
    "https://b.amazonaws.com%40127.0.0.1:PORT/x", "https://@b.amazonaws.com:PORT/x",
    "https://127.0.0.1:PORT\\@b.amazonaws.com/x", "https://127.0.0.1:PORT#@b.amazonaws.com/x",
    "https://127.0.0.1:PORT?@b.amazonaws.com/x", "https://127.0.0.1:PORT/.amazonaws.com",
    "https://127.0.0.1:PORT;b.amazonaws.com/x", "https://127.0.0.1:PORT&b.amazonaws.com/x",
    "https://b.amazonaws.com\\.evil.example:PORT/", "https://b.amazonaws.com:PORT:443/x",
    "https://b.amazonaws.com:+PORT/x", "https://b.amazonaws.com: PORT/x",
    "https://b.amazonaws.com:0xPORT/x", "https://b.amazonaws.com:22/x", "https://b.amazonaws.com:0/x",
    "https://b.amazonaws.com:65536/x", "https://b.amazonaws.com:PORT\r\nHost: x/",
    "https://b.amazonaws.com\t:PORT/x", "https://b.amazonaws.com\x00:PORT/x",
    "https://b.amazonaws.com:PORT/a b", "https://[b.amazonaws.com]:PORT/x", "https://[::1:PORT/x",
    "https://[::1]x:PORT/x", "https://b.amazonaws.com,127.0.0.1:PORT/x", "https://<b.amazonaws.com>:PORT/x",
]  # fmt: skip
ADDRESSES = [
    *(f"https://{host}:PORT/x" for host in (*NUMBERS, *NAMES)),
    *(f"http://{host}:PORT/x" for host in NUMBERS[:12]),
    *SHAPES,
    *BAD,
]
BENDS = [
    "//127.0.0.1:PORT/x", "//u@127.0.0.1:PORT/x", "///127.0.0.1:PORT/x", "\\\\127.0.0.1:PORT\\x",
    "/\\127.0.0.1:PORT/x", "//localhost:PORT",
]  # fmt: skip
"""Locations that are no whole address."""


async def inside(host: str, port: int) -> Sequence[str]:
    """A name server of the enemy's: every name is this machine."""
    return ["127.0.0.1", "::1"]


def signed(address: str, port: int) -> str:
    sign = "&" if "?" in address else "?"
    head, hash_, tail = address.replace("PORT", str(port)).partition("#")
    return f"{head}{sign}{SIGNATURE}{hash_}{tail}"


def judged(error: CallFailed, address: str) -> None:
    """One clear sentence that names neither the signature nor anything that acts on a terminal."""
    assert isinstance(error, AddressRefused), address
    text = error.text
    assert "c4nary" not in text and "X-Amz" not in text, address
    assert text.isprintable() and "\n" not in text and 10 < len(text) < 200, address
    assert ": ask the vendor" in text or "add it there if" in text or "set allow_private_hosts" in text, text


def test_there_are_as_many_addresses_as_promised() -> None:
    assert len(set(ADDRESSES)) >= 180


async def test_no_link_to_inside_is_connected_to() -> None:
    async with Liar(always(200, b"secret")) as liar:
        for private in (False, True):
            guard = Guard(["*.amazonaws.com"], allow_private=private, resolver=inside)
            for address in ADDRESSES:
                with pytest.raises(CallFailed) as raised:
                    async with storage.open(signed(address, liar.port), headers={}, guard=guard):
                        pass
                judged(raised.value, address)
        # Names that are on the list, port and all, stand for inside addresses here.
        guard = Guard([f"*.amazonaws.com:{liar.port}", "*"], resolver=inside)
        for host in (
            "b.amazonaws.com",
            "B.AMAZONAWS.COM",
            "b.amazonaws.com.",
            "xn--a.amazonaws.com",
            "a.b.c.amazonaws.com",
        ):
            with pytest.raises(AddressRefused, match="private network") as refused:
                async with storage.open(signed(f"https://{host}:PORT/x", liar.port), headers={}, guard=guard):
                    pass
            judged(refused.value, host)
        assert liar.connections == 0


async def test_no_redirect_to_inside_is_followed(tmp_path: Path) -> None:
    """From a server that may be asked, over TLS: each Location at the first hop or after a good one."""
    folder = await asyncio.to_thread(certificates, tmp_path, "files.example.org")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    location = b""

    # (`//b.s3.amazonaws.com` is no link, but a Location it may be.)
    async def script(asked: Asked, peer: Peer) -> None:
        to = b"/second" if asked.path == "/chain" else location
        await peer.raw(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + to + b"\r\n\r\n")

    async with Liar(always(200, b"secret")) as secret, Liar(script, context) as shop:
        guard = Guard(
            [f"files.example.org:{shop.port}", "*.amazonaws.com"], allow_private=True, resolver=inside
        )
        written = [
            signed(address, secret.port)
            for address in (*ADDRESSES, *BENDS)
            if not address.startswith("//b.s3")
        ]
        sendable = [
            text for text in written if not set(text) & set("\r\n\x00") and len(text) < 8000 and text[0] > " "
        ]
        assert len(sendable) > 180
        for number, text in enumerate(sendable):
            location = text.encode()
            start = "/chain" if number % 8 == 0 else "/one"
            url = f"https://files.example.org:{shop.port}{start}"
            before = len(shop.asked)
            with pytest.raises(CallFailed) as raised:
                async with storage.open(url, headers={}, guard=guard, ca_file=str(folder / "cert.pem")):
                    pass
            # What is no address of its own is one below the shop's: asked there again, never elsewhere.
            if isinstance(raised.value, AddressRefused):
                judged(raised.value, text)
                assert len(shop.asked) - before == (2 if start == "/chain" else 1)
            else:
                assert "redirects more than" in raised.value.text, text
        assert secret.connections == 0
