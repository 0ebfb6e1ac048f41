"""What comes in place of a report: pages, errors, encodings nobody asked for, and files without an end."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import resource
from pathlib import Path

import pytest

from reportdash.engine.content import no_rows, wrong_start, wrong_whole
from reportdash.errors import Exit
from reportdash.model import ArtifactState, JobState, Signed, Spec
from tests.engine.shelf import QUICK, Shelf, bench, data, lending
from tests.net.lying import Asked, Liar, Peer, always

PAGE = b"\n<!DOCTYPE html><html><body>Sign in</body></html>"
XML = b'<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code><Message>Gone.</Message></Error>'


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({"Content-Type": "text/html"}, PAGE),
        ({"Content-Type": "text/html"}, b"a,b\n1,2\n"),
        ({"Content-Type": "text/csv"}, PAGE),
        ({"Content-Type": "application/xml"}, XML),
        ({"Content-Type": "text/csv"}, XML),
        ({"Content-Type": "application/json"}, b'{"message": "Internal server error"}'),
        ({"Content-Type": "text/csv"}, b'{"error": {"code": 5}}'),
    ],
)
async def test_a_page_or_an_error_with_status_200_is_no_report(
    tmp_path: Path, headers: dict[str, str], answer: bytes
) -> None:
    shelf = Shelf(answer, headers=headers)
    async with lending(tmp_path, shelf, "/r") as (bench, liar):
        job = await bench.job(spec=Spec("balances", format="csv"))
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.FAILED
        assert outcome.job.artifact is not None
        assert outcome.job.artifact.state is ArtifactState.FAILED
        assert "came instead" in outcome.text
        assert bench.files() == []
        assert len(liar.asked) > 1  # perhaps it was a passing trouble: it was tried again


async def test_a_page_in_the_middle_of_a_download_does_not_cost_the_part(tmp_path: Path) -> None:
    shelf = Shelf(data(300_000), cut=100_000)
    async with lending(tmp_path, shelf) as (bench, liar):
        job = await bench.job()

        async def page(asked: Asked, peer: Peer) -> bool:
            if len(liar.asked) == 2:
                await peer.answer(200, PAGE, {"Content-Type": "text/html"})
                return True
            return False

        shelf.before = page
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        assert liar.asked[2].headers["range"] == "bytes=100000-"


async def test_a_report_that_is_html_by_its_name_is_saved(tmp_path: Path) -> None:
    shelf = Shelf(
        PAGE, headers={"Content-Type": "text/html", "Content-Disposition": 'attachment; filename="a.html"'}
    )
    async with lending(tmp_path, shelf, "/r") as (bench, _):
        job = await bench.job(spec=None)
        assert (await bench.downloads.fetch(job.id)).ok
        assert bench.files() == ["main_balances_2026-01-01_aaaaaa.html"]


async def test_a_json_report_is_saved_and_its_error_is_not(tmp_path: Path) -> None:
    shelf = Shelf(b'{"type": "calls", "version": 2, "entries": [], "total": 0}')
    async with lending(tmp_path, shelf, "/r") as (bench, _):
        job = await bench.job(spec=Spec("calls", format="json_bulk"))
        assert (await bench.downloads.fetch(job.id)).ok
        assert bench.files() == ["main_calls_2026-01-01_aaaaaa.json"]
    assert (
        wrong_whole(b'{"code": "403", "message": "no"}', "json") == "an error came instead of the report: no"
    )
    assert wrong_whole(b'{"message": "see https://x/?a=b"}', "json") == "an error came instead of the report"
    assert wrong_whole(b'[{"error": 1}]', "json") is None
    assert wrong_whole(b'{"data": [], "message": "x"}', "json") is None
    assert wrong_whole(b'{"data": []}', "csv") is not None


@pytest.mark.parametrize(
    ("head", "media", "expected", "wrong"),
    [
        (b"a,b\n", "text/csv", "csv", False),
        (b"a,b\n", "application/octet-stream", "csv", False),
        (b"<table>", "application/vnd.ms-excel", "xls", False),
        (b"<html><table>", "application/vnd.ms-excel", "xls", False),
        (b"<html><table>", "text/html", "xls", True),
        (b"\xef\xbb\xbf<?xml version='1.0'?><rows/>", "text/xml", "xml", False),
        (b"\xef\xbb\xbf<?xml version='1.0'?><rows/>", "text/xml", "csv", True),
        (b"<?xml version='1.0'?><!-- a --><Error/>", "text/xml", "xml", True),
        (b"<ErrorMargin>1</ErrorMargin>", "text/xml", "xml", False),
        (b"<!doctype HTML>", None, None, True),
        (b"<?xml version='1.0'?><rows/>", None, None, False),
        (b"PK\x03\x04", "application/zip", "zip", False),
        (b"", "text/csv", "csv", False),
    ],
)
def test_first_bytes_are_judged_by_what_was_expected(
    head: bytes, media: str | None, expected: str | None, wrong: bool
) -> None:
    assert (wrong_start(head, media, expected) is not None) is wrong


@pytest.mark.parametrize("piece", [b"<!---->", b"<!-- --> ", b"<?xml?>", b" \n\t", b"<!--"])
def test_no_beginning_takes_longer_to_judge_than_it_is_long(piece: bytes) -> None:
    """Judged on the loop of the screen: what could be read in many ways is not tried in all of them."""
    for end in (b"", b"x", b"<", b"<!"):
        assert wrong_start(b"<" + piece * 200 + end, None, "csv") is None
        assert wrong_start(piece * 200 + end, None, "xml") is None
    assert wrong_start(b"<!---->" * 100 + b"<Error>", None, "csv") is not None


def test_a_table_with_only_a_header_has_no_rows() -> None:
    assert no_rows(b"a,b\r\n", "csv") and no_rows(b"", "csv")
    assert not no_rows(b"a,b\n1,2\n", "csv") and not no_rows(b"{}", "json")


async def test_a_header_without_rows_is_said_and_the_state_stays(tmp_path: Path) -> None:
    async with lending(tmp_path, Shelf(b"id,amount\n")) as (bench, _):
        job = await bench.job()
        outcome = await bench.downloads.fetch(job.id)
        assert (outcome.job.message, outcome.job.state) == ("no rows in the file", job.state)
        warned = await bench.job("bbbbbb", state=JobState.NOTIFY_FAILED, message="mailbox is full")
        assert (await bench.downloads.fetch(warned.id)).job.message == "mailbox is full"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
async def test_an_encoding_nobody_asked_for_is_an_error_and_nothing_is_unpacked(
    tmp_path: Path, encoding: str
) -> None:
    bomb = gzip.compress(gzip.compress(bytes(64 * 1024 * 1024)))
    async with lending(tmp_path, Shelf(bomb, headers={"Content-Encoding": encoding})) as (bench, _):
        job = await bench.job()
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.FAILED and "nobody asked for" in outcome.text
        assert bench.files() == []


async def test_a_gzip_report_is_saved_as_it_is(tmp_path: Path) -> None:
    packed = gzip.compress(bytes(10_000_000))
    async with lending(tmp_path, Shelf(packed), "/r.csv.gz") as (bench, _):
        job = await bench.job(spec=None)
        outcome = await bench.downloads.fetch(job.id)
        (path,) = await bench.downloads.paths(outcome.job)
        assert path.name.endswith("_aaaaaa.csv.gz") and path.read_bytes() == packed


async def test_an_announced_giant_is_not_begun(tmp_path: Path) -> None:
    limits = dataclasses.replace(QUICK, max_bytes=1000)
    async with lending(tmp_path, Shelf(data(2000)), limits=limits) as (bench, liar):
        job = await bench.job()
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.FAILED and "larger than 1 kB" in outcome.text
        assert len(liar.asked) == 1 and bench.files() == []


async def test_an_endless_body_ends_at_the_cap_and_costs_little_memory(tmp_path: Path) -> None:
    async def endless(asked: Asked, peer: Peer) -> None:
        await peer.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n")
        block = b"1,2,3\n" * 10_000
        while True:
            await peer.raw(b"%x\r\n%b\r\n" % (len(block), block))

    limits = dataclasses.replace(QUICK, max_bytes=100_000_000, batch=256 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with Liar(endless) as liar, bench(tmp_path, lambda job: Signed(liar.base), limits=limits) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.FAILED and "larger than" in outcome.text
        assert made.files() == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("../../etc/passwd", ".csv"),
        ("evil.sh", ".csv"),
        ("x.desktop", ".csv"),
        ("a\x1b]52;c;x\x07.XLSX", ".xlsx"),
        ("..\\..\\boot.zip", ".zip"),
        ("r\u202egpj.exe", ".csv"),
    ],
)
async def test_a_vendors_file_name_gives_an_extension_and_nothing_else(
    tmp_path: Path, name: str, ends: str
) -> None:
    async with (
        Liar(always(200, b"PK", {"Content-Type": "application/octet-stream"})) as liar,
        bench(tmp_path, lambda job: Signed(liar.base + "/r", filename=name)) as made,
    ):
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        assert made.files() == ["main_balances_2026-01-01_aaaaaa" + ends]


async def test_no_trace_of_the_address_stays_anywhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    shelf = Shelf(data(200_000), cut=90_000)
    async with Liar(shelf) as liar:
        hop = "/go?sig=canary"

        async def redirect(asked: Asked, peer: Peer) -> bool:
            if asked.path == "/go":
                await peer.answer(302, b"", {"Location": "/r.csv?sig=canary-two"})
                return True
            if len(liar.asked) in (4, 8):
                await peer.answer(
                    403, f"<Error><Message>{liar.base}{asked.target}</Message></Error>".encode()
                )
                return True
            return False

        shelf.before = redirect
        async with bench(tmp_path, lambda job: Signed(liar.base + hop)) as made:
            job = await made.job()
            outcome = await made.downloads.fetch(job.id)
            assert outcome.ok
            assert sum(asked.target.endswith("canary-two") for asked in liar.asked) > 2
            failing = await made.job("bbbbbb")
            shelf.statuses = [403] * 9
            outcome = await made.downloads.fetch(failing.id)
            assert not outcome.ok
            told = [outcome.text, *map(str, await made.ledger.history(failing.id))]
            told += [str(await made.ledger.job(job.id)), str(await made.ledger.last_error(failing.id))]
        assert "canary" not in "".join(told)
    assert "canary" not in caplog.text
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"canary" not in await asyncio.to_thread(path.read_bytes), path
