"""A download that drips ends soon, and what never ends or blows up costs little memory.

REPORTDASH_FAULTS multiplies the size of the reports that come in an answer.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import gzip
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reportdash.clock import SystemClock
from reportdash.engine.watching import Limits
from reportdash.errors import BadPayload, Exit, Unreachable
from reportdash.model import Signed
from reportdash.net.client import Client
from reportdash.net.http import Reply, Request
from tests.engine.shelf import AT, QUICK, bench, data
from tests.faults.hoarder import KINDS
from tests.faults.swift import SwiftClock, swift
from tests.net.lying import Asked, Liar, Peer, Script, bytes_then

HEAD = b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Type: text/csv\r\nContent-Length: 10000000\r\n\r\n'
MOST = 65.0
"""Seconds after which a connection that brings nothing, or next to nothing, is given up."""
REAL_PATIENCE = 120.0
"""Seconds of real time after which a connection that is not given up fails the test."""
ROOM = 32 * 1024
"""kB of memory that no answer may cost."""
INLINE = 3_000_000 * int(os.environ.get("REPORTDASH_FAULTS", "1"))
"""Bytes of a report that comes in 7G's answer; as Python's objects they are many times as many."""
NO_REPORTS = {"one number", "nested", "nested objects", "without an end"}
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as made:
        yield made


def dripping(clock: SwiftClock, first: bytes, drop: bytes, every: float) -> Script:
    """The script that writes `first`, then a drop each `every` seconds for ever."""

    async def script(_: Asked, peer: Peer) -> None:
        await peer.raw(first)
        while True:
            await clock.sleep(every)
            await peer.raw(drop)

    return script


STALLS: dict[str, tuple[bytes, bytes, float]] = {
    "nothing at all": (b"", b"", 5.0),
    "a head that drips": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 1.0),
    "a head without a body": (HEAD, b"", 5.0),
    "a byte each 29 s": (HEAD, b"a", 29.0),
    "a byte each half second": (HEAD, b"a", 0.5),
    "just under 1 KiB/s": (HEAD, b"a" * 1000, 1.0),
    "a good start, then drops": (HEAD + data(50_000), b"a", 1.0),
}


@pytest.mark.parametrize("stall", STALLS)
async def test_a_connection_that_drips_is_given_up_within_65_seconds(
    tmp_path: Path, patch: pytest.MonkeyPatch, stall: str
) -> None:
    """With the figures of every day, on a clock that runs by itself."""
    clock = SwiftClock(AT)
    async with (
        swift(clock, patch),
        Liar(dripping(clock, *STALLS[stall])) as liar,
        bench(tmp_path, lambda _: Signed(liar.base + "/r.csv"), clock=clock, limits=Limits()) as made,
    ):
        job = await made.job()
        began = clock.monotonic()
        async with asyncio.timeout(REAL_PATIENCE):
            outcome = await made.downloads.fetch(job.id, patience=0.0)  # the first connection decides
        assert not outcome.ok
        assert "no byte came for 30 s" in outcome.text or "less than 1024 bytes a second" in outcome.text
        assert 29.0 <= clock.monotonic() - began <= MOST
        assert liar.connections == 1


async def test_a_slow_body_that_keeps_above_the_least_is_waited_for(
    tmp_path: Path, patch: pytest.MonkeyPatch
) -> None:
    clock, whole = SwiftClock(AT), data(400_000)

    async def slow(_: Asked, peer: Peer) -> None:
        await peer.raw(f'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: {len(whole)}\r\n\r\n'.encode())
        for at in range(0, len(whole), 1200):
            await clock.sleep(1.0)
            await peer.raw(whole[at : at + 1200])

    async with (
        swift(clock, patch),
        Liar(slow) as liar,
        bench(tmp_path, lambda _: Signed(liar.base + "/r.csv"), clock=clock, limits=Limits()) as made,
    ):
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok and liar.connections == 1, outcome.text
        assert clock.now() - AT > 300


# bombs


class Peak:
    """The most memory this process has held since the block began, in kB beyond what it held then."""

    def __enter__(self) -> Peak:
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
        self._before = self._read("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.grown = self._read("VmHWM") - self._before

    @staticmethod
    def _read(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


def endless(head: bytes, block: bytes) -> Script:
    async def script(_: Asked, peer: Peer) -> None:
        await peer.raw(head)
        while True:
            await peer.raw(block)

    return script


@functools.cache
def bomb() -> bytes:
    """A few hundred bytes that unpack to 128 MiB."""
    return gzip.compress(gzip.compress(bytes(128 * 1024 * 1024), 1))


ROWS = b"1,2,3\n" * 10_000
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(ROWS), ROWS)
PACKED = (
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%b"
)
BOMBS: dict[str, Callable[[bytes], Script]] = {
    "endless chunks": lambda kind: endless(CHUNKED % kind, CHUNK),
    "endless without a length": lambda kind: endless(
        b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n" % kind, ROWS
    ),
    "one endless line": lambda kind: endless(CHUNKED % kind, b"%x\r\n%b\r\n" % (len(ROWS), b"a" * len(ROWS))),
    "an endless head": lambda kind: endless(b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n" * 1000),
    "an endless word in the head": lambda kind: endless(b"HTTP/1.1 200 OK\r\nX-Y: ", b"z" * 60_000),
    "an endless size of a chunk": lambda kind: endless(CHUNKED % kind, b"0" * 60_000),
    "gzip in gzip": lambda kind: bytes_then(PACKED % (kind, len(bomb()), bomb())),
}


@pytest.mark.parametrize("kind", BOMBS)
async def test_no_answer_of_a_storage_costs_more_than_32_mib(tmp_path: Path, kind: str) -> None:
    limits = dataclasses.replace(QUICK, max_bytes=150_000_000, batch=256 * 1024)
    async with (
        Liar(BOMBS[kind](b"text/csv")) as liar,
        bench(tmp_path, lambda _: Signed(liar.base + "/r.csv"), limits=limits) as made,
    ):
        job = await made.job()
        with Peak() as peak:
            outcome = await made.downloads.fetch(job.id, patience=0.5)
        assert outcome.exit_code in (Exit.FAILED, Exit.UNREACHABLE), outcome.text
        assert made.files() == []
    assert peak.grown < ROOM, f"{peak.grown // 1024} MiB"


@pytest.mark.parametrize("piece", [b"0", b"[]", b"{}", b'""', b'{"a":0}', b"[0]"])
def test_an_answer_of_millions_of_values_is_not_unfolded(piece: bytes) -> None:
    most = 7_000_000 // (len(piece) + 1)
    reply = Reply(200, {}, b'{"data": "complete", "more": [' + b",".join([piece] * most) + b"]}")
    with Peak() as peak, pytest.raises(BadPayload, match="values"):
        reply.object()
    assert peak.grown < ROOM, f"{peak.grown // 1024} MiB"


def test_a_list_of_more_files_than_any_account_has_is_still_read() -> None:
    files = [{"id": n, "href": "/x" * 30, "export_id": 1, "status": "Available"} for n in range(50_000)]
    assert (
        len(Reply(200, {}, json.dumps({"export_files": files}).encode()).object()["export_files"]) == 50_000
    )


@pytest.mark.parametrize("kind", BOMBS)
async def test_no_answer_of_a_vendor_costs_more_than_32_mib(kind: str) -> None:
    async def none() -> None:
        return None

    async with Liar(BOMBS[kind](b"application/json")) as liar:
        client = Client(
            account="main",
            base_url=liar.base,
            credential=none,
            trace=lambda *_: None,
            clock=SystemClock(),
        )
        with Peak() as peak, pytest.raises((BadPayload, Unreachable)):
            await client.send(Request("GET", "/status", public=True, timeout=2.0))
        await client.aclose()
    assert peak.grown < ROOM, f"{peak.grown // 1024} MiB"


async def test_no_report_in_an_answer_of_7g_costs_more_than_32_mib(tmp_path: Path) -> None:
    """In a process of its own: memory that an earlier test gave back would hide what this one takes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.faults.hoarder", str(tmp_path), str(INLINE), *KINDS),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    told = [json.loads(line) for line in out.splitlines()]
    assert [line["kind"] for line in told] == list(KINDS)
    for line in told:
        assert line["grown"] < ROOM, f"{line['kind']}: {line['grown'] // 1024} MiB"
        assert (line["size"] is None) is (line["kind"] in NO_REPORTS), line
