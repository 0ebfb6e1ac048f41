"""Submitting from the screen: the form, what the vendor refuses in it, and a submit nobody answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from reportdash.errors import Problem
from reportdash.model import Intent, IntentKind, Job, JobState, Spec, Stage, replace
from reportdash.simulator.wire import Reply
from reportdash.tui.screens.parts import CANCEL, Button
from reportdash.tui.screens.submit import Submit, Unsure
from reportdash.tui.screens.track import Track
from tests.tui.desk import Desk, desk, job_in

S = JobState
SPEC = Spec("TransactionSummary", {"ProductID": "A01", "Note": "two words"})


async def paste(at: Desk, text: str) -> None:
    at.app.screen.post_message(events.Paste(text))
    await at.pilot.pause()


async def unsure_job(at: Desk) -> Job:
    """A submit that left and was not answered."""
    now = at.rig.clock.now()
    job = Job(
        id="unsure",
        account="main",
        vendor="7g",
        name="Quarter end",
        reference=None,
        state=S.SUBMITTING,
        message="unsure: sent 14:02, no answer",
        submitted_at=now,
        updated_at=now,
        spec=SPEC,
        intent=Intent(IntentKind.SUBMIT, Stage.UNSURE, at=now, key="5f0c1b9e-0000-4000-8000-000000000001"),
    )
    row, _ = await at.rig.ledger.add(job)
    await at.on_board(row)
    return row


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_a_report_is_submitted_from_the_empty_form(tmp_path: Path, size: tuple[int, int]) -> None:
    async with desk(tmp_path, size=size) as at:
        await at.ask("n")
        assert "Submit a report" in at.text
        assert "Report name" in at.text
        assert "Format" not in at.text
        await at.press("tab")
        await paste(at, "TransactionSummary")
        await at.press("tab")
        await paste(at, 'ProductID=A01 Note="two words"')
        await at.press("tab")
        await paste(at, "Month end")
        await at.press("enter")
        assert at.app.screen is at.app.board
        await at.until(lambda: "accepted" in at.notice)
        (job,) = await at.rig.ledger.jobs()
        assert job.spec == SPEC
        assert job.name == "Month end"
        assert job.id in at.notice
        assert len(at.rig.submits()) == 1


async def test_escape_sends_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.ask("n")
        await at.press("tab")
        await paste(at, "TransactionSummary")
        await at.press("escape")
        assert at.app.screen is at.app.board
        assert await at.rig.ledger.jobs() == []
        assert at.rig.submits() == []


async def test_the_form_of_a_row_is_filled_with_what_was_asked_for(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await job_in(at, 1, S.FAILED, "failed", spec=SPEC, name="Month end")
        await at.ask("n")
        assert "Submit Month end again" in at.text
        assert "ProductID=A01 Note='two words'" in at.text
        await at.press("ctrl+u")
        await paste(at, "ProductID=B02")
        await at.press("enter")
        await at.until(lambda: len(at.rig.submits()) == 1)
        await at.until(lambda: "accepted" in at.notice)
        (new,) = [job for job in await at.rig.ledger.jobs() if job.reference and job.state is not S.FAILED]
        assert new.spec == Spec("TransactionSummary", {"ProductID": "B02"})
        assert new.name == "Month end"


async def test_a_row_followed_from_elsewhere_opens_an_empty_form_for_its_account(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls", "main")) as at:
        await job_in(at, 1, S.FAILED, "failed")
        form = await at.ask("n")
        assert isinstance(form, Submit)
        assert "main · 7G" in at.text
        assert form.report.edit.text == ""
        assert form.focused_item is form.report


async def test_what_the_vendor_is_known_to_refuse_is_said_in_the_form_and_nothing_typed_is_lost(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        form = await at.ask("n")
        assert isinstance(form, Submit)
        await at.press("tab")
        await paste(at, "calls")
        await at.press("tab")
        await paste(at, "colour=blue")
        await at.press("enter")
        assert "Talkdesk knows the parameters timezone and name" in at.text
        assert form.report.edit.text == "calls"
        assert form.params.edit.text == "colour=blue"
        await at.press("ctrl+u")
        assert "Talkdesk knows" not in at.text
        await paste(at, "timezone")
        await at.press("enter")
        assert "timezone has no key or no =" in at.text
        assert at.rig.sim.calls("talkdesk", "POST", "/reports*") == []


async def test_format_and_span_stand_only_where_the_vendor_takes_them(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("main", "calls"), size=(80, 24)) as at:
        form = await at.ask("n")
        assert isinstance(form, Submit)
        assert "Format" not in at.text
        await at.press("c")
        assert "calls · Talkdesk" in at.text
        assert "Report type" in at.text
        for label in ("Format", "From", "To"):
            assert f"  {label} " in at.text
        await at.press("tab")
        await paste(at, "calls")
        await at.press("tab", "tab", "right", "tab")
        await paste(at, "2026-09-01")
        await at.press("tab")
        await paste(at, "2026-09-02")
        assert form.spec() == Spec("calls", {"timezone": "UTC"}, "json", "2026-09-01", "2026-09-02")


async def test_accounts_that_take_no_submit_are_not_offered(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("admissions",), user_identity=None) as at:
        await at.press("n")
        assert at.app.screen is at.app.board
        assert "user_identity" in at.notice


async def test_a_refused_submit_is_told_in_the_vendors_words(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        words = '{"error": {"message": "No such report."}}'
        at.rig.sim.inject("7g", Reply(400, words.encode()), method="POST", path="/Report")
        await at.ask("n")
        await at.press("tab")
        await paste(at, "Nothing")
        await at.press("enter")
        await at.until(lambda: "refused" in at.notice)


async def test_a_form_the_engine_did_not_take_comes_back_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as at:

        async def full(*args: object, **more: object) -> None:
            raise Problem("the disk is full")

        monkeypatch.setattr(at.rig.engine, "submit", full)
        await at.ask("n")
        await at.press("tab")
        await paste(at, "TransactionSummary")
        await at.press("tab")
        await paste(at, "a=1")
        await at.press("enter")
        await at.until(lambda: "nothing was submitted: the disk is full" in at.notice)
        form = await at.ask("n")
        assert isinstance(form, Submit)
        assert form.report.edit.text == "TransactionSummary"
        assert form.params.edit.text == "a=1"
        assert "the disk is full" in at.text


async def test_a_submit_without_an_answer_is_not_repeated_unasked(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await unsure_job(at)
        question = await at.ask("n")
        assert isinstance(question, Unsure)
        assert isinstance(question.focused_item, Button)
        assert question.focused_item.value == CANCEL
        assert "no answer came" in at.text
        await at.press("enter")
        assert at.app.screen is at.app.board
        assert at.rig.submits() == []
        assert (await at.row(job)).intent is not None


async def test_a_submit_without_an_answer_is_sent_again_on_request(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await unsure_job(at)
        await at.ask("n")
        await at.press("s")
        await at.until(lambda: "accepted" in at.notice)
        assert len(at.rig.submits()) == 1
        assert (await at.row(job)).reference is not None


async def test_a_submit_without_an_answer_is_given_its_reference(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await unsure_job(at)
        reference = at.rig.at_vendor(7)
        await at.ask("n")
        await at.press("t")
        await at.until(lambda: isinstance(at.app.screen, Track))
        await at.pilot.pause()
        assert "(•) For that submit" in at.text
        await paste(at, reference)
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        row = await at.row(job)
        assert row.reference == reference
        assert row.intent is None
        assert at.rig.submits() == []


async def test_a_vendors_escape_sequences_do_not_reach_the_form(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.FAILED, "failed", spec=SPEC)
        evil = "\x1b]52;c;eA==\x07[@click=app.quit]x[/]"
        row = await at.rig.ledger.change(
            job.id, lambda row: replace(row, name=evil, spec=Spec(evil, {"a": evil}))
        )
        await at.on_board(row, name=row.name)
        await at.ask("n")
        assert "\x1b" not in at.text
        assert "[@click=app.quit]x[/]" in at.text
