"""A status word nobody knows: shown as it is, looked at each `poll_max`; nothing else follows from it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reportdash.cli.watch import follow
from reportdash.errors import Exit, SafetyProblem
from reportdash.model import Job, JobState
from reportdash.vendors.contract import No
from tests.cli.conftest import Shell, secrets, toml
from tests.engine.rig import Rig, guid


@dataclass(frozen=True)
class Case:
    """One vendor: whose job, its reference, the odd word, how it is asked for, words for work and done."""

    account: str
    reference: str
    word: str
    looks: str
    work: str
    done: str
    poll_max: float


CASES = {
    "7g": Case("main", guid(1), "suspended", "/Report/Status", "incomplete", "complete", 30.0),
    "sigma": Case("billing", "ref-1", "ARCHIVED", "*/report-status", "GENERATED", "PUBLISHED", 60.0),
    "webadmit": Case(
        "admissions", "90001/7", "On Hold", "*/exports/90001/export_files/7", "In Progress", "Available", 60.0
    ),
    "talkdesk": Case(
        "calls", "calls/a1", "archiving", "/data/reports/calls/jobs/a1", "processing", "done", 30.0
    ),
}


@pytest.fixture(params=list(CASES))
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def began(rig: Rig, vendor: str, *words: Any, **how: Any) -> Job:
    """A job of this vendor that goes by `words`, with everything on that downloads by itself."""
    case = CASES[vendor]
    rig.account(case.account, auto_download=True)
    rig.sim.add(vendor, case.reference, case.account, report="calls", stage="running", size=500)
    rig.sim.script(vendor, case.reference, list(words))
    engine = await rig.start(**{"download_ready": True, **how})
    return await engine.track(case.account, case.reference)


def fetched(rig: Rig, vendor: str) -> list[Any]:
    """Requests, and files on our disk, that only a download makes."""
    paths = {"7g": "/Report", "talkdesk": "*/files/*"}
    asked = rig.sim.calls(vendor, "GET", paths[vendor]) if vendor in paths else []
    folder = rig.folder / "reports"
    return [*asked, *rig.sim.calls("storage"), *(folder.iterdir() if folder.exists() else ())]


async def saved(rig: Rig, job: Job) -> Job | None:
    row = await rig.job(job)
    return row if row.saved else None


async def test_it_is_shown_with_the_raw_word_and_looked_at_each_poll_max(rig: Rig, vendor: str) -> None:
    case = CASES[vendor]
    job = await began(rig, vendor, case.word)
    rig.engine.poll()
    row = await rig.state(job, JobState.UNKNOWN)
    assert (row.vendor_status, row.settled_at, row.settled) == (case.word, None, False)
    await rig.passes(8.5 * case.poll_max)
    times = [call.at for call in rig.sim.calls(vendor, path=case.looks)]
    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert len(gaps) == 8
    assert all(abs(gap - case.poll_max) < 1 for gap in gaps), gaps
    assert (await rig.job(job)).state is JobState.UNKNOWN


async def test_nothing_downloads_it_by_itself(rig: Rig, vendor: str) -> None:
    case = CASES[vendor]
    job = await began(rig, vendor, case.work, case.word)
    rig.engine.poll()
    await rig.state(job, JobState.UNKNOWN)
    await rig.passes(5 * case.poll_max)
    assert fetched(rig, vendor) == []
    assert (await rig.job(job)).artifact is None


async def test_asked_for_by_name_it_is_refused_with_the_word(rig: Rig, vendor: str) -> None:
    case = CASES[vendor]
    job = await began(rig, vendor, case.word)
    rig.engine.poll()
    row = await rig.state(job, JobState.UNKNOWN)
    assert isinstance(rig.engine.can("download", row), No)
    outcome = await rig.finish(rig.engine.downloads.fetch(job.id))
    assert outcome.exit_code is Exit.REFUSED
    if vendor != "sigma":
        assert case.word in outcome.text
    assert fetched(rig, vendor) == []


async def test_it_counts_as_unsaved_for_delete_and_forget(rig: Rig, vendor: str) -> None:
    job = await began(rig, vendor, CASES[vendor].word)
    rig.engine.poll()
    await rig.state(job, JobState.UNKNOWN)
    assert await rig.engine.is_unsaved(await rig.job(job))
    for act in (rig.engine.delete, rig.engine.forget):
        with pytest.raises(SafetyProblem):
            await rig.finish(act(job.id))
    assert not rig.sim.calls(vendor, "DELETE")
    assert (await rig.job(job)).state is JobState.UNKNOWN


@pytest.mark.parametrize("until", ["settled", "ready"])
async def test_watch_waits_for_it_and_does_not_take_it_for_an_end(rig: Rig, vendor: str, until: str) -> None:
    job = await began(rig, vendor, CASES[vendor].word)
    watching = follow(rig.engine, lambda _: True, until=until, timeout=300.0, download=True)
    assert await rig.finish(watching) is Exit.UNREACHABLE
    assert (await rig.job(job)).state is JobState.UNKNOWN
    assert fetched(rig, vendor) == []


async def test_once_the_word_is_known_again_the_job_goes_on_as_any_other(rig: Rig, vendor: str) -> None:
    case = CASES[vendor]
    job = await began(rig, vendor, case.word, case.word, case.work, case.done)
    watching = follow(rig.engine, lambda _: True, until="settled", download=True)
    assert await rig.finish(watching) is Exit.OK
    row = await rig.job(job)
    assert row.state is JobState.READY and row.saved


async def test_a_saved_report_whose_word_becomes_odd_stays_saved_and_is_not_fetched_again(rig: Rig) -> None:
    job = await began(rig, "7g", "complete", "suspended")
    rig.engine.poll()
    row = await rig.until(lambda: saved(rig, job))
    assert row.artifact is not None
    await rig.state(job, JobState.UNKNOWN)
    await rig.passes(120)
    later = await rig.job(job)
    assert later.artifact == row.artifact and later.saved
    assert not await rig.engine.is_unsaved(later)
    assert len(rig.sim.calls("7g", "GET", "/Report")) == 1


async def test_a_group_with_an_odd_report_is_at_work_and_nothing_of_it_is_fetched(rig: Rig) -> None:
    rig.account("billing", auto_download=True)
    children = [{"name": "One"}, {"name": "Two"}]
    rig.sim.add("sigma", "group:g1", "billing", stage="running", children=children)
    rig.sim.script("sigma", "group:g1", [["PUBLISHED", "ARCHIVED"]])
    engine = await rig.start(download_ready=True)
    group = await engine.track("billing", "group:g1")
    engine.poll()
    await rig.state(group, JobState.RUNNING)
    await rig.passes(300)
    assert [child.state for child in await rig.ledger.children(group.id)] == [
        JobState.READY,
        JobState.UNKNOWN,
    ]
    assert (await rig.job(group)).state is JobState.RUNNING
    assert fetched(rig, "sigma") == []


async def test_on_the_command_line_too(rig: Rig, tmp_path: Path) -> None:
    sim = rig.sim
    shell = Shell(tmp_path / "home", secrets(sim.accounts()))
    shell.folder.mkdir()
    shell.write(toml(sim.accounts(), main={"auto_download": True}))
    sim.add("7g", guid(1), "main", stage="unknown")
    job_id = (await shell("track", "main", guid(1))).lines[0]
    watched = await shell("watch", "--download", "--json", "--timeout", "1")
    assert watched.code == Exit.UNREACHABLE
    assert watched.rows[-1]["state"] == "unknown"
    assert watched.rows[-1]["vendor_status"] == "suspended"
    assert watched.rows[-1]["artifact"] is None
    every = await shell("download", "--all-ready")
    assert (every.code, every.out) == (Exit.OK, "")
    one = await shell("download", job_id)
    assert (one.code, one.out) == (Exit.REFUSED, "")
    assert "suspended" in one.err
    assert (await shell("delete", job_id, "--yes")).code == Exit.REFUSED
    assert (await shell("forget", job_id)).code == Exit.REFUSED
    assert rig.sim.calls("7g", "GET", "/Report") == []
    assert not rig.deletes()
    assert not shell.reports.exists() or not list(shell.reports.iterdir())
