"""Faults on demand and by chance: injected for the nth request, in a script, and as repeatable weather."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from reportdash.simulator import Cut, Half, Hang, Lost, Reply, Reset, Simulator, Slow
from reportdash.simulator.wire import Request

LOGIN = {"Version": "2.0"}


@pytest.fixture
async def headers(sim: Simulator, http: httpx.AsyncClient) -> dict[str, str]:
    secrets = sim.accounts()["main"]["secrets"]
    reply = await http.post(sim.url("7g") + "/User/Login", json=secrets, headers=LOGIN)
    return {"Version": "2.0", "Authorization": reply.json()["accessToken"]}


async def submit(sim: Simulator, http: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    body = {"reportName": "EntityBalanceReport"}
    return await http.post(sim.url("7g") + "/Report", json=body, headers=headers)


def live(sim: Simulator) -> int:
    return len(list(sim.world.of("7g", "main")))


async def test_the_nth_matching_request_gets_the_fault(
    sim: Simulator, http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    sim.inject("7g", Reply(502, b"<html>", {"Content-Type": "text/html"}), path="/Report", nth=2, times=2)
    codes = [(await submit(sim, http, headers)).status_code for _ in range(4)]
    assert codes == [200, 502, 502, 200]
    assert live(sim) == 2
    assert [call.status for call in sim.calls("7g", "POST", "/Report")] == codes


async def test_a_pattern_may_reach_into_the_query(
    sim: Simulator, http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    sim.inject("7g", Reply(503), path="*reference=b", times=None)
    for reference, code in (("a", 200), ("b", 503), ("b", 503)):
        reply = await http.get(f"{sim.url('7g')}/Report/Status?reference={reference}", headers=headers)
        assert reply.status_code == code


async def test_a_reset_before_does_nothing_a_lost_answer_does(
    sim: Simulator, http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for fault, jobs in ((Reset(), 0), (Lost(), 1)):
        sim.inject("7g", fault, method="POST")
        with pytest.raises(httpx.TransportError):
            await submit(sim, http, headers)
        assert live(sim) == jobs
    assert sim.requests[-1].status == 0


async def test_a_hang_waits_until_released(
    sim: Simulator, http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    hang = Hang()
    sim.inject("7g", hang, path="/Report")
    waiting = asyncio.create_task(submit(sim, http, headers))
    await hang.arrived.wait()
    assert live(sim) == 0
    hang.release()
    assert (await waiting).status_code == 200
    acted = Hang(act=True)
    sim.inject("7g", acted, path="/Report")
    waiting = asyncio.create_task(submit(sim, http, headers))
    await acted.arrived.wait()
    assert live(sim) == 2
    acted.release()
    assert (await waiting).json()["result"] is True


async def test_what_still_hangs_does_not_hold_up_the_end(http: httpx.AsyncClient) -> None:
    async with Simulator() as sim:
        hang = Hang()
        sim.inject("7g", hang)
        waiting = asyncio.create_task(http.get(sim.url("7g")))
        await hang.arrived.wait()
    with pytest.raises(httpx.TransportError):
        await asyncio.wait_for(waiting, 30)


async def test_half_and_cut_bodies(sim: Simulator, http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    sim.inject("7g", Half(), path="/Report")
    half = await submit(sim, http, headers)
    assert half.status_code == 200
    with pytest.raises(ValueError):
        half.json()
    sim.inject("7g", Cut(10), path="/Report")
    with pytest.raises(httpx.RemoteProtocolError):
        await submit(sim, http, headers)


async def test_a_script_may_hold_faults(
    sim: Simulator, http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    sim.script("7g", None, ["pending", Reply(500, b"oops"), Slow(0.0), "complete"])
    reference = (await submit(sim, http, headers)).json()["data"]
    url = f"{sim.url('7g')}/Report/Status?reference={reference}"
    replies = [await http.get(url, headers=headers) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 500, 200, 200]
    assert [reply.json()["data"] for reply in replies if reply.status_code == 200] == [
        "pending",
        "complete",
        "complete",
    ]


def weather(seed: int, paths: list[str]) -> list[str]:
    sim = Simulator(seed, chaos=True)
    assert sim.weather is not None
    seen = []
    for path in paths:
        fault = sim.weather(Request("7g", "GET", path, {}, b"", 0.0))
        seen.append(repr(fault) if isinstance(fault, Reply | Slow) else type(fault).__name__)
    return seen


def test_chaos_repeats_whatever_the_order() -> None:
    one = [f"/Report/Status?reference=a&n={n}" for n in range(300)]
    two = [f"/Report/Status?reference=b&n={n}" for n in range(300)]
    apart = weather(3, one + two)
    mixed = weather(3, [path for pair in zip(two, one, strict=True) for path in pair])
    assert apart[:300] == mixed[1::2]
    assert apart[300:] == mixed[0::2]
    assert weather(4, one) != apart[:300]
    assert 10 < sum(fault != "NoneType" for fault in apart) < 120


async def test_chaos_leaves_enough_to_work_with(http: httpx.AsyncClient) -> None:
    async with Simulator(seed=2, chaos=True) as sim:
        secrets = sim.accounts()["main"]["secrets"]
        good = 0
        for _ in range(60):
            try:
                reply = await http.post(sim.url("7g") + "/User/Login", json=secrets, headers=LOGIN)
                good += "accessToken" in reply.json()
            except (httpx.TransportError, ValueError):
                continue
        assert 40 < good < 60
