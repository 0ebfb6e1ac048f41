"""Answers that tell neither their length nor their end: one that was cut off looks like a whole one."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.errors import Exit
from reportdash.model import Body, Signed, Verified
from reportdash.net.http import Reply
from reportdash.vendors.talkdesk_answers import parse_download
from tests.engine.shelf import bench, body
from tests.net.lying import Asked, Liar, Peer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"


async def test_a_connection_that_closes_behind_the_headers_brings_no_empty_report(tmp_path: Path) -> None:
    answers = [HEAD + b"Connection: close\r\n\r\n", HEAD + b"Content-Length: 4\r\n\r\n1,2\n"]

    async def handler(asked: Asked, peer: Peer) -> None:
        await peer.raw(answers.pop(0))
        peer.close()

    async with Liar(handler) as liar, bench(tmp_path, lambda job: Signed(liar.base)) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await made.downloads.paths(outcome.job)
        assert path.read_bytes() == b"1,2\n"


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 0\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]
)
async def test_a_report_that_says_it_is_empty_is_saved(tmp_path: Path, framing: bytes) -> None:
    async def handler(asked: Asked, peer: Peer) -> None:
        await peer.raw(HEAD + framing)

    async with Liar(handler) as liar, bench(tmp_path, lambda job: Signed(liar.base)) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text


async def test_an_inline_report_of_nothing_is_none_either(tmp_path: Path) -> None:
    async with bench(tmp_path, lambda job: Body(body(), "csv")) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id, patience=0.2)
        assert outcome.exit_code is Exit.UNREACHABLE
        assert made.files() == []


@pytest.mark.parametrize(
    ("headers", "verified"),
    [
        ({}, Verified.NONE),
        ({"content-length": "7"}, Verified.LENGTH),
        ({"transfer-encoding": "chunked"}, Verified.LENGTH),
    ],
)
async def test_a_small_inline_report_whose_length_nobody_announced_is_unverified(
    tmp_path: Path, headers: dict[str, str], verified: Verified
) -> None:
    """Half a table looks like a whole one."""
    reply = Reply(200, {"content-type": "text/csv", **headers}, b"a,b\n1,2")
    async with bench(tmp_path, lambda job: parse_download(reply)) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok and outcome.job.artifact is not None
        assert outcome.job.artifact.verified is verified
