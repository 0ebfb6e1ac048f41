"""A process that downloads reports which come in an answer of 7G's, and says what memory that cost.

`python -m tests.faults.hoarder FOLDER BYTES KIND...` prints a line of JSON for each: `kind`, `grown` (kB
beyond what the process held before the first, at the highest), `size` (bytes of the saved file; null: nothing
was saved) and the outcome's `text`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from reportdash.clock import SystemClock
from reportdash.model import Credential
from reportdash.net.client import Client
from reportdash.vendors.seveng import SevenG, SevenGAccount
from tests.engine.shelf import QUICK, Bench, bench
from tests.net.lying import Asked, Liar, Peer

GUID = "00000000-0000-4000-8000-{:012d}"
HEAD = b'{"result": true, "message": "", "data": {"reportName": "R", "results": ['
TAIL = b'], "summary": {}}}'
ROW = b'{"id": 1048576, "name": "Z\\u00fcrich", "price": 2.50, "held": true, "note": null, "tags": ["a"]}, '
BLOCK = 64 * 1024


def block(piece: bytes) -> bytes:
    return piece * (BLOCK // len(piece) + 1)


def filled(head: bytes, piece: bytes, tail: bytes, size: int) -> Iterator[bytes]:
    """`head`, the piece again and again up to about `size` bytes, `tail`."""
    yield head
    whole = block(piece)
    for _ in range(size // len(whole)):
        yield whole
    yield tail


KINDS: dict[str, Callable[[int], Iterator[bytes]]] = {
    "rows": lambda size: filled(HEAD, ROW, b"{}" + TAIL, size),
    "empty lists": lambda size: filled(HEAD, b"[],", b"[]" + TAIL, size),
    "small objects": lambda size: filled(HEAD, b'{"":0},', b"{}" + TAIL, size),
    "one row": lambda size: filled(HEAD + b'{"a":0', b',"":0', b"}" + TAIL, size),
    "one string": lambda size: filled(HEAD + b'"', b"abc\\n\\u00e9", b'"' + TAIL, size),
    "one key": lambda size: filled(HEAD + b'{"', b"abc", b'": 1}' + TAIL, size),
    "one number": lambda size: filled(HEAD, b"123", TAIL, size),
    "blanks": lambda size: filled(HEAD, b" \n", TAIL, size),
    "nested": lambda size: filled(HEAD, b"[", TAIL, size),
    "nested objects": lambda size: filled(HEAD, b'{"a":', TAIL, size),
    "beside the report": lambda size: filled(
        b'{"x": [', b'{"":0},', b'{}], "result": true, "data": [1]}', size
    ),
    "without an end": lambda size: filled(HEAD, ROW, b"", size),
}


async def none() -> Credential:
    return Credential({"username": "u", "password": "p"}, None, "memory")


def held(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


async def measure(made: Bench, kind: str, size: int) -> dict[str, Any]:
    async def script(asked: Asked, peer: Peer) -> None:
        if "Login" in asked.path:
            await peer.answer(200, {"accessToken": "t", "refreshToken": "r"})
            return
        await peer.raw(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for piece in KINDS[kind](size):
            if piece:
                await peer.raw(b"%x\r\n%b\r\n" % (len(piece), piece))
        await peer.raw(b"0\r\n\r\n")

    async with Liar(script) as liar:
        client = Client(
            account="main",
            base_url=liar.base,
            credential=none,
            trace=lambda *_: None,
            clock=SystemClock(),
        )
        vendor = SevenG(SevenGAccount(base_url=liar.base), client)
        client.bind(vendor)
        made.seat.vendor = vendor
        number = list(KINDS).index(kind)
        job = await made.job(f"aaaaa{chr(97 + number)}", vendor="7g", reference=GUID.format(number))
        outcome = await made.downloads.fetch(job.id, patience=0.5)
        await client.aclose()
    artifact = outcome.job.artifact
    saved = artifact.bytes if outcome.ok and artifact is not None else None
    return {"kind": kind, "size": saved, "text": outcome.text}


async def main(folder: Path, size: int, kinds: list[str]) -> None:
    limits = dataclasses.replace(QUICK, idle=30.0, slow_window=60.0, refusals=0)
    async with bench(folder, lambda job: job, limits=limits) as made:
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
        before = held("VmRSS")
        for kind in kinds:
            told = await measure(made, kind, size)
            print(json.dumps({**told, "grown": held("VmHWM") - before}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
