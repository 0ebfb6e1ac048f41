"""Saving several reports: the list that is shown first, how each of them ends, and trying again."""

from __future__ import annotations

from pathlib import Path

from reportdash.model import Health, Job, JobState, replace
from reportdash.simulator.wire import Reply
from reportdash.tui.screens.results import Results
from tests.tui.desk import Desk, desk, job_in, saved_job

S = JobState


async def saved(at: Desk, *jobs: Job) -> None:
    async def all_saved() -> bool:
        return all([(await at.row(job)).saved for job in jobs])

    await at.until(all_saved)


def plain(at: Desk) -> str:
    """The screen's words, one blank between them."""
    return " ".join(at.text.split())


async def test_a_single_report_is_saved_without_a_question(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        job = await job_in(at, 1, S.READY)
        await at.press("d")
        assert not at.asking
        await saved(at, job)
        await at.until(lambda: at.notice == "1 saved")


async def test_several_are_listed_first_and_only_those_with_a_file_are_fetched(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        first, second = [await job_in(at, n, S.READY) for n in (1, 2)]
        failed = await job_in(at, 3, S.FAILED, "failed")
        running = await job_in(at, 4, S.RUNNING, "running", settled_at=None)
        had = await saved_job(at, 5)
        at.select(first, second, failed, running, had)
        await at.ask("d")
        assert "Download 5 selected reports" in at.text
        for words in (
            "✓ 2 Download",
            "✓ 1 Saved already",
            "– 1 Cannot",
            "✗ 1 Not now",
            "no file yet: still at work",
            "there is no report to download",
            f"2 are saved in {tmp_path}",
        ):
            assert words in plain(at), words
        assert not (await at.row(first)).saved
        await at.press("enter")
        await saved(at, first, second)
        await at.until(lambda: at.notice == "2 saved")
        assert set(at.app.board.view.selection) == {failed.id, running.id, had.id}


async def test_cancel_fetches_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        jobs = [await job_in(at, n, S.READY) for n in (1, 2)]
        at.select(*jobs)
        await at.ask("d")
        await at.press("escape")
        assert not at.rig.engine.downloads.busy()
        assert not (await at.row(jobs[0])).saved


async def test_what_is_selected_later_is_not_fetched(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        first, second, third = [await job_in(at, n, S.READY) for n in (1, 2, 3)]
        at.select(first, second)
        await at.ask("d")
        at.select(third)
        await at.press("enter")
        await saved(at, first, second)
        await at.until(lambda: at.notice == "2 saved")
        assert not (await at.row(third)).saved


async def test_a_job_that_changed_while_the_list_was_read_is_looked_at_again_and_named(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as at:
        first, second = [await job_in(at, n, S.READY) for n in (1, 2)]
        at.select(first, second)
        await at.ask("d")
        await at.rig.seen(second, S.EXPIRED)
        await at.press("enter")
        await saved(at, first)
        await at.until(lambda: at.notice.startswith("1 saved, 1 not saved  e shows each"))
        assert "it expired" in at.notice


async def test_a_shut_account_is_not_asked_and_nothing_can_be_pressed(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        jobs = [await job_in(at, n, S.READY) for n in (1, 2)]
        await at.rig.ledger.change_account("main", lambda row: replace(row, health=Health.AUTH_FAILED))
        accounts = at.app.board.view.records.accounts
        await at.until(lambda: accounts["main"].health is Health.AUTH_FAILED)
        at.select(*jobs)
        dialog = await at.ask("d")
        assert "None of them has a file to save now." in at.text
        assert "log in to main first (l)" in at.text
        assert dialog.buttons() == []


async def test_each_result_is_shown_and_those_that_failed_are_tried_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        good, bad = [await job_in(at, n, S.READY) for n in (1, 2)]
        moved = Reply(400, b'{"Error":"the archive is being moved"}')
        at.rig.sim.inject("7g", moved, method="GET", path=f"/Report[?]*{bad.reference}*")
        at.select(good, bad)
        await at.ask("d")
        await at.press("enter")
        await at.until(lambda: "1 not saved" in at.notice)
        await at.ask("e")
        for words in (
            "Download: 2 reports",
            "✗ 1 Failed",
            "the archive is being moved",
            "✓ 1 Done",
            "Retry 1",
        ):
            assert words in plain(at), words
        await at.press("tab", "enter")
        await saved(at, bad)
        await at.until(lambda: at.notice == "1 saved")


async def test_results_change_while_they_are_looked_at(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        jobs = [await job_in(at, n, S.READY) for n in (1, 2)]
        at.select(*jobs)
        await at.ask("d")
        await at.press("enter", "e")
        assert isinstance(at.app.screen, Results)
        await at.until(lambda: "✓ 2 Done" in plain(at))
        assert "Retry" not in at.text
        await at.press("enter")
        assert not at.asking


async def test_without_a_result_the_key_says_so(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.press("e")
        assert "nothing was done to several jobs yet" in at.text


async def test_refused_deletes_are_asked_about_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        first, second = [await job_in(at, n, S.FAILED, "failed") for n in (1, 2)]
        locked = Reply(400, b'{"Error":"month end is locked"}')
        at.rig.sim.inject("7g", locked, method="DELETE", times=2)
        at.select(first, second)
        await at.ask("x")
        await at.press("tab", "enter")
        await at.until(lambda: at.notice.startswith("2 refused  e shows each"))
        await at.ask("e")
        assert at.text.count("month end is locked") >= 2
        await at.press("tab", "enter")
        await at.shows("Delete 2 selected reports")
        assert not [job for job in (first, second) if (await at.row(job)).state is S.DELETED]
        await at.press("tab", "enter")
        await at.until(lambda: at.notice == "2 deleted")
