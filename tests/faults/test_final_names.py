"""A final name is always a complete file, and never over another one: the order, the races, the odd disks."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reportdash.engine import files, placing, sidecar
from reportdash.engine.files import Part, PartBusy
from reportdash.engine.folders import NoSpace
from reportdash.errors import Exit, Problem
from reportdash.ledger import Ledger
from reportdash.model import Artifact, ArtifactState, Job, JobState, Verified, replace
from tests.engine.shelf import Shelf, data, inline, lending

STEM = "main_r_2026-01-01_aaaaaa"
HIDDEN = f".{STEM}.part"
SIZE = int(os.environ.get("REPORTDASH_FAULTS", "1"))


def opened(folder: Path, job: str = "aaaaaa") -> Part:
    return Part.open(folder, f"main_r_2026-01-01_{job}", job, floor=0)


def filled(folder: Path, content: bytes = b"1,2\n", job: str = "aaaaaa", etag: str | None = '"v1"') -> Part:
    part = opened(folder, job)
    assert part.recall() is None
    part.restart(etag=etag, total=len(content), extension="csv")
    part.append(content)
    return part


async def test_bytes_are_durable_before_the_name_and_the_name_before_the_ledgers_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """write → fsync(part) → link → fsync(folder) → unlink(part) → ledger → unlink(sidecar), on the calls."""
    calls: list[str] = []
    folder = tmp_path / "reports"

    def name(fd: int) -> str:
        return Path(f"/proc/self/fd/{fd}").readlink().name

    def spy(call: str, describe: Callable[..., str]) -> None:
        real = getattr(os, call)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if str(folder) in str(Path(f"/proc/self/fd/{_folder(args, kwargs)}").readlink()):
                calls.append(f"{call} {describe(*args)}")
            return real(*args, **kwargs)

        monkeypatch.setattr(os, call, wrapped)

    spy("write", lambda fd, *_: name(fd))
    spy("fsync", lambda fd: name(fd))
    spy("link", lambda source, target: f"{source} {target}")
    spy("unlink", lambda path: str(path))
    change = Ledger.change

    async def told(self: Ledger, job_id: str, fn: Callable[[Job], Job | None], **more: Any) -> Job:
        row = await change(self, job_id, fn, **more)
        if row.artifact is not None and row.artifact.state is ArtifactState.SAVED:
            calls.append(f"ledger saved {more['durable']}")
        return row

    monkeypatch.setattr(Ledger, "change", told)
    async with lending(tmp_path, Shelf(data(10_000))) as (bench, _):
        job = await bench.job()
        assert (await bench.downloads.fetch(job.id)).ok
    stem = "main_balances_2026-01-01_aaaaaa"
    quiet = [call for call in calls if ".new" not in call]  # the sidecar's own replacing
    assert quiet == [
        f"write .{stem}.part",
        f"fsync .{stem}.part",
        f"link .{stem}.part {stem}.csv",
        "fsync reports",
        f"unlink .{stem}.part",
        "ledger saved True",
        f"unlink .{stem}.part.json",
    ]


def _folder(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    found = kwargs.get("dir_fd", kwargs.get("src_dir_fd"))
    return found if isinstance(found, int) else args[0]


def test_fifty_racing_writers_lose_nothing(tmp_path: Path) -> None:
    start = threading.Barrier(50)
    paths: list[Path] = []

    def write(n: int) -> None:
        part = filled(tmp_path, b"%d" % n, job=f"a{n:05}".replace("0", "x"), etag=None)
        start.wait()
        paths.append(part.finish("same.csv", "length").path)
        part.forget()
        part.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(path.read_bytes()) for path in paths) == list(range(50))
    expected = {"same.csv"} | {f"same ({n}).csv" for n in range(2, 51)}
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_a_name_that_is_taken_by_anything_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "r.csv").symlink_to("/nowhere")
    (tmp_path / "r (2).csv").mkdir()
    (tmp_path / "r (3).csv").write_bytes(b"theirs")
    part = filled(tmp_path)
    assert part.finish("r.csv", "length").path.name == "r (4).csv"
    assert (tmp_path / "r (3).csv").read_bytes() == b"theirs"
    assert (tmp_path / "r.csv").is_symlink()
    part.close()


@pytest.mark.parametrize("rename", [True, False])
@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_without_hard_links_nothing_is_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, rename: bool
) -> None:
    def no_link(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", no_link)
    if not rename:
        monkeypatch.setattr(placing, "_rename_noreplace", lambda *_: False)
    (tmp_path / "r.csv").write_bytes(b"theirs")
    part = filled(tmp_path)
    finished = part.finish("r.csv", "length")
    part.forget()
    part.close()
    assert finished.path.name == "r (2).csv" and finished.path.read_bytes() == b"1,2\n"
    assert {p.name for p in tmp_path.iterdir()} == {"r.csv", "r (2).csv"}
    assert (tmp_path / "r.csv").read_bytes() == b"theirs"


def test_a_part_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    part = opened(tmp_path)
    with pytest.raises(PartBusy):
        opened(tmp_path)
    part.close()
    opened(tmp_path).close()


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder"])
def test_a_planted_part_is_neither_followed_nor_touched(tmp_path: Path, kind: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    where = tmp_path / HIDDEN
    if kind == "symlink":
        where.symlink_to(victim)
    elif kind == "fifo":
        os.mkfifo(where)
    else:
        where.mkdir()
    with pytest.raises(Problem, match="not a plain file of ours"):
        opened(tmp_path)
    assert victim.read_bytes() == b"precious"


def test_a_planted_sidecar_symlink_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / (HIDDEN + ".json")).symlink_to(victim)
    (tmp_path / (HIDDEN + ".json.new")).symlink_to(victim)
    filled(tmp_path).close()
    assert victim.read_bytes() == b"precious"
    assert json.loads((tmp_path / (HIDDEN + ".json")).read_text())["etag"] == '"v1"'


def test_a_part_with_a_second_name_is_never_written_to(tmp_path: Path) -> None:
    part = filled(tmp_path)
    os.link(tmp_path / HIDDEN, tmp_path / "kept.csv")
    part.close()
    again = opened(tmp_path)
    assert again.recall() is None
    again.restart(etag='"v2"', total=3, extension="csv")
    again.append(b"new")
    again.close()
    assert (tmp_path / "kept.csv").read_bytes() == b"1,2\n"


BROKEN = [b"", b"{", b"[]", b"null", b'{"job": "aaaaaa"}', b"\xff\xfe", b"[" * 100_000]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_sidecar_means_starting_again(tmp_path: Path, text: bytes) -> None:
    filled(tmp_path, b"x" * 100).close()
    (tmp_path / (HIDDEN + ".json")).write_bytes(text)
    part = opened(tmp_path)
    assert part.recall() is None
    assert not part.resumable and part.size == 0
    part.close()


@pytest.mark.parametrize(
    ("field", "value"),
    [("total", "100"), ("total", True), ("synced", None), ("final", "../x"), ("etag", 5), ("extra", 1)],
)
def test_a_sidecar_with_a_wrong_field_is_none(tmp_path: Path, field: str, value: object) -> None:
    filled(tmp_path).close()
    raw = json.loads((tmp_path / (HIDDEN + ".json")).read_text())
    assert sidecar.parse(json.dumps(raw).encode()) is not None
    assert sidecar.parse(json.dumps(raw | {field: value}).encode()) is None


def test_after_a_power_loss_only_what_was_synced_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SYNC_EVERY", 1000)
    part = opened(tmp_path)
    part.recall()
    part.restart(etag='"v1"', total=5000, extension="csv")
    part.append(b"a" * 1000)
    part.append(b"b" * 500)
    part.close()
    same = opened(tmp_path)
    same.recall()
    assert same.size == 1500
    same.close()
    monkeypatch.setattr(files, "boot_id", lambda: "another start")
    later = opened(tmp_path)
    later.recall()
    assert later.size == 1000
    later.append(b"c")
    later.close()
    assert (tmp_path / HIDDEN).read_bytes() == b"a" * 1000 + b"c"


@pytest.mark.parametrize("step", ["link", "fsync folder", "unlink part", "ledger", "unlink sidecar"])
async def test_a_crash_after_any_step_leaves_one_whole_file_and_no_second_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The step never happens; the next process finds what the first one left."""
    shelf = Shelf(data(50_000))

    class Crash(BaseException):
        pass

    def crash(*_: Any, **__: Any) -> None:
        raise Crash

    async with lending(tmp_path, shelf) as (bench, _):
        job = await bench.job()
        with monkeypatch.context() as patch:
            real_fsync, real_unlink = os.fsync, os.unlink

            def fsync(fd: int) -> None:
                if Path(f"/proc/self/fd/{fd}").readlink().name == "reports":
                    raise Crash
                real_fsync(fd)

            def unlink(path: Any, **more: Any) -> None:
                if str(path).endswith({"unlink part": ".part", "unlink sidecar": ".part.json"}[step]):
                    raise Crash
                real_unlink(path, **more)

            if step == "link":
                patch.setattr(os, "link", crash)
            elif step == "fsync folder":
                patch.setattr(os, "fsync", fsync)
            elif step == "ledger":
                patch.setattr("reportdash.engine.saving.Saver._saved", crash)
            else:
                patch.setattr(os, "unlink", unlink)
            with pytest.raises(Crash):
                await bench.downloads.fetch(job.id)
        theirs = Artifact(ArtifactState.FETCHING, owner="elsewhere:1:1:dead")
        await bench.ledger.change(job.id, lambda row: replace(row, artifact=theirs), durable=True)
        whole = [p for p in bench.folder.iterdir() if p.suffix == ".csv"]
        assert len(whole) == (0 if step == "link" else 1)
        assert all(path.read_bytes() == shelf.body for path in whole)
    async with lending(tmp_path, shelf) as (bench, liar):
        outcome = await bench.downloads.fetch("aaaaaa")
        assert outcome.ok, outcome.text
        assert liar.asked == []  # every byte was here
        artifact = outcome.job.artifact
        assert artifact is not None and artifact.verified is Verified.LENGTH
        assert Path(str(artifact.path)).read_bytes() == shelf.body
        names = [name for name in bench.files() if not name.startswith(".")]
        assert names == ["main_balances_2026-01-01_aaaaaa.csv"]
        if step != "unlink sidecar":
            assert bench.files() == names


async def test_an_inline_report_is_not_lost_when_only_its_name_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be gone on with, and may be gone at the vendor: what was counted complete is kept."""
    from tests.engine.shelf import bench

    def no_link(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async with bench(tmp_path, lambda job: inline(b'{"results": [1]}')) as made:
        job = await made.job(state=JobState.READY)
        with monkeypatch.context() as patch:
            patch.setattr(os, "link", no_link)
            outcome = await made.downloads.fetch(job.id)
            assert outcome.exit_code is Exit.FAILED and "Input/output error" in outcome.text
        made.vendor.give = lambda job: AssertionError("asked again")
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await made.downloads.paths(outcome.job)
        assert path.read_bytes() == b'{"results": [1]}'


async def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "reports").write_bytes(b"a file, not a folder")
    async with lending(tmp_path, Shelf(b"1,2\n")) as (bench, liar):
        job = await bench.job()
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.FAILED
        assert "cannot be written" in outcome.text and "--to DIR" in outcome.text
        assert liar.asked == [] and bench.vendor.asked == []


def test_reserved_blocks_do_not_show_in_the_size_and_are_given_back(tmp_path: Path) -> None:
    part = opened(tmp_path)
    part.recall()
    part.restart(etag='"v1"', total=3_000_000, extension="csv")
    part.append(b"x" * 1000)
    path = tmp_path / HIDDEN
    reserved = path.stat()
    part.close()
    assert reserved.st_size == path.stat().st_size == 1000
    if hasattr(ctypes.CDLL(None), "fallocate") and reserved.st_blocks * 512 >= 3_000_000:
        assert path.stat().st_blocks * 512 < 1_000_000


@pytest.mark.parametrize("total", [None, 3000])
def test_the_disk_is_never_filled_below_the_floor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int | None
) -> None:
    real = os.statvfs(tmp_path)
    blocks = (100_000 // real.f_frsize + 1, 10**9)  # some 100 kB free of a large disk

    def nearly_full(fd: int) -> os.statvfs_result:
        values = list(real)
        values[3] = values[4] = blocks[0]
        values[2] = blocks[1]
        return os.statvfs_result(values)

    def write(part: Part) -> None:
        part.restart(etag='"v1"', total=total, extension="csv")
        part.append(b"x" * 3000)

    part = Part.open(tmp_path, STEM, "aaaaaa", floor=200_000)
    part.recall()
    monkeypatch.setattr(os, "fstatvfs", nearly_full)
    with pytest.raises(NoSpace, match="disk full"):
        write(part)
    assert not part.room(3000)
    part.close()
    roomy = Part.open(tmp_path, STEM, "aaaaaa", floor=50_000)
    roomy.recall()
    write(roomy)
    assert roomy.room(3000)
    roomy.close()


async def test_racing_downloads_of_one_name_all_survive(tmp_path: Path) -> None:
    """Another program's files lie in the folder already, under the very names."""
    async with lending(tmp_path, Shelf(data(1000))) as (bench, _):
        job = await bench.job()
        bench.folder.mkdir()
        taken = [bench.folder / "main_balances_2026-01-01_aaaaaa.csv"]
        taken[0].write_bytes(b"theirs")
        outcome = await asyncio.gather(*(bench.downloads.fetch(job.id) for _ in range(3 * SIZE)))
        assert {str(o.job.artifact.path)[-8:] for o in outcome if o.job.artifact} == {" (2).csv"}
        assert taken[0].read_bytes() == b"theirs"
