"""The page in place of the table until there is a job: which step is next, and the keys that do the steps."""

from __future__ import annotations

from typing import Any

import pytest

from reportdash.model import NO_KEY, Account, Health, Job, JobState, replace
from reportdash.tui.actions import Keymap
from reportdash.tui.app import Dashboard
from reportdash.tui.screens.firstrun import Stage
from tests.tui.boards import Engine, board, screen_text

KEYLESS = Account("main", "7g", health=Health.AUTH_FAILED, message=NO_KEY, keyless=True)
POLLED = Account("main", "7g", owner="host:1:x")
NEW = Account("main", "7g")
WORDS = ("reportdash demo", "reportdash config init", "reportdash login", "reportdash track", "docs/")


def lines(app: Dashboard) -> list[str]:
    return [line.rstrip() for line in screen_text(app).splitlines()]


def step(app: Dashboard, words: str) -> str:
    """The line of a step, from its mark on."""
    return next(line.strip() for line in lines(app) if words in line)


def notice(app: Dashboard) -> str:
    return "".join(run.text for run in app.board.status.notice)


def empty(**how: Any) -> Any:
    return board(**{"jobs": [], "accounts": [], "settled": False, "configured": False, **how})


@pytest.mark.parametrize("size", [(140, 40), (100, 30), (80, 24), (60, 12)])
async def test_the_page_names_every_step_with_its_key_and_its_command(size: tuple[int, int]) -> None:
    async with empty(size=size) as (app, _):
        text = screen_text(app)
        for words in (*WORDS, "/home/op/.config/reportdash/config.toml"):
            assert words in text
        assert step(app, "reportdash demo").startswith("▌ 1 Look around first")
        assert step(app, "reportdash config init").startswith("2 Write the config")
        assert step(app, "reportdash login").startswith("3 Log in")
        assert step(app, "reportdash track").startswith("4 Follow a report")
        assert step(app, "reportdash submit").startswith("n or submit one")
        assert "…" not in text
        assert lines(app)[-1].startswith(" enter look around")
        assert lines(app)[-1].endswith("? help")


async def test_the_page_looks_right_in_ascii_without_colour() -> None:
    async with empty(size=(80, 24), palette="reportdash-mono", glyphs="ascii") as (app, _):
        app.board.looked = True
        app.board.show_all()
        assert screen_text(app).isascii()
        assert step(app, "reportdash demo").startswith("+ 1")
        assert step(app, "reportdash config init").startswith("| 2")


@pytest.mark.parametrize(
    ("stage", "following", "done"),
    [
        (Stage("", False), 1, set()),
        (Stage("", False, looked=True), 2, {1}),
        (Stage("", True), 0, {2}),
        (Stage("", True, (NEW,)), 0, {2}),
        (Stage("", True, (KEYLESS,)), 3, {2}),
        (Stage("", True, (KEYLESS, NEW)), 0, {2}),
        (Stage("", True, (KEYLESS, POLLED), looked=True), 4, {1, 2, 3}),
        (Stage("", True, (Account("main", "7g", paused=True),)), 4, {2, 3}),
        (Stage("", True, (Account("main", "7g", health=Health.UNREACHABLE),)), 4, {2, 3}),
    ],
)
def test_the_next_step_follows_from_what_there_is(stage: Stage, following: int, done: set[int]) -> None:
    assert stage.next == following
    assert {number for number in (1, 2, 3, 4) if stage.done(number)} == done


def test_the_commands_name_the_account_that_lacks_a_key() -> None:
    other = Account("other", "7g", health=Health.AUTH_FAILED, message=NO_KEY, keyless=True)
    commands = [command for *_, command in Stage("", True, (other,)).steps(Keymap())]
    assert commands[2:] == [
        "reportdash login other",
        "reportdash track other REFERENCE",
        "reportdash submit other REPORT",
    ]


async def test_an_account_without_a_key_is_named_and_its_login_is_next() -> None:
    async with empty(accounts=[KEYLESS], configured=True) as (app, _):
        text = screen_text(app)
        assert "No jobs yet.  main has no key yet" in text
        assert step(app, "reportdash config init").startswith("✓ 2")
        assert step(app, "reportdash login main").startswith("▌ 3")
        assert "[accounts.main]" not in text
        assert "no account yet" not in text
        assert lines(app)[-1].startswith(" enter log in")


async def test_with_a_key_the_first_job_is_next() -> None:
    async with empty(accounts=[POLLED], configured=True) as (app, _):
        assert "No jobs yet.  n submits one, t follows one that runs already" in screen_text(app)
        assert step(app, "reportdash track main REFERENCE").startswith("▌ 4")
        assert "✓ 3 Log in" in screen_text(app)


async def test_the_page_gives_way_to_the_table_with_the_first_job_and_comes_back_after_the_last() -> None:
    job = Job("abcdef", "main", "7g", "First", "r1", JobState.RUNNING, submitted_at=1.0, updated_at=1.0)
    async with empty(accounts=[POLLED], configured=True) as (app, pilot):
        app.board.intake.take([job], ())
        await pilot.pause()
        await pilot.pause()
        text = screen_text(app)
        assert "First" in text
        assert "1 all jobs" in text
        assert "Look around first" not in text


async def test_the_first_job_that_a_filter_hides_gives_way_to_the_filters_page() -> None:
    job = Job("abcdef", "main", "7g", "First", "r1", JobState.RUNNING, submitted_at=1.0, updated_at=1.0)
    async with empty(jobs=[job], accounts=[POLLED], configured=True) as (app, pilot):
        await pilot.press("slash", *"zzz", "enter")
        app.board.intake.take([replace(job, forgotten_at=2.0)], ())
        await pilot.pause()
        await pilot.pause()
        assert "Look around first" in screen_text(app)
        app.board.intake.take([replace(job, id="abcdeg", reference="r2")], ())
        await pilot.pause()
        await pilot.pause()
        assert "No job matches zzz" in screen_text(app)
        assert "/ zzz" in screen_text(app)


async def test_digits_are_steps_here_and_views_are_not_changed() -> None:
    async with empty(open_engine=Engine().opener(), accounts=[POLLED], configured=True) as (app, pilot):
        await pilot.pause()
        await pilot.press("2")
        await pilot.pause()
        assert app.board.active_view == 0
        await pilot.press("7")
        assert app.board.active_view == 0


async def test_a_step_that_can_not_be_done_yet_says_why() -> None:
    async with empty() as (app, pilot):
        await pilot.press("3")
        assert notice(app) == "l: there is no account yet"
        await pilot.press("4")
        assert notice(app) == "t: there is no account yet"


async def test_keys_that_need_a_table_say_so_and_do_nothing() -> None:
    async with empty() as (app, pilot):
        await pilot.press("slash")
        assert notice(app).endswith(": there are no jobs yet")
        assert not app.board.filter.editing


async def test_a_key_of_the_config_does_the_step_and_is_what_the_page_shows() -> None:
    async with empty(keys={"view_1": "f1", "view_2": False}) as (app, pilot):
        assert step(app, "reportdash demo").startswith("▌ f1 Look around first")
        assert step(app, "reportdash config init").startswith("Write the config")
        await pilot.press("f1")
        assert app.wants_demo


async def test_enter_and_1_leave_for_the_demo() -> None:
    for key in ("enter", "1"):
        async with empty() as (app, pilot):
            await pilot.press(key)
            await pilot.pause()
            assert app.wants_demo
            assert not app.life.told_to_end


async def test_the_demo_is_not_opened_over_jobs_or_a_key_that_lives_in_memory() -> None:
    from reportdash.tui.actions import BY_ID

    async with board() as (app, _):
        assert "another terminal" in app.operator.why_not(BY_ID["demo"], [])
    async with empty(accounts=[POLLED], configured=True) as (app, pilot):
        app.holds_keys = True
        await pilot.press("1")
        assert not app.wants_demo
        assert "the key you gave would be forgotten" in notice(app)


async def test_while_it_is_not_known_whether_there_is_a_key_enter_says_so() -> None:
    async with empty(accounts=[NEW], configured=True) as (app, pilot):
        assert "▌" not in screen_text(app)
        await pilot.press("enter")
        assert notice(app).endswith(": still looking whether an account has a key")


async def test_a_read_only_dashboard_writes_no_config() -> None:
    async with empty(read_only=True) as (app, pilot):
        await pilot.press("2")
        assert "this dashboard is read-only" in notice(app)
