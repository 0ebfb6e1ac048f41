"""Signed links: good byte for byte, for a short while, without a vendor's credential; ranges and tags."""

from __future__ import annotations

import asyncio
import random
from urllib.parse import urlsplit

import httpx
import pytest

from reportdash.simulator import Simulator
from reportdash.simulator.content import Content, csv_content, json_content

from .conftest import Clock


def small(rows: bytes = b"1,2\n") -> Content:
    return Content(b"a,b\n", rows, 250, b"end\n")


@pytest.fixture
def link(sim: Simulator) -> str:
    return sim.storage.sign_v2("webadmit", "/bucket/~key one.csv", "one.csv", small())


async def raw_get(link: str) -> int:
    """The status for exactly these bytes: no client in between that could tidy them."""
    parts = urlsplit(link)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    target = link.split(parts.netloc, 1)[1]
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


async def test_a_link_is_good_byte_for_byte_only(sim: Simulator, link: str) -> None:
    assert await raw_get(link) == 200
    assert all(code in link for code in ("%2B", "%2F", "%7E"))
    for code, char in (("%7E", "~"), ("%2F", "/"), ("%3B", ";"), ("%3D", "="), ("%2B", "%2b")):
        assert code in link
        assert await raw_get(link.replace(code, char)) == 403, code
    assert sim.requests[0].raw == link.removeprefix(sim.url("storage"))


async def test_the_newer_style_is_byte_exact_too(sim: Simulator) -> None:
    link = sim.storage.sign_v4("talkdesk", "/bucket/key.json", "key.json", small())
    assert await raw_get(link) == 200
    assert "X-Amz-Credential=AKIASIMULATED0000000%2F" in link
    assert await raw_get(link.replace("%2F", "/")) == 403


@pytest.mark.parametrize("header", ["x-api-key", "Authorization"])
async def test_a_vendors_credential_is_refused(http: httpx.AsyncClient, link: str, header: str) -> None:
    assert (await http.get(link, headers={header: "secret"})).status_code == 400
    assert (await http.get(link)).status_code == 200


async def test_a_link_expires(http: httpx.AsyncClient, sim: Simulator, clock: Clock) -> None:
    sim.storage.life_s["webadmit"] = 0.25
    link = sim.storage.sign_v2("webadmit", "/bucket/key", "one.csv", small())
    clock.advance(0.2)
    assert (await http.get(link)).status_code == 200
    clock.advance(0.05)
    reply = await http.get(link)
    assert reply.status_code == 403
    assert "Request has expired" in reply.text


async def test_ranges_resume_by_strong_etag(http: httpx.AsyncClient, link: str) -> None:
    whole = await http.get(link)
    tag, size = whole.headers["etag"], len(whole.content)
    assert tag.startswith('"')
    assert whole.headers["content-length"] == str(size) == "1008"
    rest = await http.get(link, headers={"Range": "bytes=600-", "If-Range": tag})
    assert rest.status_code == 206
    assert rest.headers["content-range"] == f"bytes 600-{size - 1}/{size}"
    assert rest.headers["etag"] == tag
    assert whole.content[:600] + rest.content == whole.content
    middle = await http.get(link, headers={"Range": "bytes=2-9"})
    assert middle.content == whole.content[2:10]
    tail = await http.get(link, headers={"Range": "bytes=-5"})
    assert tail.content == whole.content[-5:]


async def test_another_version_is_sent_whole(http: httpx.AsyncClient, link: str) -> None:
    reply = await http.get(link, headers={"Range": "bytes=600-", "If-Range": '"old"'})
    assert (reply.status_code, len(reply.content)) == (200, 1008)


async def test_a_range_past_the_end_is_416(http: httpx.AsyncClient, link: str) -> None:
    reply = await http.get(link, headers={"Range": "bytes=1008-"})
    assert (reply.status_code, reply.headers["content-range"]) == (416, "bytes */1008")


async def test_head_has_the_length_and_no_body(http: httpx.AsyncClient, link: str) -> None:
    reply = await http.head(link)
    assert (reply.headers["content-length"], reply.content) == ("1008", b"")


async def test_ranges_and_tags_can_be_off(http: httpx.AsyncClient, sim: Simulator, link: str) -> None:
    sim.storage.ranges = sim.storage.etags = False
    reply = await http.get(link, headers={"Range": "bytes=600-"})
    assert (reply.status_code, len(reply.content)) == (200, 1008)
    assert "etag" not in reply.headers
    assert "accept-ranges" not in reply.headers


async def test_a_new_version_of_a_report_has_another_tag(http: httpx.AsyncClient, sim: Simulator) -> None:
    job = sim.add("talkdesk", "calls/a", report="calls", size=5000)
    tags = []
    for job.version in (0, 0, 1):
        link = sim.storage.sign_v4("talkdesk", "/key", "a.csv", sim.talkdesk.content(job))
        tags.append((await http.get(link)).headers["etag"])
    assert tags[0] == tags[1] != tags[2]


async def test_a_throttled_file_arrives_whole(http: httpx.AsyncClient, sim: Simulator, link: str) -> None:
    sim.storage.rate, sim.storage.throttle_from = 50_000.0, 500
    assert len((await http.get(link)).content) == 1008


@pytest.mark.parametrize("size", [0, 1, 900, 20_000, 1_000_000])
def test_content_is_one_sequence_of_bytes_of_about_the_size(size: int) -> None:
    content = csv_content(random.Random(1), "ledger", size)
    whole = content.all()
    assert len(whole) == content.size
    assert size <= content.size <= size + 300
    for start, stop in (
        (0, 10),
        (50, 51),
        (size // 2, size // 2 + 70),
        (max(content.size - 9, 0), content.size),
    ):
        assert content.read(start, min(stop, content.size)) == whole[start:stop]


@pytest.mark.parametrize("size", [0, 1, 900, 200_000])
def test_json_content_counts_its_rows(size: int) -> None:
    import json

    content = json_content(random.Random(1), "calls", size, '{"entries": ', ', "total": {total}}')
    body = json.loads(content.all())
    assert body["total"] == len(body["entries"])
    assert (body["total"] > 0) == (size > 0)
