"""A write that the system took may never reach the disk: only a sync tells, and it tells once.

After a failed one the bytes still read well from memory, and the next sync is told that all is well.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import SystemClock
from reportdash.engine import files
from reportdash.engine.files import Part
from reportdash.engine.folders import NoSpace
from reportdash.errors import Exit, Problem
from tests.engine.shelf import QUICK, Shelf, bench, data, inline, lending

STEM = "main_r_2026-01-01_aaaaaa"


def opened(folder: Path) -> Part:
    return Part.open(folder, STEM, "aaaaaa", floor=0)


def path_of(fd: int) -> Path:
    return Path(f"/proc/self/fd/{fd}").readlink()


class LosingDisk:
    """Says `code` to the next `times` syncs of a part, and has lost then what no earlier sync has written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int, times: int = 1) -> None:
        self.left, self.code = times, code
        self.written: dict[Path, int] = {}
        for name in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, name, self._syncing(getattr(os, name)))

    def _syncing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def sync(fd: int) -> None:
            info, path = os.fstat(fd), path_of(fd)
            if stat.S_ISREG(info.st_mode) and path.suffix == ".part":
                safe = min(self.written.get(path, 0), info.st_size)
                if self.left and info.st_size > safe:
                    self.left -= 1
                    os.pwrite(fd, bytes(info.st_size - safe), safe)
                    raise OSError(self.code, os.strerror(self.code))
                self.written[path] = info.st_size
            real(fd)

        return sync


@pytest.mark.parametrize("etag", ['"v1"', None])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
async def test_bytes_for_which_there_was_no_room_in_the_end_are_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, etag: str | None
) -> None:
    shelf = Shelf(data(300_000), etag=etag)
    LosingDisk(monkeypatch, code)
    async with lending(tmp_path, shelf) as (made, liar):
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await made.downloads.paths(outcome.job)
        assert path.read_bytes() == shelf.body
        assert len(liar.asked) == 2


async def test_bytes_that_a_broken_disk_lost_are_never_taken_for_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(data(300_000))
    LosingDisk(monkeypatch, errno.EIO)
    async with lending(tmp_path, shelf) as (made, _):
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.FAILED
        assert "Input/output error" in outcome.text
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await made.downloads.paths(outcome.job)
        assert path.read_bytes() == shelf.body


async def test_an_inline_report_is_asked_for_again_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LosingDisk(monkeypatch, errno.ENOSPC)
    content = b'{"results": [1]}'
    async with bench(tmp_path, lambda job: inline(content)) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await made.downloads.paths(outcome.job)
        assert path.read_bytes() == content
        assert made.vendor.asked == [job.id, job.id]


async def test_only_what_came_since_the_last_good_sync_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SYNC_EVERY", 100_000)
    shelf = Shelf(data(1_000_000))
    disk = LosingDisk(monkeypatch, errno.ENOSPC, times=0)
    real = Part.append

    def append(part: Part, block: bytes) -> None:
        disk.left = int(part.size > 500_000 and shelf.sent <= 1_000_000)
        real(part, block)

    monkeypatch.setattr(Part, "append", append)
    async with lending(tmp_path, shelf) as (made, liar):
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await made.downloads.paths(outcome.job)
        assert path.read_bytes() == shelf.body
        assert len(liar.asked) == 2
        assert int(liar.asked[1].headers["range"].removeprefix("bytes=").rstrip("-")) > 400_000


async def test_where_room_only_seems_to_be_the_report_is_not_fetched_again_and_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quota, or a thin volume: the disk counts free blocks that nobody gets."""
    pauses: list[float] = []

    class Noting(SystemClock):
        async def sleep(self, seconds: float) -> None:
            if seconds >= QUICK.disk_poll:
                pauses.append(round(seconds / QUICK.disk_poll, 3))
            await asyncio.sleep(0)

    shelf = Shelf(data(300_000), etag=None)
    LosingDisk(monkeypatch, errno.EDQUOT, times=5)
    limits = replace(QUICK, idle=2.0)  # the watch looks more seldom than the disk is looked at
    async with lending(tmp_path, shelf, clock=Noting(), limits=limits) as (made, liar):
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        assert len(liar.asked) == 6
    assert [pause for pause in pauses if pause in (1, 2, 4, 6)] == [1, 2, 4, 6, 6]


def begun(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Part:
    """A part with 1,000 bytes that are on the disk and 500 that may not be."""
    monkeypatch.setattr(files, "SYNC_EVERY", 1000)
    part = opened(folder)
    part.recall()
    part.restart(etag='"v1"', total=5000, extension="csv")
    part.append(b"a" * 1000)
    part.append(b"b" * 500)
    return part


def broken(*_: Any) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_what_a_dead_process_wrote_is_gone_on_with_only_if_it_reached_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(tmp_path, monkeypatch).close()
    again = opened(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        assert again.recall() is None
    assert again.size == 1000
    again.close()


def full_at_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system says at a close that what was written has found no room, as a network file system does."""
    twins: list[int] = []
    dup, close = os.dup, os.close

    def doubled(fd: int) -> int:
        twins.append(dup(fd))
        return twins[-1]

    def closed(fd: int) -> None:
        close(fd)
        if fd in twins:
            twins.remove(fd)
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "dup", doubled)
    monkeypatch.setattr(os, "close", closed)


def test_what_a_network_file_system_could_not_write_at_the_close_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = begun(tmp_path, monkeypatch)
    with monkeypatch.context() as patch:
        full_at_the_close(patch)
        part.close()
    again = opened(tmp_path)
    assert again.recall() is None
    assert again.size == 1000
    again.close()


def test_a_file_that_has_its_final_name_is_never_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = begun(tmp_path, monkeypatch)
    finished = part.finish("r.csv", "length")
    with monkeypatch.context() as patch:
        full_at_the_close(patch)
        part.close()
    assert finished.path.stat().st_size == 1500


def test_too_many_open_files_cost_no_byte_of_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = begun(tmp_path, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(os, "dup", broken)
        part.close()
    again = opened(tmp_path)
    assert again.recall() is None
    assert again.size == 1500
    again.close()


def test_a_last_sync_that_fails_gives_no_final_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = begun(tmp_path, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(Problem, match="Input/output error"):
            part.finish("r.csv", "length")
    assert not (tmp_path / "r.csv").exists()
    assert part.size == 1000
    part.close()


def test_room_that_is_missing_only_at_the_sync_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = begun(tmp_path, monkeypatch)
    LosingDisk(monkeypatch, errno.ENOSPC)
    with pytest.raises(NoSpace):
        part.sync()
    part.close()


def test_a_part_that_somebody_cut_is_gone_on_with_from_there_and_never_filled_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = begun(tmp_path, monkeypatch)
    part.close()
    os.truncate(tmp_path / part.name, 600)
    again = opened(tmp_path)
    assert again.recall() is None
    again.append(b"c" * 300)
    LosingDisk(monkeypatch, errno.EIO).written[tmp_path / part.name] = 600
    with pytest.raises(Problem):
        again.sync()
    assert again.size == 600
    again.append(b"d")
    again.close()
    assert (tmp_path / part.name).read_bytes() == b"a" * 600 + b"d"
