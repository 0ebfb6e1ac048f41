"""The demo's table: as many rows as asked for, the same for the same seed, and known to the simulator."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from reportdash.cli.demo import Child
from reportdash.cli.demo_rows import LIVE, VENDOR, rows
from reportdash.model import ACTIVE, JobState
from reportdash.simulator import Simulator

NOW = 1_790_000_000.0


@pytest.mark.parametrize("count", [1, 7, 60, 400, 3_000])
def test_there_are_as_many_rows_as_asked_for_and_few_of_them_live(tmp_path: Path, count: int) -> None:
    made = list(rows(count, 1, NOW, tmp_path))
    assert len(made) == count
    assert sum(row.known is not None for row in made) <= LIVE
    jobs = [job for row in made for job in (row.job, *row.children)]
    assert len({job.id for job in jobs}) == len(jobs)
    assert len({(job.account, job.reference) for job in jobs}) == len(jobs)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(tmp_path: Path) -> None:
    def made(seed: int) -> list[object]:
        return [row.job for row in rows(200, seed, NOW, tmp_path)]

    assert made(3) == made(3)
    assert made(3) != made(4)


def test_7g_never_runs_more_at_once_than_it_would(tmp_path: Path) -> None:
    busy = Counter(
        row.job.account
        for row in rows(5_000, 1, NOW, tmp_path)
        if VENDOR[row.job.account] == "7g" and row.job.state in (JobState.QUEUED, JobState.RUNNING)
    )
    assert max(busy.values()) <= 10


def test_what_counts_as_saved_lies_in_the_folder_with_its_size(tmp_path: Path) -> None:
    saved = [row.job.artifact for row in rows(60, 1, NOW, tmp_path) if row.job.artifact is not None]
    assert saved
    for artifact in saved:
        assert artifact.path is not None
        assert Path(artifact.path).stat().st_size == artifact.bytes


def test_for_a_given_rate_of_change_every_live_row_beyond_the_cast_works(tmp_path: Path) -> None:
    made = [row for row in rows(500, 1, NOW, tmp_path, only_working=True) if row.known is not None]
    assert len(made) > 250
    assert sum(row.job.state in ACTIVE for row in made) > 0.9 * len(made)


async def test_the_simulator_takes_every_live_row_as_it_stands(tmp_path: Path) -> None:
    async with Simulator(changes=0, accounts=VENDOR) as simulator:
        for row in rows(1_000, 1, NOW, tmp_path):
            if row.known is not None:
                simulator.add(**row.known)
        assert len(simulator.world.jobs) > 250


@pytest.mark.parametrize("name", ["reportdash/__init__.py", "argparse.py", "json.py", "asyncio/__init__.py"])
def test_the_simulators_process_runs_nothing_that_lies_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Where others can write, as in /tmp, a module of theirs must not run as whoever starts the demo."""
    here = tmp_path / "here"
    (here / name).parent.mkdir(parents=True)
    (here / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    monkeypatch.chdir(here)
    monkeypatch.setenv("REPORTDASH_SECRET__MAIN__PASSWORD", "canary-of-the-demo")
    with Child(tmp_path, 1, 0, chaos=False) as child:
        assert child.hello()["accounts"]
        environ = Path(f"/proc/{child._process.pid}/environ")
        assert not environ.exists() or b"canary" not in environ.read_bytes()
    assert not (tmp_path / "ran").exists()
