"""Downloads killed at any moment, from a storage that lies, over links that live for moments, on a full disk.

REPORTDASH_FAULTS multiplies the rounds, REPORTDASH_TEST_KILLS says how many kills, REPORTDASH_LINK_BYTES how
large the file behind short-lived links is; small by default.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from reportdash.clock import SystemClock
from reportdash.engine.watching import Limits
from reportdash.errors import Exit
from reportdash.ledger import Ledger
from reportdash.model import Job, Signed, Verified
from reportdash.simulator.content import csv_content
from tests.engine.shelf import QUICK, Shelf, bench, data
from tests.net.lying import Asked, Liar, Peer

ROUNDS = int(os.environ.get("REPORTDASH_FAULTS", "1"))
KILLS = int(os.environ.get("REPORTDASH_TEST_KILLS", "30"))
LINK_BYTES = int(os.environ.get("REPORTDASH_LINK_BYTES", "3000000"))
ROOT = Path(__file__).parent.parent.parent
IDS = ["aaaaab", "aaaaac", "aaaaad", "aaaaae"]


class Moody:
    """A storage with a file a job; cuts, resets, lies about ranges and answers errors by a seeded die."""

    def __init__(self, seed: int, size: int = 400_000) -> None:
        self.die = random.Random(seed)
        self.files = {f"/{id}.csv": data(size + n, seed=n) for n, id in enumerate(IDS)}
        self.mood = 0.6

    async def __call__(self, asked: Asked, peer: Peer) -> None:
        body, die = self.files[asked.path], self.die
        if die.random() < self.mood:
            trouble = die.choice(
                ["cut", "reset", "page", "busy", "expired", "wrong range", "ignore range", "slow"]
            )
        else:
            trouble = "none"
        start = 0
        etag = f'"{len(body)}"'
        wanted = asked.headers.get("range", "")
        if wanted and asked.headers.get("if-range") == etag and trouble != "ignore range":
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if trouble == "page":
            await peer.answer(200, b"<html>try later</html>", {"Content-Type": "text/html"})
        elif trouble == "busy":
            await peer.answer(503, b"")
        elif trouble == "expired":
            await peer.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        else:
            shown = start + (1 if trouble == "wrong range" and start else 0)
            status = 206 if start else 200
            head = f"HTTP/1.1 {status} Word\r\nETag: {etag}\r\nContent-Length: {len(body) - start}\r\n"
            if start:
                head += f"Content-Range: bytes {shown}-{len(body) - 1}/{len(body)}\r\n"
            await peer.raw(head.encode() + b"Content-Type: text/csv\r\n\r\n")
            rest = body[start:]
            if trouble in ("cut", "reset"):
                rest = rest[: die.randrange(len(rest) + 1)]
            for at in range(0, len(rest), 40_000):
                await peer.raw(rest[at : at + 40_000])
                await asyncio.sleep(0.02 if trouble == "slow" else 0.002)
            if trouble == "cut":
                peer.close()
            elif trouble == "reset":
                peer.reset()

    def check(self, folder: Path) -> int:
        """Every final name is one of the files, whole. Returns how many there are."""
        found = [p for p in folder.iterdir() if not p.name.startswith(".")] if folder.exists() else []
        whole = set(self.files.values())
        for path in found:
            assert path.read_bytes() in whole, f"{path.name} is torn"
        return len(found)


@asynccontextmanager
async def downloader(folder: Path, base: str, *ids: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A nursery of downloaders (see `tests.faults.downloader`), gone at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.downloader",
        str(folder),
        base,
        *ids,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a pipe that nobody reads is full one day, and a child waits
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def told(process: asyncio.subprocess.Process) -> list[str]:
    """The next line of the nursery or its child, in words."""
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 240)).decode().split()


async def born(process: asyncio.subprocess.Process) -> int:
    """A new child that begins to download just now; its PID."""
    assert process.stdin is not None
    process.stdin.write(b"\n")
    word, pid = await told(process)
    assert word == "go"
    return int(pid)


async def test_kill_9_at_any_moment_tears_no_file_and_loses_no_report(tmp_path: Path) -> None:
    moody = Moody(seed=7, size=100_000)
    folder = tmp_path / "reports"
    killed, reach = 0, 0.2
    async with Liar(moody) as liar, downloader(tmp_path, liar.base, *IDS) as process:
        for round in range(KILLS):
            pid = await born(process)
            await asyncio.sleep(moody.die.random() * reach)  # the moment is the test
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            while (end := await told(process))[0] != "over":
                pass
            assert end[1] in ("0", "1", "-9"), end  # 1: refused too often in a row, as it may be
            killed += end[1] == "-9"
            reach *= 1.05 if end[1] == "-9" else 0.85  # as far as a download takes on this machine
            moody.check(folder)
            if round % 5 == 4:
                shutil.rmtree(folder, ignore_errors=True)
        moody.mood = 0.0
        await born(process)
        assert await told(process) == ["done"]
        assert await told(process) == ["over", "0"]
    assert killed > KILLS // 3
    assert moody.check(folder) == len(IDS)  # and none twice
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == []
    ledger = await Ledger.open(tmp_path / "data" / "ledger.db", clock=SystemClock())
    try:
        for id in IDS:
            row = await ledger.job(id)
            assert row is not None and row.saved and row.artifact is not None
            assert Path(str(row.artifact.path)).read_bytes() == moody.files[f"/{id}.csv"]
    finally:
        await ledger.close()


@pytest.mark.parametrize("seed", range(3 * ROUNDS))
async def test_a_storage_that_lies_never_gets_a_torn_or_mixed_file_saved(tmp_path: Path, seed: int) -> None:
    moody = Moody(seed, size=120_000)
    moody.mood = 0.8
    async with Liar(moody) as liar, bench(tmp_path, lambda job: Signed(f"{liar.base}/{job.id}.csv")) as made:
        jobs = [await made.job(id) for id in IDS]
        outcomes = await asyncio.gather(*(made.downloads.fetch(job.id, patience=2.0) for job in jobs))
        moody.check(made.folder)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if outcome.ok:
                (path,) = await made.downloads.paths(outcome.job)
                assert path.read_bytes() == moody.files[f"/{job.id}.csv"]


@pytest.mark.parametrize("seed", range(20 * ROUNDS))
async def test_versions_swapped_at_any_byte_are_never_mixed(tmp_path: Path, seed: int) -> None:
    die = random.Random(seed)
    versions = [data(60_000, seed=n) for n in range(3)]
    shelf = Shelf(versions[0], cut=die.randrange(1, 60_000), etag='"0"')
    if die.random() < 0.5:
        shelf.headers = {"Content-Range": f"bytes {shelf.cut}-59999/60000"}  # a lie on every answer

    async def swap(asked: Asked, peer: Peer) -> bool:
        if die.random() < 0.6:
            n = die.randrange(3)
            shelf.body = versions[n]
            shelf.etag = f'"{n}"' if die.random() < 0.8 else None
        shelf.cut = die.choice([None, die.randrange(1, 60_000)])
        return False

    shelf.before = swap
    async with Liar(shelf) as liar, bench(tmp_path, lambda job: Signed(liar.base + "/r.csv")) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id, patience=1.0)
        for name in made.files():
            if not name.startswith("."):
                assert (made.folder / name).read_bytes() in versions
        assert outcome.ok or made.files() == [] or made.files()[0].startswith(".")


async def test_links_that_live_for_moments_are_enough(tmp_path: Path) -> None:
    """Each link is good for its first use only, and each connection breaks: one new link for each piece."""
    shelf = Shelf(data(1_000_000), cut=150_000)
    issued: list[str] = []
    used: set[str] = set()

    async def once(asked: Asked, peer: Peer) -> bool:
        if asked.target in used:
            await peer.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            return True
        used.add(asked.target)
        return False

    shelf.before = once
    async with Liar(shelf) as liar:

        def give(_: Job) -> Signed:
            issued.append(f"{liar.base}/r.csv?n={len(issued)}")
            return Signed(issued[-1])

        async with bench(tmp_path, give) as made:
            job = await made.job()
            outcome = await made.downloads.fetch(job.id)
            assert outcome.ok, outcome.text
            assert len(issued) == 7 and shelf.sent == 1_000_000


class Expiring:
    """A storage whose links live `life` seconds; it sends slowly, and cuts who is still there at the end."""

    def __init__(self, size: int, life: float) -> None:
        self.content = csv_content(random.Random(1), "calls", size)
        self.life = life
        self.rate = max(1_500_000, self.content.size / (life * (100 if life < 1 else 4)))
        self.issued: list[float] = []
        self.expired: set[int] = set()

    def link(self, base: str) -> Signed:
        self.issued.append(time.monotonic())
        return Signed(f"{base}/r.csv?n={len(self.issued) - 1}")

    async def __call__(self, asked: Asked, peer: Peer) -> None:
        number = int(asked.query["n"])
        end, size, start = self.issued[number] + self.life, self.content.size, 0
        if time.monotonic() >= end:
            self.expired.add(number)
            await peer.answer(
                403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            )
            return
        head = f"ETag: {self.content.etag}\r\nContent-Type: text/csv\r\n"
        if "range" in asked.headers and asked.headers.get("if-range") == self.content.etag:
            start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
            head += f"Content-Range: bytes {start}-{size - 1}/{size}\r\n"
        head = f"HTTP/1.1 {206 if start else 200} Word\r\nContent-Length: {size - start}\r\n{head}\r\n"
        await peer.raw(head.encode())
        piece = max(1, int(self.rate * 0.02))
        for at in range(start, size, piece):
            if time.monotonic() >= end:
                self.expired.add(number)
                peer.reset()
                return
            await peer.raw(self.content.read(at, min(at + piece, size)))
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("life", [0.25, 30.0])
async def test_links_that_live_shorter_than_the_download_takes_are_asked_for_once_each(
    tmp_path: Path, life: float
) -> None:
    expiring = Expiring(LINK_BYTES, life)
    async with (
        Liar(expiring) as liar,
        bench(tmp_path, lambda _: expiring.link(liar.base), limits=Limits()) as made,
    ):
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        assert len(expiring.issued) <= 1 + len(expiring.expired)
        assert life > 1 or len(expiring.expired) >= 3
        (path,) = await made.downloads.paths(outcome.job)
        whole, content = path.open("rb"), expiring.content
        assert path.stat().st_size == content.size
        with whole:
            for at in range(0, content.size, 1_000_000):
                assert whole.read(1_000_000) == content.read(at, min(at + 1_000_000, content.size))


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
async def test_a_flipped_bit_anywhere_is_found_where_there_is_a_checksum(
    tmp_path: Path, algorithm: str
) -> None:
    """Also in what an earlier connection brought."""
    die, content = random.Random(algorithm), data(20_000)
    digest = hashlib.new(algorithm, content).hexdigest()
    shelf = Shelf(content)
    places = [0, len(content) - 1, *(die.randrange(len(content)) for _ in range(8 * ROUNDS))]
    async with (
        Liar(shelf) as liar,
        bench(tmp_path, lambda _: Signed(liar.base + "/r.csv", checksum=f"{algorithm}:{digest}")) as made,
    ):
        for number, place in enumerate(places):
            bent = bytearray(content)
            bent[place] ^= 1 << die.randrange(8)
            shelf.body, shelf.cut = bytes(bent), die.choice([None, 12_000])
            job = await made.job(f"b{number:05}".replace("0", "x"))
            outcome = await made.downloads.fetch(job.id, patience=2.0)
            assert not outcome.ok and "checksum" in outcome.text, f"bit of byte {place}: {outcome.text}"
            assert made.files() == []
        shelf.body = content
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok and outcome.job.artifact is not None
        assert outcome.job.artifact.verified is Verified.CHECKSUM


# full disks


def tmpfs(size: str, *command: str) -> list[str]:
    """A command that runs with a small tmpfs mounted on ./disk."""
    script = f'mount -t tmpfs -o size={size} tmpfs disk && exec "$@"'
    return ["unshare", "-Urm", "sh", "-c", script, "sh", *command]


def can_mount(folder: Path) -> bool:
    (folder / "disk").mkdir()
    try:
        return (
            subprocess.run(tmpfs("1m", "true"), cwd=folder, capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


FULL = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from reportdash.model import Signed
from tests.engine.shelf import bench, QUICK
import dataclasses

async def main():
    disk, folder = Path("disk"), Path("disk/reports")
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(700_000))
    limits = dataclasses.replace(QUICK, floor={floor}, batch=16 * 1024)
    async with bench(Path("."), lambda job: Signed({base!r} + "/r.csv"), limits=limits) as made:
        made.downloads._folder = folder
        job = await made.job()
        outcome = await made.downloads.fetch(job.id, patience=0.3)
        assert not outcome.ok and "disk full" in outcome.text, outcome
        print("first", int(outcome.exit_code), outcome.text)
        print("names", [p.name for p in folder.iterdir() if not p.name.startswith(".")])
        made.downloads.start(job.id)
        while made.downloads.notice is None:
            await asyncio.sleep(0.01)
        print("notice", made.downloads.notice)
        ballast.unlink()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await made.downloads.paths(outcome.job)
        print("saved", path.stat().st_size, made.downloads.notice)

asyncio.run(main())
"""


@pytest.mark.parametrize(("length", "floor"), [(True, 0), (False, 0), (True, 10**9), (False, 10**9)])
async def test_a_full_disk_pauses_downloads_and_they_go_on_alone_when_there_is_room(
    tmp_path: Path, length: bool, floor: int
) -> None:
    if not await asyncio.to_thread(can_mount, tmp_path):
        pytest.skip("no user namespaces here")
    shelf = Shelf(data(600_000))
    before: Callable[[Asked, Peer], Awaitable[bool]] | None = None
    if not length:

        async def chunked(asked: Asked, peer: Peer) -> bool:
            await peer.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(shelf.body), 20_000):
                piece = shelf.body[at : at + 20_000]
                await peer.raw(b"%x\r\n%b\r\n" % (len(piece), piece))
            await peer.raw(b"0\r\n\r\n")
            return True

        before = chunked
    shelf.before = before
    async with Liar(shelf) as liar:
        script = FULL.format(root=str(ROOT), base=liar.base, floor=floor)
        process = await asyncio.create_subprocess_exec(
            *tmpfs("1m", sys.executable, "-c", script),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode == 0, err.decode()
    told = out.decode().splitlines()
    assert told[0].startswith(f"first {int(Exit.FAILED)} disk full:")
    assert told[1] == "names []"
    assert told[2].startswith("notice disk full:")
    assert told[3] == "saved 600000 None"
    assert QUICK.disk_poll < 60
