"""Chaos: the same seed gives the same trouble to the same request, whatever the timing; every kind comes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise

import httpx
import pytest

from reportdash.simulator import Cut, Half, Reply, Simulator, Slow
from reportdash.simulator.faults import Fault
from reportdash.simulator.wire import Request
from tests.simulator.conftest import Clock

VERSION = {"Version": "2.0"}
GUID = "00000000-0000-4000-8000-{:012d}"
SIGMA = "/sigma/rest/reports/"


def requests() -> dict[str, Request]:
    """One request of each kind that a client makes, by a name."""

    def made(vendor: str, method: str, raw: str, body: str = "", **headers: str) -> Request:
        return Request(vendor, method, raw, headers, body.encode(), 1_790_000_000.0)

    return {
        "7g sign-in": made("7g", "POST", "/User/Login", '{"username": "x", "password": "y"}'),
        "7g submit": made("7g", "POST", "/Report", '{"reportName": "X"}', authorization="t"),
        "7g status": made("7g", "GET", "/Report/Status?reference=a", authorization="t"),
        "7g other status": made("7g", "GET", "/Report/Status?reference=b", authorization="t"),
        "7g report": made("7g", "GET", "/Report?reference=a", authorization="t"),
        "7g delete": made("7g", "DELETE", "/Report?reference=a", authorization="t"),
        "sigma sign-in": made("sigma", "POST", SIGMA + "generate-token?action=GENERATE_TOKEN&clientId=x"),
        "sigma status": made("sigma", "POST", SIGMA + "report-status?referenceNumber=a&accessToken=t"),
        "sigma other status": made("sigma", "POST", SIGMA + "report-status?referenceNumber=b&accessToken=t"),
        "webadmit status": made("webadmit", "GET", "/api/v1/exports/1/export_files/2", **{"x-api-key": "k"}),
        "webadmit list": made(
            "webadmit", "GET", "/api/v1/user_identities/1/export_files", **{"x-api-key": "k"}
        ),
        "talkdesk sign-in": made("talkdesk", "POST", "/oauth/token", authorization="Basic eDp5"),
        "talkdesk status": made("talkdesk", "GET", "/data/reports/calls/jobs/a", authorization="Bearer t"),
        "talkdesk file": made("talkdesk", "GET", "/data/reports/calls/files/a", authorization="Bearer t"),
        "storage file": made("storage", "GET", "/webadmit/~1.csv?Signature=a"),
    }


def kind(fault: Fault | None) -> str:
    """What befalls the request, by name."""
    match fault:
        case None:
            return ""
        case Reply(status=429):
            return "throttled"
        case Reply(status=502):
            return "bad gateway"
        case Reply(body=body) if body.startswith(b"<?xml"):
            return "dead link"
        case Reply():
            return "expired"
        case Slow(within=True):
            return "stalled"
    return type(fault).__name__.lower()


def weather(seed: int) -> Callable[[Request], Fault | None]:
    sim = Simulator(seed, chaos=True)
    assert sim.weather is not None
    return sim.weather


def told(fault: Fault | None) -> str:
    """Fault and figures: two that are equal in this are one and the same."""
    return repr(fault) if isinstance(fault, Reply | Slow | Cut) else kind(fault)


def befallen(seed: int, order: list[str]) -> dict[str, list[str]]:
    """What befalls each kind of request, 1st to last, when they come in this order."""
    ask, named = weather(seed), requests()
    found: dict[str, list[str]] = {name: [] for name in named}
    for name in order:
        found[name].append(told(ask(again(named[name], len(found[name])))))
    return found


def again(request: Request, number: int) -> Request:
    """The request once more; to the storage by a link of its own."""
    return replace(request, raw=f"{request.raw}{number}") if request.vendor == "storage" else request


def orders(rounds: int) -> tuple[list[str], list[str]]:
    one_by_one = [name for name in requests() for _ in range(rounds)]
    mixed = list(one_by_one)
    random.Random(0).shuffle(mixed)
    return one_by_one, mixed


def test_the_same_seed_gives_the_nth_request_the_same_fault_in_whatever_order_they_come() -> None:
    one_by_one, mixed = orders(400)
    first, again = befallen(5, one_by_one), befallen(5, mixed)
    assert first == again
    assert all(any(faults) for faults in first.values())
    other = befallen(6, one_by_one)
    assert all(other[name] != faults for name, faults in first.items())
    assert first["7g status"] != first["7g other status"]
    assert first["sigma status"] != first["sigma other status"]


CALLS = {"throttled", "bad gateway", "reset", "lost", "half", "cut", "slow", "stalled"}


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("7g sign-in", CALLS),
        ("7g status", CALLS | {"expired"}),
        ("7g report", CALLS | {"expired"}),
        ("sigma sign-in", CALLS),
        ("sigma status", CALLS | {"expired"}),
        ("webadmit status", CALLS),
        ("webadmit list", CALLS),
        ("talkdesk sign-in", CALLS),
        ("talkdesk status", CALLS | {"expired"}),
        ("storage file", {"dead link", "cut", "reset", "slow", "stalled", "bad gateway"}),
    ],
)
def test_every_kind_of_trouble_comes_where_it_can(name: str, kinds: set[str]) -> None:
    ask, request = weather(1), requests()[name]
    faults = [ask(again(request, number)) for number in range(2000)]
    assert {kind(fault) for fault in faults} - {""} == kinds
    share = sum(fault is not None for fault in faults) / len(faults)
    assert 0.05 < share < 0.35
    if "dead link" in kinds:
        assert {fault.status for fault in faults if isinstance(fault, Reply)} == {403, 410, 502}


def test_a_new_token_is_not_refused_as_expired() -> None:
    """The second refusal in a row would mean wrong credentials."""
    named = requests()
    for seed in range(40):
        ask = weather(seed)
        for name in ("7g status", "sigma status", "talkdesk status"):
            kinds = [kind(ask(named[name])) for _ in range(2000)]
            old = [nth for nth, found in enumerate(kinds) if found == "expired"]
            assert old and all(later - sooner > 3 for sooner, later in pairwise(old))


def test_a_dead_link_stays_dead_and_a_new_one_to_the_same_file_need_not_be() -> None:
    ask, request = weather(1), requests()["storage file"]
    dead = 0
    for number in range(400):
        link = again(request, number)
        fault = ask(link)
        if kind(fault) == "dead link":
            dead += 1
            assert [told(ask(link)) for _ in range(5)] == [told(fault)] * 5
    assert 0 < dead < 100


def test_retry_after_comes_in_seconds_and_as_a_date() -> None:
    ask, request = weather(1), requests()["7g status"]
    waits = {
        fault.headers["Retry-After"]
        for fault in (ask(request) for _ in range(3000))
        if isinstance(fault, Reply) and fault.status == 429
    }
    assert {"1", "15"} < waits
    assert any(wait.endswith("GMT") for wait in waits)


# over real HTTP


class Line:
    """A client that notes what came of each of its requests, by method, path and nth."""

    def __init__(self, sim: Simulator, http: httpx.AsyncClient) -> None:
        self.sim, self.http = sim, http
        self.notes: dict[tuple[str, str, int], str] = {}
        self._counts: dict[tuple[str, str], int] = {}

    async def call(self, vendor: str, method: str, path: str, **more: object) -> httpx.Response | None:
        reply: httpx.Response | None = None
        try:
            reply = await self.http.request(method, self.sim.url(vendor) + path, **more)  # type: ignore[arg-type]
            note = f"{reply.status_code} {len(reply.content)}"
        except httpx.RemoteProtocolError:
            note = "cut"
        except httpx.TransportError:
            note = "reset"
        key = (vendor, path)
        nth = self._counts[key] = self._counts.get(key, 0) + 1
        self.notes[vendor, path, nth] = note
        return reply

    async def follow(self, reference: str, token: str) -> None:
        headers = {**VERSION, "Authorization": token}
        for _ in range(25):
            await self.call("7g", "GET", f"/Report/Status?reference={reference}", headers=headers)
            await self.call("7g", "GET", f"/Report?reference={reference}", headers=headers)


async def _notes(
    clock: Clock, seed: int, run: Callable[[list[Awaitable[None]]], Awaitable[object]]
) -> dict[tuple[str, str, int], str]:
    async def now(_: float) -> None:
        await asyncio.sleep(0)

    async with Simulator(seed, chaos=True, now=clock, sleep=now) as sim, httpx.AsyncClient() as http:
        for number in range(4):
            sim.add("7g", GUID.format(number), "main", report="X", stage="ready", size=3000)
        token = sim.seveng.handle(
            Request("7g", "POST", "/User/Login", {"version": "2.0"}, _login(sim), clock())
        )
        assert isinstance(token, Reply)
        access = httpx.Response(200, content=token.body).json()["accessToken"]
        line = Line(sim, http)
        await run([line.follow(GUID.format(number), access) for number in range(4)])
        return line.notes


def _login(sim: Simulator) -> bytes:
    secrets = sim.accounts()["main"]["secrets"]
    return httpx.Request("POST", "http://x", json=secrets).content


async def test_over_real_connections_concurrency_does_not_matter(clock: Clock) -> None:
    async def in_turn(work: list[Awaitable[None]]) -> None:
        for one in work:
            await one

    async def at_once(work: list[Awaitable[None]]) -> None:
        await asyncio.gather(*reversed(work))

    apart, together = await _notes(clock, 3, in_turn), await _notes(clock, 3, at_once)
    assert apart == together
    assert {note.partition(" ")[0] for note in apart.values()} >= {"200", "429", "502", "401", "cut", "reset"}
    assert await _notes(clock, 4, in_turn) != apart


async def test_a_stalled_answer_falls_silent_in_the_middle_of_its_body(
    sim: Simulator, http: httpx.AsyncClient
) -> None:
    arrived: list[float] = []

    async def silence(seconds: float) -> None:
        arrived.append(seconds)

    sim._sleep = silence
    sim.inject("storage", Slow(2.5, within=True))
    sim.add("webadmit", "86446/1", "admissions", stage="ready", size=200_000)
    job = sim.job("webadmit", "86446/1")
    link = sim.webadmit._link(job)
    reply = await http.get(link)
    assert reply.content == sim.webadmit.content(job).all()
    assert arrived == [2.5]


async def test_half_of_a_json_report_comes_as_if_it_were_whole_and_half_a_table_never(
    sim: Simulator, http: httpx.AsyncClient
) -> None:
    sim.add("7g", GUID.format(1), "main", report="X", stage="ready", size=50_000)
    token = (
        await http.post(
            sim.url("7g") + "/User/Login", json=sim.accounts()["main"]["secrets"], headers=VERSION
        )
    ).json()["accessToken"]
    sim.inject("7g", Half(), path="/Report")
    url = f"{sim.url('7g')}/Report?reference={GUID.format(1)}"
    reply = await http.get(url, headers={**VERSION, "Authorization": token})
    whole = sim.seveng.content(sim.job("7g", GUID.format(1))).all()
    assert reply.content == whole[: len(whole) // 2]
    sim.add("webadmit", "86446/1", "admissions", stage="ready", size=20_000)
    job = sim.job("webadmit", "86446/1")
    sim.inject("storage", Half())
    assert (await http.get(sim.webadmit._link(job))).content == sim.webadmit.content(job).all()
