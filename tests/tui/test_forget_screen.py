"""Forgetting from the screen: the row goes, the tombstone stays, the vendor hears nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.model import Intent, IntentKind, Job, JobState, Stage, replace
from tests.engine.rig import SPEC
from tests.tui.desk import Desk, desk, job_in, saved_job

S = JobState


async def gone(at: Desk, job: Job) -> None:
    """The row has left the table; the ledger still knows it."""

    async def forgotten() -> bool:
        return (await at.row(job)).forgotten_at is not None

    await at.until(forgotten)
    await at.until(lambda: job.id not in at.app.board.view.records.slot_of)


async def test_cancel_keeps_the_row(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.FAILED, "failed")
        await at.ask("f")
        await at.press("enter")
        assert not at.asking
        assert (await at.row(job)).forgotten_at is None


async def test_a_settled_and_saved_job_is_asked_about_all_the_same(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await saved_job(at, 1)
        calls = len(at.rig.sim.requests)
        await at.ask("f")
        assert "7G hears nothing" in at.text
        await at.press("tab", "enter")
        await gone(at, job)
        assert at.notice == "1 forgotten"
        assert len(at.rig.sim.requests) == calls
        assert job.artifact is not None
        assert job.artifact.path is not None
        assert Path(job.artifact.path).exists()


async def test_an_unsaved_report_is_kept_unless_the_word_is_typed(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.READY)
        dialog = await at.ask("f")
        assert dialog.buttons() == []
        await at.press("u")
        await at.write("delete")
        await at.press("enter")
        assert "type the word forget first" in at.text
        assert (await at.row(job)).forgotten_at is None
        await at.press("ctrl+u")
        await at.write("forget")
        await at.press("enter")
        await gone(at, job)
        assert not at.deletes


async def test_d_saves_it_first_and_keeps_the_row(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.READY)
        await at.ask("f")
        await at.press("d")

        async def saved() -> bool:
            return (await at.row(job)).saved

        await at.until(saved)
        assert (await at.row(job)).forgotten_at is None


@pytest.mark.parametrize(
    ("stage", "says"),
    [(Stage.WAITING, "was not sent to 7G yet"), (Stage.UNSURE, "7G may have taken the submit")],
)
async def test_a_submit_that_waits_or_is_unsure_can_be_forgotten(
    tmp_path: Path, stage: Stage, says: str
) -> None:
    async with desk(tmp_path) as at:
        now = at.rig.clock.now()
        intent = Intent(IntentKind.SUBMIT, stage, now, "key-1")
        row = Job("abc234", "main", "7g", "TransactionSummary", None, S.SUBMITTING, submitted_at=now)
        job, _ = await at.rig.ledger.add(replace(row, intent=intent, spec=SPEC))
        await at.on_board(job)
        await at.ask("f")
        assert says in at.text
        await at.press("tab", "enter")
        await gone(at, job)
        assert not at.rig.submits()


async def test_a_submit_that_is_being_sent_is_not_forgotten(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        now = at.rig.clock.now()
        intent = Intent(IntentKind.SUBMIT, Stage.SENDING, now, "key-1", owner=at.rig.ledger.owner)
        row = Job("abc234", "main", "7g", "TransactionSummary", None, S.SUBMITTING, submitted_at=now)
        job, _ = await at.rig.ledger.add(replace(row, intent=intent, spec=SPEC))
        await at.on_board(job)
        await at.press("f")
        await at.until(lambda: at.notice == "f: its submit is being sent")
        assert not at.asking


async def test_a_groups_parts_go_with_it(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("billing",)) as at:
        tracked = await at.rig.engine.track("billing", "group:2djj-6c394d0e")
        now = at.rig.clock.now()

        def grown(row: Job, old: list[Job]) -> tuple[Job, list[Job]]:
            parts = [
                replace(
                    row,
                    id="",
                    name=name,
                    reference=f"{row.reference}#{number}",
                    state=S.FAILED,
                    parent=row.id,
                    ordinal=number,
                    next_poll_at=None,
                    rev=0,
                )
                for number, name in enumerate(("AgedDebtors", "GeneralLedger"), 1)
            ]
            whole = replace(
                row, state=S.FAILED, children_total=2, settled_at=now, next_poll_at=None, seen_at=now
            )
            return whole, parts

        group = await at.rig.ledger.change_group(tracked.id, grown)
        await at.on_board(group, state=S.FAILED)
        parts = await at.rig.ledger.children(group.id)
        await at.until(lambda: all(part.id in at.app.board.view.records.slot_of for part in parts))
        at.app.board.view.move_to(0)
        await at.ask("f")
        assert "2 parts go with it" in at.text
        await at.press("tab", "enter")
        for job in (group, *parts):
            await gone(at, job)


async def test_several_are_planned_and_the_unsaved_ones_stay(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        failed = await job_in(at, 1, S.FAILED, "failed")
        running = await job_in(at, 2, S.RUNNING, "running", settled_at=None)
        unsaved = await job_in(at, 3, S.READY)
        at.select(failed, running, unsaved)
        await at.ask("f")
        for words in ("2 leave this table, 1 stays", "goes on at the vendor", "Keep", " Forget 2 "):
            assert words in at.text
        await at.press("tab", "enter")
        await gone(at, failed)
        await gone(at, running)
        assert at.notice == "2 forgotten"
        assert (await at.row(unsaved)).forgotten_at is None


async def test_one_that_became_ready_meanwhile_is_refused_and_named(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        running = await job_in(at, 1, S.RUNNING, "running", settled_at=None)
        await at.ask("f")
        await at.rig.seen(running, S.READY)
        await at.press("tab", "enter")
        await at.until(lambda: at.notice.startswith("1 refused"))
        assert "is ready and not saved" in at.notice
        assert (await at.row(running)).forgotten_at is None
