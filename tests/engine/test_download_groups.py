"""Reports that a vendor publishes into a folder of ours, one by one and in groups."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import Exit
from reportdash.model import Artifact, ArtifactState, Job, JobState, LocalFile, Verified, replace
from tests.engine.shelf import AT, Bench, bench


def published(folder: Path, name: str, content: bytes, *, at: float = AT + 60) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    os.utime(path, (at, at))
    return path


async def test_the_one_file_newer_than_the_submit_is_copied(tmp_path: Path) -> None:
    out = tmp_path / "out"
    source = published(out, "Net_77.xlsx", b"PK" * 400_000)
    published(out, "Net_77_old.xlsx", b"old", at=AT - 3600)
    async with bench(tmp_path, lambda job: LocalFile(str(out / "Net*77*"))) as made:
        job = await made.job(spec=None)
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        assert made.files() == ["main_balances_2026-01-01_aaaaaa.xlsx"]
        (path,) = await made.downloads.paths(outcome.job)
        assert path.read_bytes() == source.read_bytes()
        assert path.stat().st_ino != source.stat().st_ino
        assert outcome.job.artifact is not None and outcome.job.artifact.verified is Verified.LENGTH


async def test_several_files_are_named_and_none_is_taken(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("a.csv", "b.csv"):
        published(out, name, b"x")
    async with bench(tmp_path, lambda job: LocalFile(str(out / "*"))) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.FAILED
        assert "2 files match" in outcome.text and "a.csv, b.csv" in outcome.text
        assert made.files() == []


@pytest.mark.parametrize("what", ["nothing", "an old file", "a folder", "a symlink"])
async def test_what_is_no_new_regular_file_is_not_taken(tmp_path: Path, what: str) -> None:
    out = tmp_path / "out"
    secret = published(tmp_path / "else", "secret", b"secret")
    out.mkdir()
    if what == "an old file":
        published(out, "a.csv", b"x", at=AT - 10)
    elif what == "a folder":
        (out / "a.csv").mkdir()
    elif what == "a symlink":
        (out / "a.csv").symlink_to(secret)
    async with bench(tmp_path, lambda job: LocalFile(str(out / "*"))) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.FAILED and "matches" in outcome.text
        assert made.files() == []


async def test_a_tracked_job_takes_a_file_from_before_it_was_tracked(tmp_path: Path) -> None:
    out = tmp_path / "out"
    published(out, "a.csv", b"1,2\n3,4\n", at=AT - 3600)
    async with bench(tmp_path, lambda job: LocalFile(str(out / "*"))) as made:
        job = await made.job(tracked=True)
        assert (await made.downloads.fetch(job.id)).ok


async def test_a_file_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    out = tmp_path / "out"
    source = published(out, "a.csv", b"1,2\n", at=AT + 60)

    class Growing(ManualClock):
        slept = 0

        async def sleep(self, seconds: float) -> None:
            """The vendor goes on writing while we wait, once."""
            if type(self).slept == 0:
                published(out, "a.csv", b"1,2\n3,4\n", at=AT + 61)
            type(self).slept += 1

    async with bench(tmp_path, lambda job: LocalFile(str(out / "*")), clock=Growing(AT + 61)) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        (path,) = await made.downloads.paths(outcome.job)
        assert path.read_bytes() == source.read_bytes() == b"1,2\n3,4\n"
        assert len(made.vendor.asked) == 2


async def group(made: Bench, states: list[JobState]) -> Job:
    parent = await made.job("pppppp", reference="group:G1", children_total=len(states), spec=None)

    def children(job: Job, _: list[Job]) -> tuple[Job, list[Job]]:
        rows = [
            Job(
                "",
                "main",
                "lender",
                f"part {n}",
                f"group:G1#{n}",
                state,
                parent=job.id,
                ordinal=n,
                submitted_at=AT,
            )
            for n, state in enumerate(states, 1)
        ]
        return job, rows

    return await made.ledger.change_group(parent.id, children)


def by_ordinal(out: Path) -> Any:
    return lambda job: LocalFile(str(out / f"part-{job.ordinal}-*"))


async def test_a_groups_download_saves_each_childs_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for n in (1, 2, 3):
        published(out, f"part-{n}-x.csv", b"a,b\n1,2\n" * n)
    async with bench(tmp_path, by_ordinal(out)) as made:
        parent = await group(made, [JobState.READY, JobState.FAILED, JobState.NOTIFY_FAILED])
        outcome = await made.downloads.fetch(parent.id)
        assert outcome.exit_code is Exit.OK, outcome.text
        assert outcome.text.startswith("2 of 3 saved")
        assert outcome.job.artifact == Artifact(
            ArtifactState.SAVED, bytes=32, total=32, verified=Verified.LENGTH
        )
        children = await made.ledger.children(parent.id)
        assert [child.saved for child in children] == [True, False, True]
        paths = await made.downloads.paths(outcome.job)
        assert sorted(p.name for p in paths) == made.files()
        assert [p.stat().st_size for p in paths] == [8, 24]
        assert await made.downloads.is_intact(outcome.job)
        assert not made.downloads.intact(outcome.job)  # without its children nothing is known
        paths[0].unlink()
        assert not await made.downloads.is_intact(outcome.job)
        asked = len(made.vendor.asked)
        again = await made.downloads.fetch(parent.id)
        assert again.ok and len(made.vendor.asked) == asked + 1  # only the one that was gone


async def test_a_group_that_is_saved_in_part_is_not_saved(tmp_path: Path) -> None:
    out = tmp_path / "out"
    published(out, "part-1-x.csv", b"a,b\n1,2\n")
    async with bench(tmp_path, by_ordinal(out)) as made:
        parent = await group(made, [JobState.READY, JobState.READY])
        outcome = await made.downloads.fetch(parent.id)
        assert outcome.exit_code is Exit.FAILED
        assert outcome.text.startswith("1 of 2 saved; part 2: no file matches")
        assert outcome.job.artifact is not None
        assert outcome.job.artifact.state is ArtifactState.FAILED
        assert not await made.downloads.is_intact(outcome.job)
        first, second = await made.ledger.children(parent.id)
        assert first.saved and not second.saved


async def test_a_child_is_not_downloaded_alone(tmp_path: Path) -> None:
    async with bench(tmp_path, lambda job: None) as made:
        parent = await group(made, [JobState.READY])
        (child,) = await made.ledger.children(parent.id)
        outcome = await made.downloads.fetch(child.id)
        assert outcome.exit_code is Exit.REFUSED and parent.id in outcome.text
        assert made.vendor.asked == []


async def test_a_group_without_any_file_says_why(tmp_path: Path) -> None:
    async with bench(tmp_path, lambda job: None) as made:
        parent = await group(made, [JobState.EMPTY, JobState.EMPTY])
        outcome = await made.downloads.fetch(parent.id)
        assert outcome.exit_code is Exit.FAILED and "0 of 2 saved" in outcome.text
        await made.ledger.change(parent.id, lambda row: replace(row, artifact=None))
