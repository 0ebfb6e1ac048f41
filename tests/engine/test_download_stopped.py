"""A download that is stopped at an awkward moment: nothing of it stays, or all that was told."""

from __future__ import annotations

import asyncio
import fnmatch
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reportdash.engine import transfer, watching
from reportdash.engine.files import Part
from reportdash.engine.published import Source, pick_file
from reportdash.model import Artifact, ArtifactState, Job, LocalFile
from tests.engine.shelf import Bench, Shelf, bench, data, lending
from tests.engine.test_download_groups import published
from tests.net.lying import Asked, Peer


async def _stopped_when(made: Bench, job: Job, begun: Callable[[Job], bool]) -> Job:
    """The row after a download that is given up while the ledger writes what makes it `begun`."""
    real = made.ledger.change
    tasks: list[asyncio.Task[Any]] = []
    stopped: list[str] = []

    def change(job_id: str, fn: Callable[[Job], Job | None], **how: Any) -> asyncio.Future[Job]:
        after = fn(job)
        if after is not None and begun(after) and not stopped:
            stopped.append(job_id)
            tasks[0].cancel()
        return real(job_id, fn, **how)

    made.ledger.change = change  # type: ignore[method-assign]
    tasks.append(asyncio.ensure_future(made.downloads.fetch(job.id)))
    await asyncio.wait(tasks)
    assert tasks[0].cancelled() and stopped
    await made.ledger.flush()
    row = await made.ledger.job(job.id)
    assert row is not None
    return row


async def test_one_that_is_stopped_while_it_is_begun_is_not_fetched_for_ever(tmp_path: Path) -> None:
    async with lending(tmp_path, Shelf(data(1000))) as (made, _):
        job = await made.job()
        row = await _stopped_when(made, job, lambda row: _state(row) is ArtifactState.FETCHING)
        assert row.artifact == Artifact(ArtifactState.NONE)
        assert await made.ledger.fetching() == []


async def test_one_that_is_stopped_while_the_ledger_writes_that_it_is_saved_is_saved(tmp_path: Path) -> None:
    async with lending(tmp_path, Shelf(data(1000))) as (made, _):
        job = await made.job()
        row = await _stopped_when(made, job, lambda row: _state(row) is ArtifactState.SAVED)
        assert row.saved
        assert [name for name in made.files() if name.startswith(".")] == []
        told = [event.what for event in await made.ledger.history(job.id)]
        assert told[-1] == "saved 1 kB"


async def test_one_that_is_stopped_while_its_part_is_opened_leaves_neither_part_nor_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, opened, go = Part.open, threading.Event(), threading.Event()

    def slow(*args: Any, **how: Any) -> Part:
        part = real(*args, **how)
        opened.set()
        go.wait(120)
        return part

    async with lending(tmp_path, Shelf(data(1000))) as (made, _):
        job = await made.job()
        with monkeypatch.context() as slowly:
            slowly.setattr(watching, "HANGING", 120.0)
            slowly.setattr(Part, "open", slow)
            task = asyncio.ensure_future(made.downloads.fetch(job.id))
            await asyncio.to_thread(opened.wait, 120)
            task.cancel()
            go.set()
            await asyncio.wait({task})
        assert made.files() == []
        assert (await made.downloads.fetch(job.id)).ok


async def test_one_that_is_stopped_while_a_long_part_is_read_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, reading, go = Part.recall, threading.Event(), threading.Event()

    def slow(part: Part) -> object:
        reading.set()
        go.wait(120)
        return real(part)

    async def no_rest(asked: Asked, peer: Peer) -> bool:
        if "range" in asked.headers:
            await peer.answer(404)
        return "range" in asked.headers

    shelf = Shelf(data(100_000), cut=60_000, before=no_rest)
    async with lending(tmp_path, shelf) as (made, liar):
        job = await made.job()
        assert not (await made.downloads.fetch(job.id)).ok
        shelf.cut = shelf.before = None
        came = max(path.stat().st_size for path in made.folder.iterdir())
        assert 0 < came < 100_000
        with monkeypatch.context() as slowly:
            slowly.setattr(watching, "HANGING", 0.0)
            slowly.setattr(Part, "recall", slow)
            task = asyncio.ensure_future(made.downloads.fetch(job.id))
            await asyncio.to_thread(reading.wait, 120)
            task.cancel()
            await asyncio.wait({task})
            go.set()
        assert max(path.stat().st_size for path in made.folder.iterdir()) == came
        assert (await made.downloads.fetch(job.id)).ok
        assert liar.asked[-1].headers["range"] == f"bytes={came}-"


async def test_one_that_is_given_up_while_a_dead_disk_opens_its_part_gives_it_back_once_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, opened, go, back = Part.open, threading.Event(), threading.Event(), threading.Event()
    real_close = Part.close

    def slow(*args: Any, **how: Any) -> Part:
        part = real(*args, **how)
        opened.set()
        go.wait(120)
        return part

    def close(part: Part) -> None:
        real_close(part)
        back.set()

    async with lending(tmp_path, Shelf(data(1000))) as (made, _):
        job = await made.job()
        with monkeypatch.context() as slowly:
            slowly.setattr(watching, "HANGING", 0.0)
            slowly.setattr(Part, "open", slow)
            slowly.setattr(Part, "close", close)
            task = asyncio.ensure_future(made.downloads.fetch(job.id))
            await asyncio.to_thread(opened.wait, 120)
            task.cancel()
            await asyncio.wait({task})
            go.set()
            assert await asyncio.to_thread(back.wait, 120)
        assert made.files() == []
        assert (await made.downloads.fetch(job.id)).ok


@pytest.mark.parametrize("hanging", [120.0, 0.0])
async def test_one_that_is_stopped_while_a_published_file_is_opened_leaves_it_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hanging: float
) -> None:
    opened, go, back = threading.Event(), threading.Event(), threading.Event()
    file = published(tmp_path / "out", "a.csv", b"1,2\n")

    def slow(pattern: str, since: float | None) -> Source:
        source = pick_file(pattern, since)
        opened.set()
        go.wait(120)
        return source

    real_close = Source.close

    def close(source: Source) -> None:
        real_close(source)
        back.set()

    async with bench(tmp_path, lambda job: LocalFile(str(file))) as made:
        job = await made.job()
        monkeypatch.setattr(watching, "HANGING", hanging)
        monkeypatch.setattr(transfer, "pick_file", slow)
        monkeypatch.setattr(Source, "close", close)
        task = asyncio.ensure_future(made.downloads.fetch(job.id))
        await asyncio.to_thread(opened.wait, 120)
        task.cancel()
        if not hanging:
            await asyncio.wait({task})
        go.set()
        await asyncio.wait({task})
        await asyncio.to_thread(back.wait, 120)
        assert str(file) not in {os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()}


def test_searches_for_published_files_leave_no_compiled_pattern_each(tmp_path: Path) -> None:
    for number in range(20):
        published(tmp_path / "out", f"a{number}-1.csv", b"1,2\n")
        pick_file(str(tmp_path / "out" / f"a{number}-*.csv"), None).close()
    kept = getattr(fnmatch, "_compile_pattern", None)
    assert kept is None or kept.cache_info().currsize == 0


def _state(row: Job) -> ArtifactState | None:
    return row.artifact.state if row.artifact is not None else None
