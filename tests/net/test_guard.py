"""Where a signed link may lead, and where not whatever it looks like."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import pytest

from reportdash.errors import Unreachable
from reportdash.net import guard as guarding
from reportdash.net import offloop
from reportdash.net.guard import AddressRefused, Guard, Resolver, is_loopback, join

PUBLIC = "52.218.0.10"


def names(*addresses: str) -> Resolver:
    """A name server that knows these addresses for every name."""

    async def resolver(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolver


def guard(*addresses: str, **more: bool) -> Guard:
    return Guard(
        ["*.amazonaws.com", "files.example.org:8443"], resolver=names(*addresses or (PUBLIC,)), **more
    )


async def test_a_link_to_an_allowed_public_host_passes_byte_for_byte() -> None:
    found = await guard().check("https://b.s3.Amazonaws.com/a%7E/b?X=%2C~%2f&e=#frag")
    assert (found.scheme, found.host, found.port) == ("https", "b.s3.amazonaws.com", 443)
    assert found.target == "/a%7E/b?X=%2C~%2f&e="
    assert found.addresses == (PUBLIC,)
    assert found.authority == "b.s3.amazonaws.com"
    assert "X=" not in repr(found)


async def test_the_default_port_is_not_written_into_the_host_header() -> None:
    assert (await guard().check("https://b.amazonaws.com:443")).authority == "b.amazonaws.com"
    found = await guard().check("https://files.example.org:8443/x")
    assert (found.authority, found.port) == ("files.example.org:8443", 8443)


BAD = [
    "http://b.s3.amazonaws.com/x",
    "ftp://b.s3.amazonaws.com/x",
    "file:///etc/passwd",
    "gopher://b.s3.amazonaws.com/",
    "javascript:alert(1)",
    "//b.s3.amazonaws.com/x",
    "b.s3.amazonaws.com/x",
    "",
    "https://",
    "https:///x",
    "https://evil.example/x",
    "https://amazonaws.com/x",
    "https://amazonaws.com.evil.example/x",
    "https://evilamazonaws.com/x",
    "https://evil.example/.amazonaws.com",
    "https://evil.example?.amazonaws.com",
    "https://evil.example#.amazonaws.com",
    "https://evil.example\\.amazonaws.com/",
    "https://user@b.amazonaws.com/x",
    "https://user:pw@b.amazonaws.com/x",
    "https://b.amazonaws.com@evil.example/x",
    "https://b.amazonaws.com:22/x",
    "https://b.amazonaws.com:80/x",
    "https://b.amazonaws.com:99999/x",
    "https://b.amazonaws.com:0/x",
    "https://b.amazonaws.com:-1/x",
    "https://b.amazonaws.com:٤٤٣/x",
    "https://b.amazonaws.com:4a3/x",
    "https://files.example.org/x",
    "https://52.218.0.10/x",
    "https://127.0.0.1/x",
    "https://127.1/x",
    "https://2130706433/x",
    "https://0x7f000001/x",
    "https://0x7f.0.0.1/x",
    "https://0177.0.0.1/x",
    "https://0/x",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[fe80::1%25eth0]/x",
    "https://[::1/x",
    "https://[::1]evil/x",
    "https://localhost/x",
    "http://localhost/x",
    "https://b.localhost/x",
    "https://b%2eamazonaws.com/x",
    "https://b.amazonaws.com%00.evil/x",
    "https://b..amazonaws.com/x",
    "https://-b.amazonaws.com/x",
    "https://b.amazonaws。com/x",
    "https://b.amazonaws.com\r\nHost: evil/x",
    "https://b.amazonaws.com/x\r\nX: y",
    "https://b.amazonaws.com/ x",
    " https://b.amazonaws.com/x",
    "https://b.amazonaws.com\t/x",
    "https://b.amazonaws.com/\x00",
    "https://b.amazonaws.com/" + "a" * 20_000,
    "https://" + "a" * 300 + ".amazonaws.com/",
    "https://ä.amazonaws.com/",
]


@pytest.mark.parametrize("url", BAD)
async def test_a_link_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        await guard().check(url)


INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "192.0.2.1",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "fec0::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "64:ff9b:1::7f00:1",
    "64:ff9b:1:a00:0:100::",
    "::ffff:0:10.0.0.1",
    "::10.0.0.1",
    "5f00::1",
    "3fff::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:a00:1::1",
    "fe80::1%eth0",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", INSIDE)
async def test_an_allowed_name_that_stands_for_an_inside_address_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        await guard(address).check("https://b.amazonaws.com/x")
    with pytest.raises(AddressRefused):  # one bad one among good ones is enough
        await guard(PUBLIC, address).check("https://b.amazonaws.com/x")


async def test_public_addresses_of_both_families_pass() -> None:
    found = await guard(PUBLIC, "2600:1f18::1", PUBLIC).check("https://b.amazonaws.com/x")
    assert found.addresses == (PUBLIC, "2600:1f18::1")
    assert (await guard("::ffff:52.218.0.10").check("https://b.amazonaws.com/x")).addresses


async def test_private_hosts_pass_where_they_are_allowed_but_never_metadata() -> None:
    for address in ("10.1.2.3", "127.0.0.1", "fd00::1"):
        assert (await guard(address, allow_private=True).check("https://b.amazonaws.com/x")).addresses
    metadata = ("169.254.169.254", "64:ff9b:1::a9fe:a9fe", "::169.254.169.254", "fd00:ec2::254")
    for address in (*metadata, "fe80::1", "0.0.0.0", "224.0.0.1"):
        with pytest.raises(AddressRefused):
            await guard(address, allow_private=True).check("https://b.amazonaws.com/x")
    with pytest.raises(AddressRefused):
        await guard("10.1.2.3", allow_private=True).check("https://else.example/x")
    with pytest.raises(AddressRefused):
        await guard("10.1.2.3", allow_private=True).check("http://b.amazonaws.com/x")
    with pytest.raises(AddressRefused):
        await guard("10.1.2.3", allow_private=True).check("https://10.1.2.3/x")


async def test_an_account_on_this_machine_may_be_sent_to_this_machine() -> None:
    here = guard("127.0.0.1", loopback=True)
    for url in ("http://127.0.0.1:9081/x", "https://[::1]:1/x", "http://127.8.9.1/", "http://localhost:1/x"):
        assert (await here.check(url)).addresses
    assert (await here.check("http://[::1]:81/x")).authority == "[::1]:81"
    for url in ("http://10.0.0.1/x", "http://b.amazonaws.com/x", "https://else.example/x", "http://127.1/x"):
        with pytest.raises(AddressRefused):
            await here.check(url)
    with pytest.raises(AddressRefused):
        await guard("52.218.0.10", loopback=True).check("http://localhost/x")


async def test_a_name_is_looked_up_once_and_that_answer_is_what_counts() -> None:
    answers = [[PUBLIC], ["127.0.0.1"]]

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    found = await Guard(["*.amazonaws.com"], resolver=rebinding).check("https://b.amazonaws.com/")
    assert found.addresses == (PUBLIC,) and len(answers) == 1


async def test_nothing_is_looked_up_for_a_host_that_is_not_on_the_list() -> None:
    asked: list[str] = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC]

    with pytest.raises(AddressRefused):
        await Guard(["*.amazonaws.com"], resolver=resolver).check("https://secret.evil.example/")
    assert asked == []


async def test_a_mute_name_server_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    mute = asyncio.Event()
    loop = asyncio.get_running_loop()

    def never(*_: object, **__: object) -> object:
        asyncio.run_coroutine_threadsafe(mute.wait(), loop).result(5)
        raise OSError("late")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(guarding, "LOOKUP_SECONDS", 0.05)
    with pytest.raises(Unreachable, match="no answer of the name server") as raised:
        await Guard(["*.amazonaws.com"]).check("https://b.amazonaws.com/")
    assert not raised.value.sent
    mute.set()


async def test_an_unknown_name_is_a_network_trouble_and_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match=r"no address for b\.amazonaws\.com"):
        await Guard(["*.amazonaws.com"]).check("https://b.amazonaws.com/")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://x.example/a?b#c", "https://x.example/a?b#c"),
        ("//x.example/a", "https://x.example/a"),
        ("/a%7E/../b?", "https://b.amazonaws.com/a%7E/../b?"),
        ("?n=2", "https://b.amazonaws.com/d/r.csv?n=2"),
        ("s.csv", "https://b.amazonaws.com/d/s.csv"),
        ("javascript:x", "javascript:x"),
    ],
)
async def test_a_redirects_address_keeps_its_bytes(location: str, url: str) -> None:
    base = await guard().check("https://b.amazonaws.com/d/r.csv?sig=1")
    assert join(base, location) == url


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost:9081", True),
        ("http://127.0.0.1:1/x", True),
        ("https://[::1]/", True),
        ("https://api.7g.com.au", False),
        ("http://127.0.0.1.evil.example", False),
        ("https://10.0.0.1", False),
        ("nonsense", False),
    ],
)
def test_what_counts_as_this_machine(url: str, here: bool) -> None:
    assert is_loopback(url) is here


async def test_a_lookup_given_up_in_the_very_turn_of_its_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer: asyncio.Future[offloop.Infos] = asyncio.get_running_loop().create_future()

    async def look_up(host: str, port: int) -> offloop.Infos:
        return await answer

    monkeypatch.setattr(offloop, "look_up", look_up)
    for turns in range(4):
        answer = asyncio.get_running_loop().create_future()
        asking = asyncio.ensure_future(guarding.resolve("b.s3.amazonaws.com", 443))
        await asyncio.sleep(0)
        answer.set_result([(socket.AF_INET, socket.SOCK_STREAM, 0, "", (PUBLIC, 443))])
        for _ in range(turns):
            await asyncio.sleep(0)
        if asking.done():
            break
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
