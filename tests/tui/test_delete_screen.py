"""Deleting from the screen: what leaves, what stays, and what has to be typed before."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reportdash.model import Health, Job, JobState, replace
from reportdash.simulator.wire import Reply
from reportdash.tui.screens.delete import Delete
from tests.tui.desk import Desk, desk, job_in, saved_job

S = JobState


def unsent(at: Desk) -> bool:
    return not at.deletes


async def test_cancel_sends_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.FAILED, "failed")
        await at.ask("x")
        await at.press("enter")
        assert not at.asking
        await at.ask("x")
        await at.press("escape")
        assert not at.asking
        assert unsent(at)
        assert (await at.row(job)).state is S.FAILED


async def test_the_button_deletes_at_the_vendor(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.FAILED, "failed")
        await at.ask("x")
        assert "7G clears the failed request" in at.text
        assert "cannot be undone" in at.text
        await at.press("tab", "enter")
        await at.state(job, S.DELETED)
        await at.until(lambda: at.notice == "1 deleted")
        assert len(at.deletes) == 1


async def test_a_saved_report_is_deleted_and_its_file_stays(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await saved_job(at, 1)
        assert job.artifact is not None
        assert job.artifact.path is not None
        await at.ask("x")
        assert Path(job.artifact.path).name in at.text.replace("\n", "").replace("│", "").replace(" ", "")
        await at.press("tab", "enter")
        await at.state(job, S.DELETED)
        assert Path(job.artifact.path).stat().st_size == job.artifact.bytes


async def test_an_unsaved_report_is_kept_unless_the_word_is_typed(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.READY)
        dialog = await at.ask("x")
        assert dialog.buttons() == []
        await at.press("tab", "enter")
        assert not at.asking, "there is nothing but Cancel to press"
        await at.ask("x")
        await at.press("u")
        await at.write("delet")
        await at.press("enter")
        assert "type the word delete first" in at.text
        assert (await at.row(job)).state is S.READY
        assert unsent(at)
        await at.write("e")
        await at.press("enter")
        await at.state(job, S.DELETED)
        assert len(at.deletes) == 1


async def test_d_saves_first_and_deletes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.READY)
        await at.ask("x")
        await at.press("d")
        assert not at.asking

        async def saved() -> bool:
            return (await at.row(job)).saved

        await at.until(saved)
        assert unsent(at)


async def test_a_saved_file_that_is_gone_counts_as_unsaved(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await saved_job(at, 1)
        assert job.artifact is not None
        assert job.artifact.path is not None
        Path(job.artifact.path).unlink()
        dialog = await at.ask("x")
        assert dialog.buttons() == []
        assert "no longer in its place" in at.text


async def test_a_careful_account_has_its_name_typed(tmp_path: Path) -> None:
    async with desk(tmp_path, careful=True) as at:
        job = await job_in(at, 1, S.FAILED, "failed")
        await at.ask("x")
        await at.press("tab", "enter")
        assert "type the account's name main first" in at.text
        assert unsent(at)
        await at.write("main")
        await at.press("enter")
        await at.state(job, S.DELETED)


async def test_an_unsaved_report_of_a_careful_account_takes_the_word_and_the_name(tmp_path: Path) -> None:
    async with desk(tmp_path, careful=True) as at:
        job = await job_in(at, 1, S.READY)
        await at.ask("x")
        await at.press("u")
        await at.write("delete")
        await at.press("enter")
        assert "type the account's name main first" in at.text
        assert unsent(at)
        await at.write("main")
        await at.press("enter")
        await at.state(job, S.DELETED)


async def test_a_name_typed_while_cancel_has_the_focus_goes_into_its_field_and_means_nothing_else(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, careful=True) as at:
        failed = await job_in(at, 1, S.FAILED, "failed")
        ready = await job_in(at, 2, S.READY)
        at.select(failed, ready)
        dialog = await at.ask("x")
        await at.write("du")
        assert [field.edit.text for field in dialog.fields()] == ["du"]  # type: ignore[attr-defined]
        await at.press("backspace", "backspace")
        await at.write("main")
        assert "lost for good" not in at.text and "delete them unsaved" not in at.text
        assert "delete it unsaved  tab here, enter does it" in at.text
        await at.press("enter")
        await at.until(lambda: at.notice == "1 deleted")
        assert (await at.row(ready)).state is S.READY


async def test_of_very_many_the_number_is_typed(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        jobs = [await job_in(at, n, S.FAILED, "failed") for n in range(1, 4)]
        at.select(*jobs)
        Delete.many, before = 2, Delete.many
        try:
            await at.ask("x")
            assert "Type the number 3" in at.text
            await at.press("tab", "enter")
            assert "type the number 3 first" in at.text
            assert unsent(at)
            await at.write("3")
            await at.press("enter")
            await at.until(lambda: at.notice == "3 deleted")
        finally:
            Delete.many = before
        assert before == 100


async def test_several_are_planned_and_only_what_the_plan_says_goes(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        failed = await job_in(at, 1, S.FAILED, "failed")
        saved = await saved_job(at, 2)
        unsaved = await job_in(at, 3, S.READY)
        gone = await job_in(at, 4, S.DELETED, "failed")
        other = await job_in(at, 5, S.FAILED, "failed")
        at.select(failed, saved, unsaved, gone)
        await at.ask("x")
        for words in ("Delete 4 selected reports", "Keep", "Cannot", "deleting would lose it", " Delete 2 "):
            assert words in at.text
        await at.press("tab", "enter")
        await at.state(failed, S.DELETED)
        await at.state(saved, S.DELETED)
        await at.until(lambda: at.notice == "2 deleted")
        assert len(at.deletes) == 2
        assert (await at.row(unsaved)).state is S.READY
        assert (await at.row(other)).state is S.FAILED
        assert set(at.app.board.view.selection) == {unsaved.id, gone.id}, "what was kept stays selected"


async def test_the_word_covers_the_unsaved_ones_of_several(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        failed = await job_in(at, 1, S.FAILED, "failed")
        unsaved = await job_in(at, 2, S.READY)
        at.select(failed, unsaved)
        await at.ask("x")
        await at.press("u")
        assert "1 of them unsaved" in at.text
        await at.write("delete")
        await at.press("enter")
        await at.until(lambda: at.notice == "2 deleted")
        assert len(at.deletes) == 2


async def test_a_job_that_became_ready_meanwhile_is_refused_and_named(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        failed = await job_in(at, 1, S.FAILED, "failed")
        running = await job_in(at, 2, S.RUNNING, "ready", settled_at=None)
        at.select(failed, running)
        await at.ask("x")
        assert " Delete 2 " in at.text
        await at.rig.seen(running, S.READY)
        await at.press("tab", "enter")
        await at.state(failed, S.DELETED)
        await at.until(lambda: at.notice.startswith("1 deleted, 1 refused"))
        assert running.name in at.notice
        assert "is ready and not saved" in at.notice
        assert len(at.deletes) == 1
        assert (await at.row(running)).state is S.READY


async def test_what_is_selected_later_is_not_part_of_the_list(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        first, second = [await job_in(at, number, S.FAILED, "failed") for number in (1, 2)]
        at.select(first)
        await at.ask("x")
        at.select(second)
        await at.press("tab", "enter")
        await at.until(lambda: at.notice == "1 deleted")
        assert (await at.row(second)).state is S.FAILED


async def test_a_refusal_of_the_vendor_is_told_in_its_words(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.FAILED, "failed")
        at.rig.sim.inject("7g", Reply(400, b'{"Error":"month end is locked"}'), method="DELETE", times=None)
        await at.ask("x")
        await at.press("tab", "enter")
        await at.until(lambda: at.notice.startswith("1 refused"))
        assert "month end is locked" in at.notice
        assert (await at.row(job)).state is S.FAILED


async def shut(at: Desk, job: Job) -> None:
    """The account's key is refused from now on."""
    await at.rig.ledger.change_account("main", lambda row: replace(row, health=Health.AUTH_FAILED))
    accounts = at.app.board.view.records.accounts
    await at.until(lambda: accounts["main"].health is Health.AUTH_FAILED)


async def test_a_refused_key_is_said_and_no_dialog_comes(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.FAILED, "failed")
        await shut(at, job)
        await at.press("x")
        await at.until(lambda: at.notice == "x: key refused: log in to main first (l)")
        assert not at.asking


async def test_where_the_vendor_has_no_delete_the_reason_is_said(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("billing",)) as at:
        job = await at.rig.engine.track("billing", "2djj-6c394d0e")
        await at.on_board(job)
        await at.press("x")
        assert "Sigma has no delete; f forgets the row here" in at.text
        assert not at.asking


async def test_a_slow_disk_holds_up_no_key_and_two_presses_open_one_dialog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as at:
        await job_in(at, 1, S.FAILED, "failed")
        await job_in(at, 2, S.FAILED, "failed")
        answered, real = asyncio.Event(), at.rig.engine.is_unsaved

        async def slow(job: Job) -> bool:
            await answered.wait()
            return await real(job)

        monkeypatch.setattr(at.rig.engine, "is_unsaved", slow)
        await at.press("x", "down", "x")
        assert not at.asking
        assert at.app.board.view.cursor_row == 1
        await at.until(lambda: at.notice == "looking at the saved files")
        answered.set()
        await at.until(lambda: at.asking)
        assert at.notice == ""
        await at.press("escape")
        await at.until(lambda: not at.app.operator._tasks)
        assert not at.asking


async def test_a_long_list_is_folded_and_opens_on_enter(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        jobs = [await job_in(at, number, S.FAILED, "failed") for number in range(1, 9)]
        at.select(*jobs)
        await at.ask("x")
        dialog = at.text[at.text.index("Delete 8 selected") :]
        assert "and 3 more" in dialog
        assert not all(dialog.count(job.id) for job in jobs)
        await at.press("shift+tab", "enter")
        assert "and 3 more" not in at.text
        assert at.asking
        await at.press("enter")
        assert not at.asking, "the focus is on Cancel again"
        assert unsent(at)


async def test_on_a_small_screen_the_plan_scrolls_and_what_is_typed_stays_in_sight(tmp_path: Path) -> None:
    async with desk(tmp_path, size=(80, 24)) as at:
        jobs = [await job_in(at, number, S.FAILED, "failed") for number in range(1, 7)]
        jobs += [await job_in(at, number, S.READY) for number in range(7, 16)]
        jobs += [await job_in(at, number, S.DELETED, "failed") for number in range(16, 20)]
        at.select(*jobs)
        await at.ask("x")
        lines = at.text.splitlines()
        assert lines[0].startswith("╭─ Delete 19 selected reports")
        assert lines[23].startswith("╰")
        assert "more lines" in at.text
        assert "d save the 9 unsaved first" in at.text
        assert "nothing is left at the vendor" not in at.text
        await at.press("pagedown", "pagedown")
        assert "nothing is left at the vendor" in at.text
        await at.press("u")
        assert "Type the word delete" in at.text
        assert " Delete 15 " in at.text
