"""A dialog that stands open while a damaged ledger is set aside and opened anew acts on the new one, or says
that it is being opened; what was typed stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.model import JobState
from reportdash.tui.screens.login import Login
from reportdash.tui.screens.submit import Submit
from reportdash.tui.screens.track import Track
from tests.engine.rig import guid
from tests.tui.desk import Desk, desk, job_in
from tests.tui.test_submit_screen import paste

S = JobState
SAYS = "the ledger is being opened anew: try again in a moment"


async def reference_typed(at: Desk) -> Track:
    form = await at.ask("t")
    assert isinstance(form, Track)
    await at.press("tab")
    await paste(at, guid(5))
    return form


async def test_a_reference_is_followed_in_the_ledger_that_was_opened_anew(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await reference_typed(at)
        await at.set_aside()
        await at.open_anew()
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        (job,) = await at.rig.ledger.jobs()
        assert job.reference == guid(5)


async def test_a_reference_given_while_it_is_opened_stays_in_the_form(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        form = await reference_typed(at)
        await at.set_aside()
        await at.press("enter")
        await at.shows(SAYS[1:])
        assert form.is_current and form.reference.edit.text == guid(5)
        await at.open_anew()
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        assert len(await at.rig.ledger.jobs()) == 1


@pytest.mark.parametrize("while_opening", [False, True])
async def test_a_submit_goes_to_the_new_one_or_stays_as_a_draft(tmp_path: Path, while_opening: bool) -> None:
    async with desk(tmp_path) as at:
        await at.ask("n")
        await at.press("tab")
        await paste(at, "TransactionSummary")
        await at.set_aside()
        if not while_opening:
            await at.open_anew()
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        if while_opening:
            await at.until(lambda: SAYS in at.notice)
            await at.open_anew()
            form = await at.ask("n")
            assert isinstance(form, Submit) and form.report.edit.text == "TransactionSummary"
            await at.press("enter")
        await at.until(at.rig.submits)
        await at.until(lambda: not at.app.operator._tasks)
        assert len(await at.rig.ledger.jobs()) == len(at.rig.submits()) == 1


@pytest.mark.parametrize(("key", "state", "stage"), [("x", S.FAILED, "failed"), ("f", S.FAILED, "failed")])
@pytest.mark.parametrize("while_opening", [False, True])
async def test_what_was_agreed_to_is_done_by_the_new_one_or_said_not_to_be(
    tmp_path: Path, key: str, state: JobState, stage: str, while_opening: bool
) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, state, stage)
        await at.ask(key)
        await at.set_aside()
        if not while_opening:
            await at.open_anew()
        await at.press("tab", "enter")
        await at.until(lambda: at.app.screen is at.app.board)
        if while_opening:
            await at.until(lambda: SAYS in at.notice)
            await at.open_anew()
            await at.ask(key)
            await at.press("tab", "enter")

        async def done() -> bool:
            row = await at.rig.job(job)
            return row.state is S.DELETED if key == "x" else row.forgotten_at is not None

        await at.until(done)


@pytest.mark.parametrize("while_opening", [False, True])
async def test_reports_that_were_chosen_are_downloaded_by_the_new_one(
    tmp_path: Path, while_opening: bool
) -> None:
    async with desk(tmp_path) as at:
        jobs = [await job_in(at, number, S.READY) for number in (1, 2)]
        at.select(*jobs)
        await at.ask("d")
        await at.set_aside()
        if not while_opening:
            await at.open_anew()
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        if while_opening:
            await at.until(lambda: SAYS in at.notice)
            return

        async def saved() -> bool:
            return all([(await at.rig.job(job)).saved for job in jobs])

        await at.until(saved)


async def test_the_list_of_accounts_goes_on_with_the_new_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.ask("a")
        await at.set_aside()
        await at.pilot.pause()
        assert "closed" not in at.text
        await at.press("p")
        await at.shows(SAYS[1:])
        await at.open_anew()
        await at.press("p")
        await at.shows("paused")
        assert (await at.rig.row("main")).paused


@pytest.mark.parametrize("while_opening", [False, True])
async def test_a_key_is_kept_by_the_new_one_or_the_form_says_why_not(
    tmp_path: Path, while_opening: bool
) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        keys = at.rig.forget_key("calls")
        form = await at.ask("l")
        assert isinstance(form, Login)
        await at.shows("Try and keep")
        await paste(at, keys["client_id"])
        await at.press("tab")
        await paste(at, keys["client_secret"])
        await at.set_aside()
        if while_opening:
            await at.press("enter")
            await at.shows(SAYS[1:])
        await at.open_anew()
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        found = await at.rig.engine.seat("calls").find_credential()
        assert found is not None and found.source == "memory"
