"""A name server that never answers: keys and other accounts go on, sentences say so, and the process ends."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.engine import download, saving, watching
from reportdash.engine.watching import Limits
from reportdash.errors import Exit, Unreachable
from reportdash.model import JobState
from reportdash.net import guard, offloop, tls, wire
from reportdash.net.http import Request
from reportdash.simulator import Reply, Simulator
from tests.engine.rig import START, Rig
from tests.faults import mute_dns
from tests.faults.mute_dns import NAME, PATIENCE
from tests.terminal.pty import Terminal
from tests.terminal.test_dashboard import cursor_row

BUCKET = "reports-1.s3.amazonaws.com"


# The real commands.


async def test_others_are_polled_and_the_process_ends_while_a_lookup_blocks_for_ever(tmp_path: Path) -> None:
    await mute_dns.watching(tmp_path, mute_dns.blocked(tmp_path))


async def test_the_same_in_front_of_a_real_name_server_that_is_mute(tmp_path: Path) -> None:
    if not mute_dns.available():
        pytest.skip("this kernel gives no network of one's own; the test above blocks the resolver itself")
    process = await asyncio.create_subprocess_exec(
        *("unshare", "-rmn", sys.executable, "-m", "tests.faults.mute_dns", str(tmp_path)),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 4 * PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, out.decode()


async def test_keys_are_answered_and_the_dashboard_ends_while_a_lookup_blocks_for_ever(
    tmp_path: Path,
) -> None:
    env = mute_dns.blocked(tmp_path)
    async with Simulator() as sim:
        shell = mute_dns.configure(tmp_path, sim, env)
        await mute_dns.tracked(shell, sim)
        with Terminal([], env=shell.environment()) as terminal:
            await mute_dns.asked(tmp_path)  # from here on a lookup hangs, to the end

            def use() -> int:
                terminal.until(lambda text: cursor_row(text) >= 0 and "dead" in text)
                home = cursor_row(terminal.text)
                for _ in range(10):
                    terminal.send("j")
                    terminal.until(lambda text: cursor_row(text) == home + 1)
                    terminal.send("k")
                    terminal.until(lambda text: cursor_row(text) == home)
                terminal.send("?")
                terminal.until("one row up")
                terminal.send("\x1b")
                terminal.until(lambda text: "one row up" not in text)
                terminal.send("q")
                return terminal.finish()

            assert await asyncio.to_thread(use) == 0
            assert terminal.modes_left_on() == []


# Inside one process.


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The resolver hangs until the test is over. The names it was asked for."""
    over, names = threading.Event(), list[str]()
    answers = socket.getaddrinfo

    def hangs(host: Any, *args: Any, **how: Any) -> Any:
        if host in ("127.0.0.1", "localhost"):
            return answers(host, *args, **how)
        names.append(host)
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    monkeypatch.setattr(guard, "LOOKUP_SECONDS", 0.02)
    monkeypatch.setattr(wire, "CONNECT", 0.02)
    yield names
    over.set()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    clock = ManualClock(START)
    async with Simulator(now=clock.now) as sim:
        made = Rig(sim, clock, tmp_path)
        yield made
        await made.close()


async def test_a_download_whose_storage_has_no_answering_name_server_ends_in_a_sentence(
    rig: Rig, mute: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries, real = list[str](), guard.resolve

    async def resolve(host: str, port: int) -> Sequence[str]:
        tries.append(host)
        return await real(host, port)

    monkeypatch.setattr(guard, "resolve", resolve)
    # The injected clock stands still while something is done beside the loop.
    for room, name in (
        (guard, "resolve"),
        (tls, "load"),
        *((room, "aside") for room in (watching, download, saving)),
    ):
        monkeypatch.setattr(room, name, getattr(room, name))
        rig._count(room, name)
    rig.account("admissions")
    engine = await rig.start()
    engine.downloads._limits = Limits(
        idle=1e6, slow_window=1e6
    )  # a stall on that clock is not the matter here
    rig.sim.add("webadmit", "86446/74780", "admissions", stage="ready")
    job = await rig.seen(await engine.track("admissions", "86446/74780"), JobState.READY)
    link = f'{{"export_files": {{"status": "Available", "download_url": "https://{BUCKET}/f?X-Amz-Sig=a"}}}}'
    rig.sim.inject("webadmit", Reply(200, link.encode()), path="*/export_files/74780", times=None)
    outcome = await rig.finish(engine.downloads.fetch(job.id, patience=300))
    assert outcome.exit_code is Exit.UNREACHABLE
    assert f"no answer of the name server about {BUCKET}" in outcome.text
    row = await rig.job(job)
    assert row.state is JobState.READY
    # It was tried more than once, and asked for by one thread all the time.
    assert len(tries) > 1
    assert mute == [BUCKET]


async def test_a_mute_name_takes_one_thread_however_often_and_by_whomever_it_is_polled(
    rig: Rig, mute: list[str]
) -> None:
    rig.account("main", base_url=f"http://{NAME}:8080", allow_insecure=True)
    rig.account("funds", base_url=f"http://{NAME}:8080", allow_insecure=True)
    engine = await rig.start()
    for account in ("main", "funds"):
        await engine.track(account, f"00000000-0000-4000-8000-{1:012d}")
    engine.poll()

    async def tried_often() -> bool:
        return min([(await rig.row(account)).failures for account in ("main", "funds")]) >= 8

    await rig.until(tried_often, within=3600)
    for _ in range(5):  # what each try at the login screen does
        with pytest.raises(Unreachable):
            await engine.try_credential("main", {"username": "operator", "password": "word"})
    row = await rig.row()
    assert row.message == f"no answer of the name server about {NAME} within 0.02 s; check this server's DNS"
    assert mute == [NAME]


async def test_no_more_lookups_hang_than_are_allowed(mute: list[str]) -> None:
    for number in range(offloop.MOST_LOOKUPS):
        with pytest.raises(Unreachable, match="no answer of the name server"):
            await guard.resolve(f"{number}.{NAME}", 443)
    with pytest.raises(Unreachable, match="too many name lookups hang"):
        await guard.resolve(f"more.{NAME}", 443)
    assert len(mute) == offloop.MOST_LOOKUPS


async def test_who_asks_while_a_lookup_is_under_way_gets_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    go, asked = threading.Event(), list[str]()

    def slow(host: str, *args: Any, **how: Any) -> Any:
        asked.append(host)
        go.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    first, second = [asyncio.ensure_future(offloop.look_up(NAME, 443)) for _ in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    third = asyncio.ensure_future(offloop.look_up(NAME, 443))
    go.set()
    assert [info[4][0] for info in (*await second, *await third)] == ["192.0.2.1"] * 2
    assert asked == [NAME]
    assert not offloop.looking_up(NAME)
    await offloop.look_up(NAME, 443)
    assert asked == [NAME, NAME]  # an answer is not kept here
    assert first.cancelled()


async def test_a_lookup_that_hangs_does_not_hold_up_a_call_that_is_given_up(
    mute: list[str], rig: Rig
) -> None:
    rig.account("main", base_url=f"http://{NAME}:8080", allow_insecure=True)
    client = (await rig.start()).seat("main").client
    with pytest.raises(Unreachable) as caught:
        await client.send(Request("POST", "/Report", public=True))
    assert not caught.value.sent
