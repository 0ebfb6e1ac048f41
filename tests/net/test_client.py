"""A call over real HTTP: where it goes, what it carries, what of the answer comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reportdash import __version__
from reportdash.clock import ManualClock
from reportdash.errors import BadPayload, Throttled
from reportdash.net.guard import AddressRefused
from reportdash.net.http import Request, Session
from reportdash.net.wire import Wire, with_query
from tests.net.conftest import MakeKit, Vendor
from tests.net.lying import Asked, Liar, Peer, always


async def test_the_path_is_appended_to_a_base_address_with_a_path(kit: MakeKit) -> None:
    async with Liar(always(200, {"ok": True})) as liar:
        client = kit(f"{liar.base}/gateway/v2/").client
        await client.send(Request("GET", "/Report/Status", query={"reference": "a b"}, public=True))
    assert liar.asked[0].target == "/gateway/v2/Report/Status?reference=a%20b"


async def test_each_call_says_who_we_are_and_asks_for_plain_bytes(kit: MakeKit) -> None:
    async with Liar(always(200, {})) as liar:
        client = kit(liar.base).client
        await client.send(
            Request("GET", "/", headers={"Accept-Encoding": "gzip", "Version": "2.0"}, public=True)
        )
    headers = liar.asked[0].headers
    assert headers["user-agent"] == f"reportdash/{__version__}"
    assert headers["accept-encoding"] == "identity"
    assert headers["version"] == "2.0"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=4))
def test_any_query_arrives_as_it_was_meant(query: dict[str, str]) -> None:
    query = {k: v for k, v in query.items() if not any("\ud800" <= c <= "\udfff" for c in k + v)}
    address = with_query("http://127.0.0.1/x", Request("GET", "/x", query=query))
    assert Asked("GET", address, {}, b"").query == query
    assert address.isascii()
    assert " " not in address


async def test_awkward_characters_survive_the_wire(kit: MakeKit) -> None:
    query = {"a": "ü &+%/~,;=?#", "b": "", "c": "%41", "d": "x+y z", "e": "'\"<>\\^`{|}"}
    async with Liar(always(200, {})) as liar:
        client = kit(liar.base).client
        await client.send(Request("GET", "/p/" + quote("a/b c", safe=""), query=query, public=True))
    assert liar.asked[0].query == query
    assert liar.asked[0].path == "/p/a%2Fb%20c"


async def test_json_and_form_bodies_arrive_as_such(kit: MakeKit) -> None:
    async with Liar(always(200, {})) as liar:
        client = kit(liar.base).client
        await client.send(Request("POST", "/j", json={"name": "Übersicht"}, public=True))
        await client.send(Request("POST", "/f", form={"a": "x&y=z", "b": "ü"}, public=True))
    first, second = liar.asked
    assert json.loads(first.body) == {"name": "Übersicht"}
    assert first.headers["content-type"] == "application/json"
    assert second.body == b"a=x%26y%3Dz&b=%C3%BC"
    assert second.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_is_handed_back_and_never_followed(kit: MakeKit, status: int) -> None:
    async with Liar(always(status, {"job": 1}, {"Location": "/data/files/1"})) as liar:
        reply = await kit(liar.base).client.send(Request("GET", "/data/jobs/1", public=True))
    assert (reply.status, reply.headers["location"]) == (status, "/data/files/1")
    assert len(liar.asked) == 1


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 404, 422, 500, 502])
async def test_other_statuses_are_answers_not_errors(kit: MakeKit, status: int) -> None:
    body = b"" if status == 204 else b"<h1>x</h1>"
    async with Liar(always(status, body, {"Content-Type": "text/html"})) as liar:
        reply = await kit(liar.base).client.send(Request("GET", "/", public=True))
    assert (reply.status, reply.body) == (status, body)
    with pytest.raises(BadPayload):
        reply.json()


async def test_cookies_are_neither_kept_nor_sent_back(kit: MakeKit) -> None:
    async with Liar(always(200, {}, {"Set-Cookie": "sid=1; Path=/"})) as liar:
        client = kit(liar.base).client
        for _ in range(2):
            await client.send(Request("GET", "/", public=True))
    assert "cookie" not in liar.asked[1].headers


async def test_headers_come_lower_case_and_joined(kit: MakeKit) -> None:
    async def script(_: Asked, peer: Peer) -> None:
        await peer.raw(b"HTTP/1.1 200 OK\r\nX-One: a\r\nx-one: b\r\nContent-Length: 0\r\n\r\n")

    async with Liar(script) as liar:
        reply = await kit(liar.base).client.send(Request("GET", "/", public=True))
    assert reply.headers["x-one"] == "a, b"


async def test_an_absolute_address_of_the_account_is_asked(kit: MakeKit) -> None:
    async with Liar(always(200, {"here": 1})) as api, Liar(always(200, {"there": 1})) as identity:
        client = kit(api.base, extra_origins=(identity.base,)).client
        reply = await client.send(Request("POST", f"{identity.base}/oauth/token", public=True))
        assert reply.object() == {"there": 1}
        assert reply.url == f"{identity.base}/oauth/token"
        assert (await client.send(Request("GET", f"{api.base}/x?a=1", public=True))).object() == {"here": 1}


async def test_nothing_is_sent_outside_the_account(kit: MakeKit) -> None:
    async with Liar(always(200, {})) as own, Liar(always(200, {})) as foreign:
        client = kit(own.base).client
        port = own.port
        for address in (
            f"{foreign.base}/x",
            f"https://127.0.0.1:{port}/x",
            f"http://user@127.0.0.1:{port}/x",
            f"http://127.0.0.1:{port}@127.0.0.1:{foreign.port}/x",
            f"HTTP://127.0.0.2:{port}/",
            "http://[::1/",
            "http://127.0.0.1:99999999/",
        ):
            with pytest.raises(AddressRefused):
                await client.send(Request("GET", address, public=True))
        assert not own.asked
        assert not foreign.asked
        assert client.requests == 0


@pytest.mark.parametrize(
    "path", ["/../admin", "/a/../b", "/%2e%2E/x", "/a b", "/a\r\nX: y", "/ü", "/a#b", "/a\\b", "/./x"]
)
def test_a_path_that_climbs_or_is_not_encoded_is_refused(path: str) -> None:
    wire = Wire("https://api.example.org/base", (), None, False, "agent")
    with pytest.raises(AddressRefused):
        wire.address(path)


@pytest.mark.parametrize("path", ["@evil.example/", ".evil.example/", ":80/", "//evil.example/"])
def test_a_path_cannot_change_the_host(path: str) -> None:
    wire = Wire("https://api.example.org", (), None, False, "agent")
    url, where = wire.address(path)
    assert where == "https://api.example.org:443"
    assert url.startswith("https://api.example.org/")


def test_unencrypted_http_needs_loopback_or_consent() -> None:
    with pytest.raises(AddressRefused, match="allow_insecure"):
        Wire("http://sigma.example.org:9081", (), None, False, "agent").address("/x")
    assert Wire("http://sigma.example.org:9081", (), None, True, "agent").address("/x")
    for loopback in ("http://localhost:1", "http://127.8.9.1:1", "http://[::1]:1"):
        assert Wire(loopback, (), None, False, "agent").address("/x")


@pytest.mark.parametrize("status", [429, 503])
async def test_throttling_carries_the_wait_and_the_words(kit: MakeKit, status: int) -> None:
    clock = ManualClock()
    async with Liar(always(status, {"message": "slow\x1b[2J down"}, {"Retry-After": "120"})) as liar:
        client = kit(liar.base, clock=clock).client
        with pytest.raises(Throttled) as caught:
            await client.send(Request("GET", "/", public=True))
        assert caught.value.retry_after == 120
        assert caught.value.status == status
        assert caught.value.text == f"HTTP {status}: slow\ufffd[2J down"
        assert client.until == clock.now() + 120
        with pytest.raises(Throttled) as again:
            await client.send(Request("GET", "/", public=True))
        assert again.value.retry_after == 120
        assert len(liar.asked) == 1


@pytest.mark.parametrize("nonsense", ["-5", "١٢", " soon ", "1e3", "", "12, 15", "0x10", "Thu"])
async def test_a_nonsense_retry_after_is_no_wait(kit: MakeKit, nonsense: str) -> None:
    async with Liar(always(429, {}, {"Retry-After": nonsense.encode().decode("latin-1")})) as liar:
        with pytest.raises(Throttled) as caught:
            await kit(liar.base).client.send(Request("GET", "/", public=True))
    assert caught.value.retry_after is None


async def test_the_exchange_of_a_job_is_kept_and_others_are_not(kit: MakeKit) -> None:
    async with Liar(always(200, {"data": "incomplete"})) as liar:
        made = kit(liar.base)
        await made.client.send(Request("GET", "/a", public=True))
        await made.client.send(Request("GET", "/b", query={"token": "abc"}, public=True, job="abc234"))
    [(job, exchange)] = made.kept
    assert job == "abc234"
    assert exchange.url == f"{liar.base}/b?token=(hidden)"
    assert (exchange.method, exchange.status, exchange.size) == ("GET", 200, 22)
    assert exchange.response == '{"data": "incomplete"}'


async def test_requests_of_the_last_minute_are_counted(kit: MakeKit) -> None:
    clock = ManualClock()
    async with Liar(always(200, {})) as liar:
        client = kit(liar.base, clock=clock).client
        for _ in range(3):
            await client.send(Request("GET", "/", public=True))
            await clock.advance(25)
        assert client.requests_last_minute() == 2
        assert client.requests == 3
        await clock.advance(300)
        assert client.requests_last_minute() == 0


async def test_the_address_a_vendor_sees_carries_no_token(kit: MakeKit) -> None:
    class ByQuery(Vendor):
        def sign(self, request: Request, session: Session) -> Request:
            return replace(request, query={**request.query, "accessToken": session.token})

    async def script(asked: Asked, peer: Peer) -> None:
        await peer.answer(200, {"accessToken": "tok-12345678"} if asked.path == "/login" else {})

    async with Liar(script) as liar:
        reply = await kit(liar.base, vendor=ByQuery()).client.send(Request("POST", "/s", query={"a": "1"}))
    assert liar.asked[-1].query == {"a": "1", "accessToken": "tok-12345678"}
    assert reply.url == f"{liar.base}/s?a=1"
