"""Which calls take the environment's proxy, and what the proxy gets to see."""

from __future__ import annotations

import asyncio

import pytest

from reportdash.errors import Unreachable
from reportdash.net.http import Request
from reportdash.net.proxy import proxy_for
from tests.net.conftest import MakeKit
from tests.net.lying import Asked, Liar, Peer, always

P = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environ", "scheme", "host", "expected"),
    [
        ({}, "https", "api.example", None),
        ({"HTTPS_PROXY": P}, "https", "api.example", P),
        ({"https_proxy": P, "HTTPS_PROXY": "http://other:1"}, "https", "api.example", P),
        ({"HTTPS_PROXY": P}, "http", "api.example", None),
        ({"HTTP_PROXY": P}, "http", "api.example", P),
        ({"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}, "http", "api.example", None),
        ({"ALL_PROXY": "proxy.example:3128"}, "https", "api.example", P),
        ({"ALL_PROXY": P, "NO_PROXY": "localhost, .example"}, "https", "api.example", None),
        ({"ALL_PROXY": P, "NO_PROXY": "api.example:443"}, "https", "API.example.", None),
        ({"ALL_PROXY": P, "no_proxy": "*"}, "https", "api.example", None),
        ({"ALL_PROXY": P, "no_proxy": "*.example"}, "https", "api.example", None),
        ({"ALL_PROXY": P, "no_proxy": "pi.example,,other"}, "https", "api.example", P),
    ],
)
def test_the_usual_variables_are_read(
    environ: dict[str, str], scheme: str, host: str, expected: str | None
) -> None:
    found = proxy_for(scheme, host, environ)
    assert (found.url if found is not None else None) == expected


def test_a_proxys_password_stands_in_its_header_alone() -> None:
    found = proxy_for("https", "api.example", {"ALL_PROXY": "http://me:p%40ss@proxy.example:3128"})
    assert found is not None
    assert found.url == P
    assert found.headers == {"Proxy-Authorization": "Basic bWU6cEBzcw=="}
    assert "bWU6" not in repr(found)


def test_a_socks_proxy_is_refused_with_a_sentence() -> None:
    with pytest.raises(Unreachable, match="socks5 proxy") as caught:
        proxy_for("https", "api.example", {"ALL_PROXY": "socks5://u:geheim@127.0.0.1:1080"})
    assert not caught.value.sent
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://u:geheim@[fd00::1:3128", "http://u:geheim@proxy.example:99999", "http://u:geheim@p:x"]
)
def test_a_proxys_address_that_is_none_is_a_sentence_without_it(address: str) -> None:
    with pytest.raises(Unreachable, match="https_proxy") as caught:
        proxy_for("https", "api.example", {"HTTPS_PROXY": address})
    assert not caught.value.sent
    assert "geheim" not in str(caught.value)


async def test_loopback_never_takes_a_proxy(kit: MakeKit, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Liar(always(500)) as proxy, Liar(always(200, {})) as liar:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base)
        assert (await kit(liar.base).client.send(Request("GET", "/", public=True))).status == 200
        assert not proxy.asked


async def test_an_unencrypted_call_goes_through_the_proxy(
    kit: MakeKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Liar(always(200, {"via": "proxy"})) as proxy:
        monkeypatch.setenv("http_proxy", proxy.base.replace("//", "//me:pw@"))
        client = kit("http://sigma.example.org:9081", allow_insecure=True).client
        reply = await client.send(Request("GET", "/x", query={"a": "1"}, public=True))
        assert reply.object() == {"via": "proxy"}
        assert proxy.asked[0].target == "http://sigma.example.org:9081/x?a=1"
        assert proxy.asked[0].headers["proxy-authorization"] == "Basic bWU6cHc="


async def test_a_tunnel_shows_the_proxy_only_the_host(kit: MakeKit, monkeypatch: pytest.MonkeyPatch) -> None:
    async def deny(asked: Asked, peer: Peer) -> None:
        await peer.answer(407, b"")
        await asyncio.sleep(0)

    async with Liar(deny) as proxy:
        monkeypatch.setenv("https_proxy", proxy.base)
        client = kit("https://api.example.org").client
        request = Request(
            "POST", "/x", query={"token": "geheim"}, headers={"x-api-key": "geheim"}, public=True
        )
        with pytest.raises(Unreachable, match=r"proxy refused to connect.*407") as caught:
            await client.send(request)
        assert not caught.value.sent
        [connect] = proxy.asked
        assert (connect.method, connect.target) == ("CONNECT", "api.example.org:443")
        assert "geheim" not in repr(connect)


async def test_a_proxy_that_is_away_is_named_as_the_cause(
    kit: MakeKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with pytest.raises(Unreachable, match=r"the proxy for api\.example\.org:443 cannot") as caught:
        await kit("https://api.example.org").client.send(Request("POST", "/x", public=True))
    assert not caught.value.sent
