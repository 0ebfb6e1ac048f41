"""What comes back at the next start: view, filter, order, views saved here, theme; and the news."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reportdash.board.order import Column
from reportdash.clock import ManualClock
from reportdash.ledger import Ledger
from reportdash.model import JobState, replace
from reportdash.settings.memory import recall, remember
from reportdash.tui.app import Dashboard
from reportdash.tui.screens.saveview import SaveView
from tests.tui import rows
from tests.tui.boards import Engine, board, screen_text
from tests.tui.test_live import until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "screen.toml"


def titles(app: Dashboard) -> list[str]:
    return [str(place.column) for place in app.board.table.places]


async def quit_(app: Dashboard) -> None:
    await app.life._leave()


async def test_the_last_view_returns_with_its_filter_and_order(path: Path) -> None:
    engine = Engine()
    async with board(memory_path=path, open_engine=engine.opener()) as (app, pilot):
        await until(app, "live")
        await pilot.press("2", "slash", *"account:main", "enter", "s", "s")
        shown = [app.board.view.job_at(n).id for n in range(len(app.board.view.rows))]
        await quit_(app)
    async with board(memory_path=path, settled=False) as (app, _pilot):
        assert app.board.filter.edit.text == "account:main"
        assert app.board.look.views[app.board.active_view].name == "needs me"
        assert app.board.view.column is Column.ACCOUNT
        assert [app.board.view.job_at(n).id for n in range(len(app.board.view.rows))] == shown
        assert 0 < len(shown) < 22


async def test_a_view_that_is_no_longer_there_is_all_jobs(path: Path) -> None:
    remember(path, view="gone", filter='name:"', sort="-nothing", looked_at=1.0)
    async with board(memory_path=path) as (app, _pilot):
        assert app.board.active_view == 0
        assert app.board.view.column is Column.STATE
        assert len(app.board.view.rows) == 22
        assert "the quote is not closed" in screen_text(app)


async def test_before_the_engine_stands_nothing_is_written(path: Path) -> None:
    async with board(memory_path=path) as (app, pilot):
        await pilot.press("2")
        await quit_(app)
    assert not path.exists()


# Views saved on the screen.


async def test_what_is_shown_can_be_saved_as_a_view(path: Path) -> None:
    async with board(memory_path=path) as (app, pilot):
        await pilot.press("slash", *"account:main", "enter", "s", "w")
        assert isinstance(app.screen, SaveView)
        assert "account:main" in screen_text(app)
        await pilot.press(*"mine", "tab", *"id, report, age", "enter")
        await pilot.pause()
        assert app.board.look.views[app.board.active_view].name == "mine"
        assert app.board.filter.edit.text == ""
        assert titles(app) == ["State", "Id", "Report", "Age"]
        await until(app, "the view mine is on key 5")
        assert "5 mine" in screen_text(app)
        await pilot.press("1")
        assert "Vendor says" in titles(app)
        assert len(app.board.view.rows) == 22
        await pilot.press("5")
        assert app.board.view.column is Column.REPORT
        assert len(app.board.view.rows) < 22
    view = recall(path).views["mine"]
    assert (view.filter, view.sort, view.columns) == ("account:main", "report", ("id", "report", "age"))


async def test_a_saved_view_stands_on_its_key_at_the_next_start_and_can_be_removed(path: Path) -> None:
    async with board(memory_path=path) as (app, pilot):
        await pilot.press("w", *"mine", "enter")
        await until(app, "the view mine is on key 5")
    async with board(memory_path=path) as (app, pilot):
        await pilot.press("5", "w")
        assert "takes the place of the view on key 5" in screen_text(app)
        await pilot.press("tab", "tab", "tab", "enter")
        await until(app, "the view mine is gone")
        assert [view.name for view in app.board.look.views][4] == "saved"
    assert recall(path).views == {}


async def test_a_view_saved_under_the_configs_name_takes_its_place_until_it_is_removed(path: Path) -> None:
    async with board(memory_path=path) as (app, pilot):
        names = [view.name for view in app.board.look.views]
        await pilot.press("slash", *"calls", "enter", "w", *"month-end", "enter")
        assert [view.name for view in app.board.look.views] == names
        assert app.board.look.views[3].query == "calls"
        app.remembering.remove_view("month-end")
        assert app.board.look.views[3].query == "name:*month*"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["enter"], "A name of at most 40 characters is missing"),
        ([*"x" * 41, "enter"], "A name of at most 40 characters is missing"),
        ([*"mine", "tab", *"age, sise", "enter"], "There is no column sise"),
    ],
)
async def test_a_view_that_can_not_be_saved_says_why(path: Path, typed: list[str], words: str) -> None:
    async with board(memory_path=path) as (app, pilot):
        await pilot.press("w", *typed)
        assert words in screen_text(app)
        assert isinstance(app.screen, SaveView)
    assert not path.exists()


async def test_with_nine_views_another_one_takes_the_place_of_one(path: Path) -> None:
    async with board(memory_path=path) as (app, pilot):
        for name in "abcd":
            await pilot.press("1")
            await pilot.press("w", name, "enter")
        assert len(app.board.look.views) == 9
        await pilot.press("1", "w", "e", "enter")
        assert "All nine keys are taken" in screen_text(app)
        await pilot.press("backspace", "c", "enter")
        await pilot.pause()
        assert app.board.look.views[app.board.active_view].name == "c"


async def test_a_folder_that_can_not_be_written_is_said_and_the_view_stands_for_this_run(path: Path) -> None:
    path.write_text("a file where the folder would be")
    async with board(memory_path=path / "screen.toml") as (app, pilot):
        await pilot.press("w", *"mine", "enter")
        await pilot.pause()
        await until(app, "for this run only")
        assert app.board.look.views[4].name == "mine"


# The theme.


async def test_a_theme_chosen_on_the_screen_is_remembered_for_this_kind_of_terminal(path: Path) -> None:
    async with board(memory_path=path) as (app, _pilot):
        app.use_theme("reportdash-contrast")
        async with asyncio.timeout(120):
            while not path.exists():
                await asyncio.sleep(0.01)
    assert recall(path).themes == {"many": ("reportdash-contrast", "reportdash-dark")}


# News.


@pytest.fixture
async def ledger(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db", clock=clock)
    await opened.ensure_accounts(rows.VENDORS)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(rows.NOW - 3600)


async def test_on_return_one_line_says_what_changed_and_its_key_shows_them(
    path: Path, ledger: Ledger, clock: ManualClock
) -> None:
    for id in ("aaaaaa", "bbbbbb", "cccccc"):
        await ledger.add(rows.job(id, "main", f"Report {id}", JobState.RUNNING, 7200))
    remember(path, looked_at=clock.now())
    clock.jump(3600)
    await ledger.change("aaaaaa", lambda job: replace(job, state=JobState.FAILED))
    await ledger.change("bbbbbb", lambda job: replace(job, state=JobState.READY))
    engine = Engine(ledger)
    async with board(jobs=[], accounts=[], open_engine=engine.opener(), memory_path=path, clock=clock) as (
        app,
        pilot,
    ):
        await until(app, "Since 13:31: ✗ 1 failed, ✓ 1 ready  c shows them")
        await ledger.change("cccccc", lambda job: replace(job, state=JobState.LOST))
        await until(app, "? 1 lost")
        await pilot.press("c")
        shown = {app.board.view.job_at(n).id for n in range(len(app.board.view.rows))}
        assert shown == {"aaaaaa", "bbbbbb", "cccccc"}
        assert "Since" not in screen_text(app), "the line is gone with the first key"
        await pilot.press("escape")
        assert len(app.board.view.rows) == 3


async def test_when_nothing_changed_the_line_says_so_and_the_key_as_well(
    path: Path, ledger: Ledger, clock: ManualClock
) -> None:
    await ledger.add(rows.job("aaaaaa", "main", "Report", JobState.RUNNING, 7200))
    remember(path, looked_at=clock.now())
    clock.jump(3600)
    engine = Engine(ledger)
    async with board(jobs=[], accounts=[], open_engine=engine.opener(), memory_path=path, clock=clock) as (
        app,
        pilot,
    ):
        await until(app, "Nothing has changed since 13:31.")
        await pilot.press("c")
        assert "nothing has changed since you last looked" in screen_text(app)


async def test_the_first_key_after_a_long_pause_brings_the_news(
    path: Path, ledger: Ledger, clock: ManualClock
) -> None:
    await ledger.add(rows.job("aaaaaa", "main", "Report", JobState.RUNNING, 7200))
    engine = Engine(ledger)
    async with board(jobs=[], accounts=[], open_engine=engine.opener(), memory_path=path, clock=clock) as (
        app,
        pilot,
    ):
        await until(app, "Report")
        await pilot.press("j")
        assert "ince " not in screen_text(app), "at the very first start there is nothing to come back to"
        clock.jump(3600)
        await ledger.change("aaaaaa", lambda job: replace(job, state=JobState.FAILED))
        await until(app, "✗ 1 failed")
        app.board.pressed -= 3600
        await pilot.press("j")
        await until(app, "Since 13:31: ✗ 1 failed")


async def test_a_warning_stands_first_and_the_news_come_with_the_next_key(
    path: Path, ledger: Ledger, clock: ManualClock
) -> None:
    await ledger.add(rows.job("aaaaaa", "main", "Report", JobState.RUNNING, 7200))
    remember(path, looked_at=clock.now())
    clock.jump(3600)
    engine = Engine(ledger)
    engine.downloads.notice = "the disk is full"
    async with board(
        jobs=[], accounts=[], open_engine=engine.opener(), memory_path=path, clock=clock, settled=False
    ) as (app, pilot):
        await until(app, "the disk is full")
        async with asyncio.timeout(120):
            while not app.live.returning.held:
                await asyncio.sleep(0.01)
        assert "the disk is full" in screen_text(app)
        await pilot.press("j")
        assert "Nothing has changed since 13:31." in screen_text(app)
