"""Downloading one report: what is saved, where, and what the ledger and the operator are told."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from reportdash.engine.watching import Trouble
from reportdash.errors import AuthFailed, Exit, NotFound, Unreachable, UsageProblem, VendorRefused
from reportdash.model import ArtifactState, JobState, Signed, Verified
from tests.engine.rig import Rig, guid
from tests.engine.shelf import Shelf, bench, data, inline, lending

NAME = "main_balances_2026-01-01_aaaaaa.csv"


async def test_a_signed_report_is_saved_whole_under_its_default_name(tmp_path: Path) -> None:
    shelf = Shelf(data(700_000))
    async with lending(tmp_path, shelf) as (bench, liar):
        job = await bench.job()
        outcome = await bench.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.OK, outcome.text
        artifact = outcome.job.artifact
        assert artifact is not None and artifact.state is ArtifactState.SAVED
        assert artifact.path == str(bench.folder / NAME)
        assert Path(artifact.path).read_bytes() == shelf.body
        assert artifact.sha256 == hashlib.sha256(shelf.body).hexdigest()
        assert (artifact.bytes, artifact.total) == (700_000, 700_000)
        assert artifact.verified is Verified.LENGTH
        assert bench.files() == [NAME]
        assert await bench.downloads.is_intact(outcome.job)
        assert await bench.downloads.paths(outcome.job) == [bench.folder / NAME]
        assert liar.asked[0].headers["accept-encoding"] == "identity"


async def test_the_address_leaves_byte_for_byte_and_carries_nothing_of_ours(tmp_path: Path) -> None:
    path = "/a%2Fb/%7Eme/r%2C1.csv?X-Sig=a%2Bb%7e~!*'()&empty=&x==%20+%C3%A9|^"
    async with lending(tmp_path, Shelf(data(10)), path) as (bench, liar):
        job = await bench.job()
        assert (await bench.downloads.fetch(job.id)).ok
        assert liar.asked[0].target == path
        assert set(liar.asked[0].headers) == {"host", "user-agent", "accept", "accept-encoding"}
        assert liar.asked[0].headers["host"] == f"127.0.0.1:{liar.port}"


async def test_an_inline_report_is_saved_by_the_same_steps(tmp_path: Path) -> None:
    async with bench(tmp_path, lambda job: inline(b'{"results": []}', note="no rows in the file")) as made:
        job = await made.job(spec=None)
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok, outcome.text
        assert made.files() == ["main_balances_2026-01-01_aaaaaa.json"]
        assert outcome.job.message == "no rows in the file"
        assert outcome.job.state is JobState.READY


async def test_files_and_made_folders_are_private(tmp_path: Path) -> None:
    async with lending(tmp_path, Shelf(data(10))) as (bench, _):
        job = await bench.job()
        to = tmp_path / "deep" / "er"
        outcome = await bench.downloads.fetch(job.id, to=to)
        (path,) = await bench.downloads.paths(outcome.job)
        assert path.parent == to
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert {stat.S_IMODE(p.stat().st_mode) for p in (to, to.parent)} == {0o700}


async def test_a_saved_report_is_not_fetched_again_while_its_file_is_whole(tmp_path: Path) -> None:
    async with lending(tmp_path, Shelf(data(500))) as (bench, liar):
        job = await bench.job()
        first = await bench.downloads.fetch(job.id)
        assert (await bench.downloads.fetch(job.id)).ok
        assert len(liar.asked) == 1
        (path,) = await bench.downloads.paths(first.job)
        path.write_bytes(b"cut")
        again = await bench.downloads.fetch(job.id)
        assert again.ok and len(liar.asked) == 2
        assert path.read_bytes() == b"cut"
        (new,) = await bench.downloads.paths(again.job)
        assert new.name == "main_balances_2026-01-01_aaaaaa (2).csv"
        assert new.read_bytes() == data(500)


async def test_a_saved_report_is_found_even_when_the_vendor_has_it_no_longer(tmp_path: Path) -> None:
    async with lending(tmp_path, Shelf(data(500))) as (bench, _):
        job = await bench.job()
        await bench.downloads.fetch(job.id)
        await bench.ledger.change(job.id, lambda row: replace(row, state=JobState.EXPIRED))
        assert (await bench.downloads.fetch(job.id)).ok


@pytest.mark.parametrize(
    ("state", "code", "says"),
    [
        (JobState.RUNNING, Exit.FAILED, "not ready yet"),
        (JobState.QUEUED, Exit.FAILED, "not ready yet"),
        (JobState.SUBMITTING, Exit.FAILED, "not at the vendor yet"),
        (JobState.EMPTY, Exit.FAILED, "empty"),
        (JobState.FAILED, Exit.FAILED, "failed at the vendor: no such table"),
        (JobState.CANCELLED, Exit.FAILED, "cancelled"),
        (JobState.DELETED, Exit.FAILED, "deleted"),
        (JobState.EXPIRED, Exit.FAILED, "expired"),
        (JobState.LOST, Exit.FAILED, "does not know"),
        (JobState.UNKNOWN, Exit.REFUSED, "not a known word"),
    ],
)
async def test_a_job_without_a_file_is_told_why_and_nothing_is_asked(
    tmp_path: Path, state: JobState, code: Exit, says: str
) -> None:
    async with bench(tmp_path, lambda job: Signed("http://127.0.0.1:9/")) as made:
        job = await made.job(state=state, message="no such table")
        outcome = await made.downloads.fetch(job.id)
        assert outcome.exit_code is code
        assert says in outcome.text
        assert made.vendor.asked == []
        assert outcome.job.artifact is None


async def test_a_vendor_without_a_download_call_is_refused_with_its_reason(tmp_path: Path) -> None:
    async with bench(tmp_path, lambda job: None) as made:
        made.vendor.no = "it hands out no file"
        job = await made.job(state=JobState.RUNNING)
        outcome = await made.downloads.fetch(job.id)
        assert (outcome.exit_code, outcome.text) == (Exit.REFUSED, "it hands out no file")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AuthFailed("key refused", status=401), Exit.CREDENTIALS),
        (Unreachable("connection refused", sent=False), Exit.UNREACHABLE),
        (VendorRefused("not for you"), Exit.FAILED),
    ],
)
async def test_what_the_vendor_answers_decides_the_exit_code(
    tmp_path: Path, error: Exception, code: Exit
) -> None:
    async with bench(tmp_path, lambda job: error) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id, patience=0.1)
        assert outcome.exit_code is code
        artifact = outcome.job.artifact
        assert artifact is not None and artifact.state is ArtifactState.FAILED
        last = await made.ledger.last_error(job.id)
        assert last is not None and last.kind == "download"
        assert outcome.job.state is JobState.READY
        assert made.files() == []


async def test_a_report_that_is_gone_is_told_and_folded_into_the_job(tmp_path: Path) -> None:
    async with bench(tmp_path, lambda job: NotFound("no such reference")) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.FAILED
        assert outcome.job.state is JobState.EXPIRED
        assert "no such reference" in outcome.text


async def test_an_unknown_job_is_a_usage_error(tmp_path: Path) -> None:
    async with bench(tmp_path, lambda job: None) as made:
        with pytest.raises(UsageProblem):
            await made.downloads.fetch("zzzzzz")


@pytest.mark.parametrize("vendor", ["7g", "webadmit"])
async def test_a_vendor_that_is_down_is_named_while_the_download_is_tried_again(
    rig: Rig, vendor: str
) -> None:
    account, reference = {"7g": ("main", guid(1)), "webadmit": ("admissions", "86446/5")}[vendor]
    rig.account(account)
    await rig.start()
    rig.sim.add(vendor, reference, account, report="X", stage="ready", size=2000)
    job = await rig.seen(await rig.engine.track(account, reference), JobState.READY)
    await rig.sim.stop()
    rig.engine.downloads.start(job.id)

    def tried() -> Trouble | None:
        found = rig.engine.downloads.progress()[job.id].trouble
        return found if found is not None and found.tries >= 2 else None

    trouble: Trouble = await rig.until(tried)
    assert "refuses connections" in trouble.text
    assert rig.clock.now() < trouble.again_at
