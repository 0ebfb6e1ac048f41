"""Disks that cannot do all that others can, or break at an odd moment: a sentence, and nothing is lost."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.engine import placing, sidecar
from reportdash.engine.files import Part
from reportdash.engine.folders import open_folder
from reportdash.errors import Exit
from reportdash.model import ArtifactState, LocalFile
from tests.engine.shelf import AT, Shelf, bench, data, inline, lending


def refusing(code: int) -> Any:
    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return refused


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
async def test_a_file_system_that_cannot_sync_a_folder_takes_reports_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A share of some servers, a folder of the host in a virtual machine."""
    real = os.fsync

    def fsync(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(code, os.strerror(code))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    async with lending(tmp_path, Shelf(data(10_000))) as (bench, _):
        job = await bench.job()
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        assert bench.files() == ["main_balances_2026-01-01_aaaaaa.csv"]


def test_a_folder_that_was_made_outlives_a_power_cut_with_the_files_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink())
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    os.close(open_folder(tmp_path / "a" / "b"))
    assert synced == [tmp_path, tmp_path / "a"]
    os.close(open_folder(tmp_path / "a" / "b"))
    assert len(synced) == 2


@pytest.mark.parametrize("call", ["pread", "listdir", "lseek"])
async def test_a_disk_that_breaks_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    shelf = Shelf(data(300_000), cut=100_000)
    async with lending(tmp_path, shelf) as (bench, _):
        job = await bench.job()
        part = Part.open(bench.folder, "main_balances_2026-01-01_aaaaaa", job.id, floor=0)
        part.restart(etag=shelf.etag, total=len(shelf.body), extension="csv")
        part.append(shelf.body[:50_000])
        part.close()
        with monkeypatch.context() as patch:
            patch.setattr(os, call, refusing(errno.EIO))
            outcome = await bench.downloads.fetch(job.id)
            assert outcome.exit_code is Exit.FAILED
            assert "Input/output error" in outcome.text
            assert "--to DIR" in outcome.text
            assert outcome.job.artifact is not None
            assert outcome.job.artifact.state is ArtifactState.FAILED
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await bench.downloads.paths(outcome.job)
        assert path.read_bytes() == shelf.body


async def test_a_sidecar_that_cannot_be_taken_away_does_not_make_a_saved_report_unsaved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lending(tmp_path, Shelf(data(10_000))) as (bench, liar):
        job = await bench.job()
        with monkeypatch.context() as patch:
            patch.setattr(Part, "forget", refusing(errno.EROFS))
            outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        assert outcome.job.saved
        assert (await bench.downloads.fetch(job.id)).ok
        assert len(liar.asked) == 1


async def test_a_disk_so_full_that_no_sidecar_fits_is_waited_for_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program takes every block that a dropped part gives back."""
    left = [3]
    content = b'{"results": [1]}'
    append, write = Part.append, sidecar.write

    def full(part: Part, block: bytes) -> None:
        append(part, block)
        if left[0] == 3:
            left[0] -= 1
            raise part._full(OSError(errno.ENOSPC, ""), 1)

    def no_room(*args: Any) -> None:
        if left[0] in (1, 2):
            left[0] -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(*args)

    monkeypatch.setattr(Part, "append", full)
    monkeypatch.setattr(sidecar, "write", no_room)
    async with bench(tmp_path, lambda job: inline(content)) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await made.downloads.paths(outcome.job)
        assert path.read_bytes() == content


@pytest.mark.parametrize("how", ["renamed", "switched"])
async def test_a_folder_that_moves_while_a_report_comes_is_told_by_its_new_path(
    tmp_path: Path, how: str
) -> None:
    """`mv reports november`, or a link `reports` that leads to the next month's folder from now on."""
    shelf = Shelf(data(300_000))
    async with lending(tmp_path, shelf) as (bench, _):
        job = await bench.job()
        november, december = tmp_path / "november", tmp_path / "december"
        if how == "switched":
            november.mkdir()
            december.mkdir()
            bench.folder.symlink_to(november)

        async def move(*_: Any) -> bool:
            if how == "renamed":
                bench.folder.rename(november)
                bench.folder.mkdir()
            else:
                bench.folder.unlink()
                bench.folder.symlink_to(december)
            return False

        shelf.before = move
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await bench.downloads.paths(outcome.job)
        assert path.parent == november
        assert path.read_bytes() == shelf.body
        assert await bench.downloads.is_intact(outcome.job)


@pytest.mark.parametrize("call", ["read", "changed"])
async def test_a_published_file_whose_disk_breaks_is_named_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A share that went away: not the folder of the reports is to blame."""
    source = tmp_path / "out" / "a.csv"
    source.parent.mkdir()
    source.write_bytes(b"1,2\n")
    os.utime(source, (AT + 1, AT + 1))
    stale = refusing(errno.ESTALE)
    async with bench(tmp_path, lambda job: LocalFile(str(source)), clock=ManualClock(AT + 60)) as made:
        job = await made.job()
        real = getattr(os, {"read": "read", "changed": "fstat"}[call])

        def broken(fd: int, *args: int) -> Any:
            inside = Path(f"/proc/self/fd/{fd}").readlink() == source
            opening = call == "changed" and not copied
            return stale() if inside and not opening else real(fd, *args)

        copied: list[int] = []
        append = Part.append

        def noted(part: Part, block: bytes) -> None:
            copied.append(len(block))
            append(part, block)

        with monkeypatch.context() as patch:
            patch.setattr(Part, "append", noted)
            patch.setattr(os, {"read": "read", "changed": "fstat"}[call], broken)
            outcome = await made.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.FAILED
        assert outcome.text.startswith(f"{source} cannot be read (Stale file handle)")
        assert made.files() == []


def test_a_kill_where_a_name_can_only_be_held_by_an_empty_file_leaves_none_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither hard links nor a rename that refuses to replace: a bucket that is mounted, for instance."""

    class Crash(BaseException):
        pass

    def crash(*_: Any, **__: Any) -> None:
        raise Crash

    def opened() -> Part:
        return Part.open(tmp_path, "main_r_2026-01-01_aaaaaa", "aaaaaa", floor=0)

    monkeypatch.setattr(os, "link", refusing(errno.EPERM))
    monkeypatch.setattr(placing, "_rename_noreplace", lambda *_: False)
    (tmp_path / "r.csv").write_bytes(b"theirs")
    part = opened()
    part.restart(etag=None, total=4, extension="csv")
    part.append(b"1,2\n")
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", crash)
        with pytest.raises(Crash):
            part.finish("r.csv", "length")
    part.close()
    assert (tmp_path / "r (2).csv").read_bytes() == b""
    again = opened()
    assert again.recall() is None
    assert again.complete
    assert again.finish("r.csv", "length").path.name == "r (2).csv"
    again.forget()
    again.close()
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == {"r.csv": b"theirs", "r (2).csv": b"1,2\n"}
