"""A full disk: nothing is lost, the table is shown, and writing goes on when there is room."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportdash.clock import SystemClock
from reportdash.errors import Problem
from reportdash.ledger import Ledger, Store, opening, rescue, thread
from reportdash.ledger.problems import DiskFull
from reportdash.model import replace
from tests.ledger.conftest import a_job, put


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not done or done.returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(params=["truncate", "wal"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either journal mode, whatever this machine's SQLite would take."""
    monkeypatch.setattr(opening, "journal_mode", lambda *_: request.param)
    return str(request.param)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while True:
                    os.write(file.fileno(), b"x" * size)
            except OSError:
                pass
    return filler


def test_a_write_without_room_is_a_sentence_and_loses_nothing(mode: str, disk: Path) -> None:
    with Store.open(disk / "ledger.db") as store:
        kept = put(store, name="kept")
        filler = fill(disk)
        many = [a_job(id=f"aaaa{n}", name="x" * 3000, message="y" * 3000) for n in range(200)]
        with pytest.raises(Problem, match="disk is full"):
            store.add_many(many)
        filler.unlink()
        found = store.job(kept.id)
        assert found is not None
        assert found.name == "kept"
        assert put(store, name="later").name == "later"
        assert store.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_batch_without_room_fails_whole_and_tells_each_of_its_writers(disk: Path, mode: str) -> None:
    with Store.open(disk / "ledger.db") as store:
        one = put(store)
        filler = fill(disk)
        big = [lambda: store.verbs.add(a_job(name="x" * 3900, message="y" * 3900)) for _ in range(90)]
        with pytest.raises(Problem, match="disk is full"):
            store.commit([lambda: store.verbs.change(one.id, lambda job: replace(job, checks=1)), *big])
        filler.unlink()
        assert [job.checks for job in store.jobs()] == [0]


def test_the_table_is_shown_on_a_full_disk(mode: str, disk: Path) -> None:
    path = disk / "ledger.db"
    with Store.open(path) as store:
        job = put(store)
    fill(disk)
    with Store.open(path, readonly=True) as reader:
        assert [one.id for one in reader.jobs()] == [job.id]
        assert len(reader.json_lines()) == 1


async def test_the_dashboard_starts_on_a_full_disk_and_writes_again_when_there_is_room(
    mode: str, disk: Path
) -> None:
    path = disk / "ledger.db"
    with Store.open(path) as store:
        job = put(store)
        store.add_many([a_job(id=f"aaaa{n}", message="x" * 2000) for n in range(20)])
    filler = fill(disk)
    ledger = await Ledger.open(path, clock=SystemClock())
    try:
        assert len(await ledger.jobs()) == 21
        assert ledger.store.as_it_lies is (mode == "wal")
        with pytest.raises(Problem, match="disk is full"):
            await ledger.add_many([a_job(id=f"bbbb{n}", name="x" * 3000) for n in range(200)])
        before = await ledger.rev()
        filler.unlink()
        changed = await ledger.change(job.id, lambda job: replace(job, checks=1))
        assert changed.checks == 1
        assert not ledger.store.as_it_lies
        assert [one.checks for one in (await ledger.changed_since(before)).jobs] == [1]
    finally:
        await ledger.close()


def test_a_ledger_that_cannot_be_made_for_want_of_room_says_so(mode: str, disk: Path) -> None:
    fill(disk)
    with pytest.raises(Problem, match="disk is full"):
        Store.open(disk / "ledger.db")


async def test_without_room_every_waiting_change_is_told_and_the_next_one_works(ledger: Ledger) -> None:
    """Any machine: SQLite is told that its file may not grow."""
    job, _ = await ledger.add(a_job())
    pages = ledger.store.db.execute("PRAGMA page_count").fetchone()[0]
    ledger.store.db.execute(f"PRAGMA max_page_count = {pages}")
    results = await asyncio.gather(
        ledger.change(job.id, lambda job: replace(job, checks=1)),
        *(
            ledger.change(job.id, lambda job: replace(job, message="y" * 3900), what="z" * 3900)
            for _ in range(20)
        ),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [DiskFull] * 21
    ledger.store.db.execute("PRAGMA max_page_count = 100000")
    assert (await ledger.change(job.id, lambda job: replace(job, checks=job.checks + 1))).checks == 1


async def test_a_full_disk_and_its_end_are_noticed_although_nobody_writes(
    mode: str, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread, "ROOM_SECONDS", 0.2)
    monkeypatch.setattr(thread, "HEARTBEAT_SECONDS", 1000.0)
    path = disk / "ledger.db"
    with Store.open(path) as store:
        put(store)
    filler = fill(disk)
    ledger = await Ledger.open(path, clock=SystemClock(), rescue=True)
    moments: list[bool] = []
    ledger.on_trouble = lambda: moments.append(bool(ledger.full))
    try:
        async with asyncio.timeout(120):
            while not ledger.full:
                await asyncio.sleep(0.01)
            assert "disk is full" in ledger.full
            assert len(await ledger.jobs()) == 1
            filler.unlink()
            while ledger.full:
                await asyncio.sleep(0.01)
        assert moments in ([True, False], [False])  # the first may have come before anybody listened
        assert ledger.rescued is None
    finally:
        await ledger.close()


async def test_a_damaged_ledger_on_a_full_disk_waits_for_room_and_then_has_every_job(
    mode: str, disk: Path
) -> None:
    path = disk / "ledger.db"
    with Store.open(path) as store:
        names = [put(store, name=f"job {n}", reference=f"r{n}").name for n in range(20)]
        rescue.back_up(path, 0.0)
        names.append(put(store, name="later", reference="r99").name)
    path.write_bytes(b"garbage" * 4000)
    path.with_name("ledger.db-wal").unlink(missing_ok=True)  # it would mend the file
    filler = fill(disk)
    for _ in range(2):
        with pytest.raises(DiskFull):
            await Ledger.open(path, clock=SystemClock(), rescue=True)
        assert path.read_bytes().startswith(b"garbage"), "the old file is still in its place"
    filler.unlink()
    ledger = await Ledger.open(path, clock=SystemClock(), rescue=True)
    try:
        assert sorted(job.name for job in await ledger.jobs()) == sorted(names)
    finally:
        await ledger.close()
