"""Following from the screen what was started elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.model import JobState
from reportdash.tui.screens.track import Track
from tests.engine.rig import guid
from tests.tui.desk import desk, job_in
from tests.tui.test_submit_screen import paste, unsure_job

S = JobState


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_a_reference_becomes_a_row_without_a_request(tmp_path: Path, size: tuple[int, int]) -> None:
    async with desk(tmp_path, size=size) as at:
        await at.ask("t")
        assert "as 7G writes it: GUID" in at.text
        await at.press("tab")
        await paste(at, guid(5))
        await at.press("tab")
        await paste(at, "From the night run")
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        (job,) = await at.rig.ledger.jobs()
        assert (job.reference, job.name) == (guid(5), "From the night run")
        assert job.id in at.notice
        assert at.rig.sim.calls("7g") == []


async def test_a_wrong_reference_is_said_in_the_form_with_its_right_form(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        form = await at.ask("t")
        assert isinstance(form, Track)
        await at.press("tab")
        await paste(at, "12345")
        await at.press("enter")
        await at.shows("7G reference is a GUID")
        assert form.reference.edit.text == "12345"
        assert await at.rig.ledger.jobs() == []


async def test_a_known_reference_names_its_row(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.FAILED, "failed")
        await at.ask("t")
        await paste(at, guid(1))
        await at.press("enter")
        await at.until(lambda: at.notice.startswith(f"known already: {job.id}"))
        assert len(await at.rig.ledger.jobs()) == 1


async def test_what_the_vendor_lists_is_adopted(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        for number in range(3):
            at.rig.sim.add("talkdesk", f"calls/job{number}", "calls", report="calls", stage="running")
        await at.ask("t")
        assert "Adopt all" in at.text
        await at.press("tab", "tab", "tab", "tab", "enter")
        await at.until(lambda: at.notice == "3 jobs adopted from calls")
        assert len(await at.rig.ledger.jobs()) == 3


async def test_why_a_vendor_lists_nothing_is_said(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.ask("t")
        assert "7G lists no reports" in at.text
        assert "Adopt all" not in at.text


async def test_escape_adds_no_row(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.ask("t")
        await at.press("tab")
        await paste(at, guid(5))
        await at.press("escape")
        assert at.app.screen is at.app.board
        assert await at.rig.ledger.jobs() == []


async def test_a_reference_can_stand_beside_an_unanswered_submit(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await unsure_job(at)
        await at.ask("t")
        await paste(at, guid(9))
        await at.press("tab", "tab", "tab", "space")
        assert "(•) As a row of its own" in at.text
        await at.press("tab", "tab", "enter")
        await at.until(lambda: at.app.screen is at.app.board)
        assert (await at.row(job)).reference is None
        assert len(await at.rig.ledger.jobs()) == 2
