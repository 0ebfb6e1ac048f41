"""Downloads that are cut, swapped, stalled or refused on the way: what is gone on with and what is not."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reportdash.clock import ManualClock
from reportdash.engine import watching
from reportdash.engine.files import Part
from reportdash.engine.watching import Limits
from reportdash.errors import Exit, Throttled
from reportdash.model import ArtifactState, Body, Signed, Verified
from tests.engine.shelf import AT, IMPATIENT, QUICK, Shelf, bench, body, data, lending
from tests.net.lying import Asked, Liar, Peer, bytes_then

KIB = 1024


async def test_a_download_cut_every_64_kib_fetches_hardly_a_byte_twice(tmp_path: Path) -> None:
    shelf = Shelf(data(1_500_000), cut=64 * KIB)
    async with lending(tmp_path, shelf) as (bench, liar):
        job = await bench.job()
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await bench.downloads.paths(outcome.job)
        assert path.read_bytes() == shelf.body
        assert shelf.sent <= len(shelf.body) * 1.05
        assert len(bench.vendor.asked) == 1  # a cut is no reason for a new link
        assert len({asked.headers.get("range") for asked in liar.asked}) == len(liar.asked)


async def test_a_part_survives_its_process_and_is_gone_on_with(tmp_path: Path) -> None:
    whole = data(400_000)
    shelf = Shelf(whole, cut=150_000)
    async with lending(tmp_path, shelf, limits=dataclasses.replace(QUICK, progress=10**9)) as (bench, _):
        job = await bench.job()
        shelf.before = _only_once()
        outcome = await bench.downloads.fetch(job.id, patience=0.0)
        assert outcome.exit_code in (Exit.FAILED, Exit.UNREACHABLE)
        artifact = outcome.job.artifact
        assert artifact is not None and (artifact.bytes, artifact.total) == (150_000, 400_000)
        assert bench.files() == [
            ".main_balances_2026-01-01_aaaaaa.part",
            ".main_balances_2026-01-01_aaaaaa.part.json",
        ]
        assert b"canary" not in (bench.folder / bench.files()[1]).read_bytes()
    shelf = Shelf(whole)
    async with lending(tmp_path, shelf) as (bench, liar):
        outcome = await bench.downloads.fetch("aaaaaa")
        assert outcome.ok, outcome.text
        assert liar.asked[0].headers["range"] == "bytes=150000-"
        assert liar.asked[0].headers["if-range"] == '"v1"'
        (path,) = await bench.downloads.paths(outcome.job)
        assert path.read_bytes() == whole
        assert shelf.sent == 250_000


def _only_once() -> Callable[[Asked, Peer], Awaitable[bool]]:
    seen: list[Asked] = []

    async def before(asked: Asked, peer: Peer) -> bool:
        seen.append(asked)
        if len(seen) > 1:
            peer.reset()
        return len(seen) > 1

    return before


@pytest.mark.parametrize("etag", [None, 'W/"v1"', "v1", '"é"'])
async def test_without_a_strong_etag_a_cut_download_starts_again(tmp_path: Path, etag: str | None) -> None:
    shelf = Shelf(data(200_000), etag=etag, cut=100_000)
    async with lending(tmp_path, shelf) as (bench, liar):
        job = await bench.job()

        async def heal(asked: Asked, peer: Peer) -> bool:
            shelf.cut = None if len(liar.asked) > 1 else shelf.cut
            return False

        shelf.before = heal
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        assert all("range" not in asked.headers for asked in liar.asked)
        (path,) = await bench.downloads.paths(outcome.job)
        assert path.read_bytes() == shelf.body


async def test_a_file_swapped_between_two_pieces_is_never_mixed(tmp_path: Path) -> None:
    old, new = data(300_000, seed=1), data(300_000, seed=2)
    shelf = Shelf(old, cut=100_000)
    async with lending(tmp_path, shelf) as (bench, liar):
        job = await bench.job()

        async def swap(asked: Asked, peer: Peer) -> bool:
            if len(liar.asked) > 1:
                shelf.body, shelf.etag, shelf.cut = new, '"v2"', None
            return False

        shelf.before = swap
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await bench.downloads.paths(outcome.job)
        assert path.read_bytes() == new


LIES = {
    "starts earlier": {"Content-Range": "bytes 0-199999/300000"},
    "starts later": {"Content-Range": "bytes 100001-299999/300000"},
    "other total": {"Content-Range": "bytes 100000-299999/300001"},
    "unknown total": {"Content-Range": "bytes 100000-299999/*"},
    "past the end": {"Content-Range": "bytes 100000-300000/300000"},
    "not a range": {"Content-Range": "bytes 100000 bis 299999"},
    "arabic digits": {"Content-Range": "bytes \u0661\u0660\u0660\u0660\u0660\u0660-299999/300000"},
    "other etag": {"ETag": '"v2"'},
    "weak etag": {"ETag": 'W/"v1"'},
    "no etag": {"ETag": ""},
    "length does not fit": {"Content-Range": "bytes 100000-299990/300000"},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_206_that_is_not_exactly_the_rest_is_dropped(tmp_path: Path, lie: str) -> None:
    whole = data(300_000)
    shelf = Shelf(whole, cut=100_000)
    async with lending(tmp_path, shelf) as (bench, liar):
        job = await bench.job()

        async def lying(asked: Asked, peer: Peer) -> bool:
            if "range" not in asked.headers:
                shelf.cut = 100_000 if len(liar.asked) == 1 else None
                return False
            poison = b"X" * 200_000
            headers = {"Content-Range": "bytes 100000-299999/300000", "ETag": '"v1"'} | LIES[lie]
            head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
            await peer.raw(f"HTTP/1.1 206 P\r\nContent-Length: {len(poison)}\r\n{head}\r\n".encode() + poison)
            return True

        shelf.before = lying
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await bench.downloads.paths(outcome.job)
        assert path.read_bytes() == whole
        assert [("range" in asked.headers) for asked in liar.asked] == [False, True, False]


async def test_416_drops_the_part_and_starts_again(tmp_path: Path) -> None:
    shelf = Shelf(data(300_000), cut=100_000)
    async with lending(tmp_path, shelf) as (bench, liar):
        job = await bench.job()

        async def shrink(asked: Asked, peer: Peer) -> bool:
            if "range" in asked.headers:
                await peer.answer(416, b"", {"Content-Range": "bytes */50000"})
                shelf.cut = None
                return True
            return False

        shelf.before = shrink
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        assert "range" not in liar.asked[-1].headers


async def test_an_expired_link_is_asked_for_anew_and_the_same_part_goes_on(tmp_path: Path) -> None:
    shelf = Shelf(data(300_000), cut=100_000)
    async with Liar(shelf) as liar:
        links: list[str] = []

        def give(_: object) -> Signed:
            links.append(f"{liar.base}/r.csv?n={len(links)}")
            return Signed(links[-1])

        async def expire(asked: Asked, peer: Peer) -> bool:
            shelf.cut = None
            if "range" in asked.headers and asked.target.endswith("n=0"):
                await peer.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
                return True
            shelf.cut = 100_000 if asked.target.endswith("n=0") else None
            return False

        shelf.before = expire
        async with bench(tmp_path, give) as made:
            job = await made.job()
            outcome = await made.downloads.fetch(job.id)
            assert outcome.ok, outcome.text
            assert len(links) == 2
            assert liar.asked[-1].headers["range"] == "bytes=100000-"
            assert shelf.sent == 300_000


@pytest.mark.parametrize("status", [400, 403, 410])
async def test_links_that_are_always_refused_end_in_the_storages_words(tmp_path: Path, status: int) -> None:
    shelf = Shelf(b"x", statuses=[status] * 50)
    async with lending(tmp_path, shelf) as (bench, liar):
        job = await bench.job()
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.FAILED
        assert outcome.text == (
            f"the storage refuses the link: HTTP {status} (AccessDenied: Request has expired)"
        )
        assert len(liar.asked) == 1 + QUICK.refusals
        assert bench.files() == []


async def test_a_storage_that_is_busy_is_asked_again(tmp_path: Path) -> None:
    shelf = Shelf(data(100), statuses=[503, 500, 429])
    async with lending(tmp_path, shelf) as (bench, _):
        job = await bench.job()
        assert (await bench.downloads.fetch(job.id)).ok


async def test_a_throttled_vendor_is_asked_again(tmp_path: Path) -> None:
    async with Liar(Shelf(data(100))) as liar:
        answers: list[object] = [
            Throttled("slow down", status=429, retry_after=0.01),
            Signed(liar.base + "/r.csv"),
        ]
        async with bench(tmp_path, lambda job: answers.pop(0)) as made:
            job = await made.job()
            assert (await made.downloads.fetch(job.id)).ok


async def test_a_storage_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async with (
        Liar(bytes_then(b"", "stay")) as liar,
        bench(tmp_path, lambda job: Signed(liar.base), limits=IMPATIENT) as made,
    ):
        job = await made.job()
        outcome = await made.downloads.fetch(job.id, patience=1.0)
        assert outcome.exit_code is Exit.UNREACHABLE
        assert "no byte came" in outcome.text


async def test_dripped_headers_do_not_hold_a_download(tmp_path: Path) -> None:
    async def drip(asked: Asked, peer: Peer) -> None:
        await peer.raw(b"HTTP/1.1 200 OK\r\n")
        while True:
            await peer.raw(b"X: y\r\n")
            await asyncio.sleep(0.05)

    async with Liar(drip) as liar, bench(tmp_path, lambda job: Signed(liar.base), limits=IMPATIENT) as made:
        job = await made.job()
        async with asyncio.timeout(120):
            outcome = await made.downloads.fetch(job.id, patience=0.5)
        assert outcome.exit_code is Exit.UNREACHABLE


async def test_a_stalled_body_is_dropped_and_gone_on_with(tmp_path: Path) -> None:
    shelf = Shelf(data(300_000))
    async with lending(tmp_path, shelf, limits=IMPATIENT) as (bench, liar):
        job = await bench.job()

        async def stall(asked: Asked, peer: Peer) -> bool:
            if len(liar.asked) > 1:
                return False
            head = f'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: {len(shelf.body)}\r\n\r\n'
            await peer.raw(head.encode() + shelf.body[:100_000])
            await asyncio.Event().wait()
            return True

        shelf.before = stall
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        assert liar.asked[-1].headers["range"] == "bytes=100000-"


async def test_a_body_that_drips_is_given_up(tmp_path: Path) -> None:
    async def drip(asked: Asked, peer: Peer) -> None:
        await peer.raw(b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: 1000000\r\n\r\n')
        while True:
            await peer.raw(b"a")
            await asyncio.sleep(0.05)

    async with Liar(drip) as liar, bench(tmp_path, lambda job: Signed(liar.base), limits=IMPATIENT) as made:
        job = await made.job()
        async with asyncio.timeout(120):
            outcome = await made.downloads.fetch(job.id, patience=1.5)
        assert outcome.exit_code is Exit.FAILED
        assert "less than" in outcome.text


async def test_a_body_cut_short_of_its_length_never_becomes_a_file(tmp_path: Path) -> None:
    shelf = Shelf(data(50_000), etag=None, cut=40_000)
    async with lending(tmp_path, shelf) as (bench, _):
        job = await bench.job()
        outcome = await bench.downloads.fetch(job.id, patience=0.3)
        assert outcome.exit_code is Exit.FAILED
        assert bench.files() == []


async def test_a_report_without_an_announced_length_is_saved_as_unverified(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/csv\r\n\r\n" + data(5000)
    async with Liar(bytes_then(answer)) as liar, bench(tmp_path, lambda job: Signed(liar.base)) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok and outcome.job.artifact is not None
        assert outcome.job.artifact.verified is Verified.NONE
        assert "unverified" in outcome.text


async def test_a_cut_inline_report_is_no_report(tmp_path: Path) -> None:
    async with bench(tmp_path, lambda job: Body(body(b'{"a":'), "json", total=9)) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id, patience=0.2)
        assert outcome.exit_code is Exit.FAILED and made.files() == []


@pytest.mark.parametrize("good", [True, False])
async def test_a_vendors_checksum_decides(tmp_path: Path, good: bool) -> None:
    content = data(100_000)
    digest = hashlib.md5(content).hexdigest()
    sent = content if good else content[:-1] + b"X"
    async with (
        Liar(Shelf(sent)) as liar,
        bench(tmp_path, lambda job: Signed(liar.base + "/r.csv", checksum=f"md5:{digest}")) as made,
    ):
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok is good, outcome.text
        assert outcome.job.artifact is not None
        if good:
            assert outcome.job.artifact.verified is Verified.CHECKSUM
        else:
            assert "checksum" in outcome.text and made.files() == []


async def test_stop_keeps_the_part_and_says_so_in_the_ledger(tmp_path: Path) -> None:
    shelf = Shelf(data(300_000))
    async with lending(tmp_path, shelf, limits=Limits(batch=64 * KIB)) as (bench, _):
        job = await bench.job()
        stuck = asyncio.Event()

        async def stall(asked: Asked, peer: Peer) -> bool:
            head = f'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: {len(shelf.body)}\r\n\r\n'
            await peer.raw(head.encode() + shelf.body[:200_000])
            stuck.set()
            await asyncio.Event().wait()
            return True

        shelf.before = stall
        waiting = asyncio.ensure_future(bench.downloads.fetch(job.id))
        await stuck.wait()
        while bench.downloads.progress()[job.id].bytes < 200_000:
            await asyncio.sleep(0)
        assert bench.downloads.busy() == 1
        assert bench.downloads.progress()[job.id].total in (None, 300_000)
        await bench.downloads.stop()
        outcome = await waiting
        assert outcome.exit_code is Exit.FAILED and "kept" in outcome.text
        row = await bench.ledger.job(job.id)
        assert row is not None and row.artifact is not None
        assert row.artifact.state is ArtifactState.NONE
        assert (row.artifact.bytes, row.artifact.total) == (200_000, 300_000)
        assert bench.downloads.busy() == 0
        shelf.before = None
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok and shelf.sent == 100_000


async def test_a_disk_that_hangs_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, free = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        stuck.set()
        free.wait(30)

    monkeypatch.setattr(watching, "HANGING", 0.05)
    monkeypatch.setattr(Part, "append", hang)
    try:
        async with lending(tmp_path, Shelf(data(1000))) as (bench, _):
            job = await bench.job()
            waiting = asyncio.ensure_future(bench.downloads.fetch(job.id))
            await asyncio.to_thread(stuck.wait, 30)
            await bench.downloads.stop()
            assert "kept" in (await waiting).text
            assert bench.downloads.busy() == 0
    finally:
        free.set()


async def test_while_a_download_is_tried_again_it_says_for_what_and_when(tmp_path: Path) -> None:
    """A storage that takes no connection: words, number of failures, and the request without its address."""
    async with Liar(Shelf()) as gone:
        base = gone.base
    clock = ManualClock(AT)
    async with bench(tmp_path, lambda _: Signed(base + "/r.csv?sig=canary"), clock=clock) as made:
        job = await made.job()
        made.downloads.start(job.id)
        while (trouble := made.downloads.progress()[job.id].trouble) is None or trouble.tries < 2:
            if clock.sleepers():
                await clock.advance(0.05)
            await asyncio.sleep(0)
        assert "no connection to 127.0.0.1" in trouble.text
        assert clock.now() <= trouble.again_at <= clock.now() + QUICK.backoff_max
        kept = await made.ledger.exchanges(job.id)
        assert len(kept) == 2
        assert (kept[0].method, kept[0].url, kept[0].status) == ("GET", "127.0.0.1 (signed address)", None)
        assert kept[0].error == trouble.text
        assert "canary" not in repr(kept)


async def test_a_download_that_gets_on_again_has_no_trouble_any_more(tmp_path: Path) -> None:
    shelf = Shelf(data(400_000), statuses=[503])
    async with lending(tmp_path, shelf, limits=dataclasses.replace(QUICK, batch=64 * KIB)) as (bench, _):
        job = await bench.job()
        seen: list[tuple[int, bool]] = []

        def look() -> None:
            progress = bench.downloads.progress().get(job.id)
            if progress is not None:
                seen.append((progress.bytes, progress.trouble is not None))

        moved = bench.downloads._moved
        bench.downloads._moved = lambda: (moved(), look())[0]  # type: ignore[method-assign, func-returns-value]
        assert (await bench.downloads.fetch(job.id)).ok
        assert any(trouble for _, trouble in seen)
        assert not any(trouble for count, trouble in seen if count)
        (kept,) = await bench.ledger.exchanges(job.id)
        assert (kept.status, kept.error) == (503, "the storage answered HTTP 503")


async def test_a_206_that_brings_a_piece_of_the_rest_is_no_end(tmp_path: Path) -> None:
    """As long as what was announced is not here, nothing is complete, however well each answer ended."""
    whole = data(300_000)
    shelf = Shelf(whole, cut=100_000)
    async with lending(tmp_path, shelf) as (bench, liar):
        job = await bench.job()

        async def pieces(asked: Asked, peer: Peer) -> bool:
            if "range" not in asked.headers:
                return False
            start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
            piece = whole[start : start + 50_000]
            place = f"bytes {start}-{start + len(piece) - 1}/{len(whole)}"
            await peer.answer(206, piece, {"Content-Range": place, "ETag": '"v1"'})
            return True

        shelf.before = pieces
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await bench.downloads.paths(outcome.job)
        assert path.read_bytes() == whole
        assert len(liar.asked) == 5
