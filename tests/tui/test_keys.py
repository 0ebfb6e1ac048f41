"""Every key of the board: what it does to rows, cursor, selection, filter and details."""

from __future__ import annotations

import asyncio

import pytest

from reportdash.board.order import Column
from reportdash.model import Event, JobState, replace
from reportdash.tui.actions import ACTIONS, BY_ID
from reportdash.tui.app import Dashboard
from reportdash.tui.details import Known
from reportdash.tui.screens.detail import DetailScreen
from reportdash.tui.screens.help import Help
from reportdash.tui.screens.palette import Palette
from reportdash.tui.screens.quit import Quit
from reportdash.tui.widgets.filter import SavedView, saved_views
from tests.tui import rows
from tests.tui.boards import Engine, board, screen_text

SMALL = (80, 24)


def on_board(app: Dashboard) -> bool:
    """Whether no dialog and no details stand over the board."""
    return app.screen.__class__.__name__ == "BoardScreen"


def order(app: Dashboard) -> Column:
    return app.board.view.column


def cursor(app: Dashboard) -> str:
    job = app.board.view.cursor_job
    return job.id if job is not None else ""


@pytest.mark.parametrize(
    ("keys", "row"),
    [
        (["down"], 1),
        (["j", "j"], 2),
        (["j", "j", "k"], 1),
        (["j", "up"], 0),
        (["up"], 0),
        (["end"], 21),
        (["end", "home"], 0),
        (["end", "down"], 21),
    ],
)
async def test_the_cursor_moves(keys: list[str], row: int) -> None:
    async with board() as (app, pilot):
        await pilot.press(*keys)
        assert app.board.view.cursor_row == row


async def test_a_page_moves_the_rows_and_the_cursor_keeps_its_line() -> None:
    async with board(SMALL) as (app, pilot):
        page = app.board.table.page
        assert page == 18
        await pilot.press("j", "pagedown")
        assert app.board.view.cursor_row == 19
        await pilot.press("pageup", "pageup")
        assert app.board.view.cursor_row == 0


async def test_the_table_scrolls_with_the_cursor_at_its_edge() -> None:
    async with board(SMALL) as (app, pilot):
        await pilot.press(*["j"] * 18)
        assert app.board.table.top == 1
        assert "TrialBalance" in screen_text(app)


async def test_end_and_home_reach_both_ends_of_the_help() -> None:
    async with board(SMALL) as (app, pilot):
        await pilot.press("question_mark", "end")
        assert "more line" not in screen_text(app)
        assert "one row up" not in screen_text(app)
        await pilot.press("home")
        assert "one row up" in screen_text(app)


async def test_enter_gives_the_pane_the_keys_and_esc_takes_them_back() -> None:
    async with board() as (app, pilot):
        await pilot.press("enter")
        assert app.board.detail.active
        await pilot.press("j")
        assert app.board.view.cursor_row == 0, "the keys belong to the pane"
        await pilot.press("escape", "j")
        assert app.board.view.cursor_row == 1


async def test_a_long_history_scrolls_to_its_first_line_and_back() -> None:
    async with board() as (app, pilot):
        events = [Event(rows.NOW, f"line {n}", "vendor", JobState.FAILED) for n in range(200)]
        app.board.known["k3f9ta"] = Known(tuple(events))
        await pilot.press("j", "tab", "enter")
        assert app.board.detail.tab == "history"
        assert "line 199" in screen_text(app) and "192 more lines" in screen_text(app)
        await pilot.press("end")
        assert "line 0" in screen_text(app) and "more line" not in screen_text(app)
        await pilot.press("pageup", "k")
        assert "line 15" in screen_text(app) and "line 0" not in screen_text(app)
        await pilot.press("home")
        assert "line 199" in screen_text(app)


async def test_o_on_a_group_says_that_its_parts_have_the_files() -> None:
    engine = Engine()
    async with board(open_engine=engine.opener()) as (app, pilot):
        await pilot.pause(0.05)
        slot = app.board.view.records.slot_of["g1n8ba"]
        app.board.move_cursor(app.board.view.row_of(slot) or 0)
        await pilot.press("o")
        assert "each part has a file of its own" in screen_text(app)


async def test_tab_and_shift_tab_open_the_tabs_in_turn() -> None:
    async with board() as (app, pilot):
        await pilot.press("j")
        assert cursor(app) == "k3f9ta" and app.board.detail.tab == "error"
        seen = []
        for _ in range(4):
            await pilot.press("tab")
            seen.append(app.board.detail.tab)
        assert seen == ["history", "exchanges", "overview", "error"]
        await pilot.press("shift+tab")
        assert app.board.detail.tab == "overview"


async def test_a_chosen_tab_stays_open_on_the_next_job_that_has_it() -> None:
    async with board() as (app, pilot):
        await pilot.press("j", "shift+tab")
        assert app.board.detail.tab == "overview"
        await pilot.press("k")
        assert app.board.detail.tab == "overview"


async def test_on_a_small_screen_enter_opens_the_details_and_esc_leaves_them() -> None:
    async with board(SMALL) as (app, pilot):
        await pilot.press("j", "enter")
        await pilot.pause()
        assert isinstance(app.screen, DetailScreen)
        assert "Invalid object name 'dbo.Accounts'." in screen_text(app)
        await pilot.press("tab")
        assert "running → failed" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert on_board(app)


async def test_the_filter_applies_while_it_is_typed() -> None:
    async with board() as (app, pilot):
        await pilot.press("slash", *"fail")
        assert {job.id for job in map(app.board.view.job_at, range(len(app.board.view.rows)))} == {
            "k3f9ta",
            "p07xwa",
            "t5h0va",
        }
        await pilot.press("enter")
        assert not app.board.filter.editing and app.board.filter.edit.text == "fail"
        await pilot.press("escape")
        assert app.board.filter.edit.text == "" and len(app.board.view.rows) == 22


async def test_letters_typed_into_the_filter_are_no_keys() -> None:
    async with board() as (app, pilot):
        await pilot.press("slash", *"sqv")
        assert app.board.filter.edit.text == "sqv"
        assert order(app) is Column.STATE and app.is_running


async def test_esc_clears_the_filter_while_it_is_typed() -> None:
    async with board() as (app, pilot):
        await pilot.press("slash", *"main", "escape")
        assert app.board.filter.edit.text == "" and not app.board.filter.editing


async def test_a_filter_that_cannot_be_read_says_why_and_leaves_the_rows() -> None:
    async with board() as (app, pilot):
        await pilot.press("slash", *'"mon')
        assert "the quote is not closed" in screen_text(app)
        assert len(app.board.view.rows) == 22


async def test_the_place_of_what_is_wrong_in_a_filter_is_marked() -> None:
    async with board() as (app, pilot):
        await pilot.press("slash", *"main state:redy x")
        assert "did you mean ready" in screen_text(app)
        marked = [seg.text for seg in app.board.filter._lines[0] if seg.style and seg.style.underline]
        assert marked == ["redy"]


async def test_while_a_word_is_typed_what_fits_is_offered_and_tab_takes_it() -> None:
    async with board() as (app, pilot):
        await pilot.press("slash", *"acc")
        assert "tab account:" in screen_text(app)
        await pilot.press("tab")
        assert app.board.filter.edit.text == "account:"
        assert "tab admissions  billing  calls  main" in screen_text(app), "its values are next"
        await pilot.press(*"c")
        await pilot.press("tab")
        assert app.board.filter.edit.text == "account:calls"
        assert {app.board.view.job_at(n).account for n in range(len(app.board.view.rows))} == {"calls"}


async def test_a_filter_that_can_not_be_read_is_not_kept() -> None:
    async with board() as (app, pilot):
        await pilot.press("slash", *"size>10XB", "enter")
        assert app.board.filter.editing, "it is put right, or cleared"
        assert "a size is missing here" in screen_text(app)
        await pilot.press("backspace", "backspace", *"MB", "enter")
        assert not app.board.filter.editing
        assert 0 < len(app.board.view.rows) < 22


async def test_a_filter_puts_the_cursor_on_the_nearest_row_that_stays() -> None:
    async with board() as (app, pilot):
        before = [app.board.view.job_at(n) for n in range(22)]
        await pilot.press("j", "slash", *"-k3f9ta", "enter")
        assert cursor(app) in (before[0].id, before[2].id)
        assert app.board.table.top == 0
        await pilot.press("escape")
        assert cursor(app) in (before[0].id, before[2].id)


async def test_a_views_own_filter_stands_before_the_typed_one_and_its_order_is_its_own() -> None:
    async with board() as (app, pilot):
        await pilot.press("s", "4")
        text = screen_text(app)
        assert "/ name:*month*" in text
        assert order(app) is Column.NEXT
        await pilot.press("slash", *"calls", "enter")
        assert "/ name:*month* calls" in screen_text(app)
        assert "No job matches calls in the view month-end." in screen_text(app)
        await pilot.press("escape", "1")
        assert order(app) is Column.STATE, "a view without an order has the usual one"


async def test_an_order_by_a_column_that_is_not_shown_is_named() -> None:
    async with board() as (app, pilot):
        app.board.table.choose(("id", "report"))
        app.board.view.set_order(Column.AGE, True)
        app.board.intake.rebuild()
        await pilot.pause()
        assert "Report  by Age ↓" in screen_text(app)


async def test_half_a_field_filters_nothing_while_it_is_typed() -> None:
    async with board() as (app, pilot):
        await pilot.press("slash", *"main ")
        found = len(app.board.view.rows)
        assert 0 < found < 22
        for letter in "-state:rea":
            await pilot.press(letter)
            if app.board.filter.edit.text.endswith(("sta", "stat", "state", "state:", "rea")):
                assert len(app.board.view.rows) == found, app.board.filter.edit.text
                assert "never" not in screen_text(app)
        await pilot.press(*"dy")
        assert 0 < len(app.board.view.rows) < found
        await pilot.press("backspace", "enter")
        assert "state is never read: did you mean ready" in screen_text(app), "once it is left it is wrong"


async def test_tab_and_shift_tab_step_through_what_fits() -> None:
    async with board() as (app, pilot):
        await pilot.press("slash", *"state:re", "tab")
        assert app.board.filter.edit.text == "state:ready"
        await pilot.press("tab")
        assert app.board.filter.edit.text == "state:ready_with_warnings"
        await pilot.press("tab", "shift+tab", "shift+tab")
        assert app.board.filter.edit.text == "state:ready"
        await pilot.press(*" bil")
        assert "account:billing" in screen_text(app)
        await pilot.press("enter")
        assert "month-end" in screen_text(app), "the saved views are back"


async def test_a_filter_that_finds_nothing_says_how_to_come_back() -> None:
    async with board() as (app, pilot):
        await pilot.press("slash", *"age>9d", "enter")
        assert "No job matches age>9d.  esc clears the filter, 17 jobs in all" in screen_text(app)
        await pilot.press("escape")
        assert "AccountTransaction" in screen_text(app)


async def test_s_steps_through_the_columns_that_are_shown() -> None:
    async with board(SMALL) as (app, pilot):
        seen = []
        for _ in range(6):
            await pilot.press("s")
            seen.append(app.board.view.column)
        assert seen == [
            Column.REPORT,
            Column.ACCOUNT,
            Column.AGE,
            Column.NEXT,
            Column.FILE,
            Column.STATE,
        ]
        await pilot.press("s")
        assert "Report ↑" in screen_text(app)


async def test_sorting_keeps_the_cursor_on_its_job() -> None:
    async with board() as (app, pilot):
        await pilot.press("j", "j")
        before = cursor(app)
        await pilot.press("s", "s")
        assert cursor(app) == before and app.board.view.cursor_row != 2


async def test_space_selects_and_goes_on() -> None:
    async with board() as (app, pilot):
        await pilot.press("space", "space")
        assert list(app.board.view.selection) == ["p07xwa", "k3f9ta"]
        assert app.board.view.cursor_row == 2
        assert "■ 2 selected" in screen_text(app)
        await pilot.press("k", "space")
        assert list(app.board.view.selection) == ["p07xwa"]


async def test_v_selects_from_the_last_selected_row_to_here() -> None:
    async with board() as (app, pilot):
        await pilot.press("j", "space", "j", "j", "v")
        assert list(app.board.view.selection) == ["k3f9ta", "m4q2ca", "w2d6ra", "b81zna"]


async def test_v_without_a_start_says_how_to_begin() -> None:
    async with board() as (app, pilot):
        await pilot.press("v")
        assert "space on the first row of the range" in screen_text(app)
        await pilot.press("j")
        assert "on the first row" not in screen_text(app), "a notice stands until the next key"


async def test_star_selects_every_job_shown_but_no_parts() -> None:
    async with board() as (app, pilot):
        await pilot.press("*")
        assert len(app.board.view.selection) == 17
        await pilot.press("escape")
        assert len(app.board.view.selection) == 0


async def test_a_very_large_selection_is_whole_for_whatever_key_comes_next() -> None:
    many = [rows.job(f"j{n:05}", "main", f"Report {n}", JobState.FAILED, 60 + n) for n in range(6_000)]
    async with board(jobs=many) as (app, pilot):
        app.commands.select_all()
        assert len(app.board.view.selection) < 6_000, "it grows beside the keys"
        assert len(app.commands.targets()) == 6_000
        await pilot.pause()
        app.commands.select_all()
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.board.view.selection) == 0, "what was cleared does not come back"
        await pilot.press("*")
        async with asyncio.timeout(120):
            while "6000 selected" not in screen_text(app):
                await pilot.pause()
        assert "d download   x delete" in screen_text(app), "of so many nothing is counted"


async def test_a_part_of_a_group_is_not_selected() -> None:
    async with board() as (app, pilot):
        slot = app.board.view.records.slot_of["g1n8b2"]
        app.board.move_cursor(app.board.view.row_of(slot) or 0)
        await pilot.press("space")
        assert len(app.board.view.selection) == 0
        assert "select its group g1n8ba" in screen_text(app)


async def test_the_footer_says_how_many_selected_jobs_are_not_shown() -> None:
    async with board() as (app, pilot):
        await pilot.press("space", "slash", *"billing", "enter")
        assert "■ 1 selected, 1 not shown" in screen_text(app)


async def test_left_and_right_close_and_open_a_group() -> None:
    async with board() as (app, pilot):
        slot = app.board.view.records.slot_of["g1n8ba"]
        app.board.move_cursor(app.board.view.row_of(slot) or 0)
        await pilot.press("left")
        assert "AgedDebtors" not in screen_text(app) and "► Month-end pack" in screen_text(app)
        await pilot.press("right")
        assert "AgedDebtors" in screen_text(app)


async def test_digits_choose_saved_views_and_the_filter_stays() -> None:
    async with board() as (app, pilot):
        await pilot.press("2")
        assert {app.board.view.job_at(n).id for n in range(len(app.board.view.rows))} == {
            "p07xwa",
            "k3f9ta",
            "m4q2ca",
            "w2d6ra",
            "b81zna",
            "t5h0va",
            "c9j4ea",
            "h6y3sa",
            "g1n8b3",
            "g1n8ba",
        }
        await pilot.press("4")
        assert order(app) is Column.NEXT, "a saved view may carry an order"
        await pilot.press("1", "9")
        assert len(app.board.view.rows) == 22, "9 is no view here"


async def test_y_copies_the_id_or_the_selected_ids_or_the_words_of_the_pane() -> None:
    async with board() as (app, pilot):
        await pilot.press("end", "y")
        assert app.clipboard == "x4e8qa"
        await pilot.press("home", "space", "space", "y")
        assert app.clipboard == "p07xwa k3f9ta"
        await pilot.press("escape", "k", "enter", "y")
        assert app.clipboard == "Invalid object name 'dbo.Accounts'."


async def test_question_mark_shows_every_key_of_the_registry() -> None:
    async with board((100, 60)) as (app, pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, Help)
        text = screen_text(app)
        for word in (
            "save the report on this server",
            "every action, by name",
            "select every job the table shows",
        ):
            assert word in text
        await pilot.press("escape")
        await pilot.pause()
        assert on_board(app)


async def test_ctrl_p_finds_an_action_by_its_words_and_carries_it_out() -> None:
    async with board() as (app, pilot):
        await pilot.press("ctrl+p", *"reverse")
        await pilot.pause()
        assert isinstance(app.screen, Palette)
        await pilot.press("enter")
        await pilot.pause()
        assert on_board(app) and app.board.view.reverse


async def test_the_palette_says_why_an_action_is_off() -> None:
    async with board() as (app, pilot):
        await pilot.press("ctrl+p", *"download")
        await pilot.pause()
        assert "the vendors are still being loaded" in screen_text(app)


async def test_q_leaves_at_once_when_nothing_runs() -> None:
    engine = Engine()
    async with board(open_engine=engine.opener()) as (app, pilot):
        await pilot.pause(0.05)
        await pilot.press("q")
        await pilot.pause(0.05)
    assert app.return_value == 0
    assert ("closed", None) in engine.asked


async def test_q_asks_while_downloads_run_and_cancel_has_the_focus() -> None:
    engine = Engine()
    async with board(open_engine=engine.opener()) as (app, pilot):
        await pilot.pause(0.05)
        engine.downloads.start("h6y3sa")
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(app.screen, Quit)
        assert "1 download still runs." in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert on_board(app), "enter on the focused button cancels"
        await pilot.press("q", "tab", "enter")
        await pilot.pause(0.05)
    assert app.return_value == 0


async def test_r_asks_for_a_look_at_the_selected_jobs_now() -> None:
    engine = Engine()
    async with board(open_engine=engine.opener()) as (_app, pilot):
        await pilot.pause(0.05)
        await pilot.press("space", "space", "r")
        await pilot.pause()
        assert ("poll", ["p07xwa", "k3f9ta"]) in engine.asked


async def test_p_pauses_the_account_of_the_row_and_resumes_it() -> None:
    engine = Engine()
    async with board(open_engine=engine.opener()) as (app, pilot):
        await pilot.pause(0.05)
        await pilot.press("p")
        await pilot.pause()
        assert ("pause", ("main", True)) in engine.asked
        account = app.board.view.records.accounts["main"]
        app.board.intake.take((), [replace(account, paused=True)])
        await pilot.press("p")
        await pilot.pause()
        assert ("pause", ("main", False)) in engine.asked


async def test_p_is_off_in_a_read_only_dashboard_and_says_so() -> None:
    engine = Engine(read_only=True)
    async with board(open_engine=engine.opener()) as (app, pilot):
        await pilot.pause(0.05)
        await pilot.press("p")
        assert "p: this dashboard is read-only" in screen_text(app)
        assert engine.asked == []


async def test_d_starts_the_downloads_and_their_bars_appear() -> None:
    engine = Engine()
    async with board(open_engine=engine.opener(), settled=False) as (app, pilot):
        await pilot.pause(0.05)
        await pilot.press("j", "j", "d")
        assert engine.downloads.started == ["m4q2ca"]
        await pilot.pause(0.05)
        assert " 0% of 100 B" in screen_text(app)


async def test_a_key_that_is_off_says_why() -> None:
    engine = Engine()
    engine.refusals["delete"] = "Sigma has no delete; f forgets the row here"
    async with board(open_engine=engine.opener()) as (app, pilot):
        await pilot.pause(0.05)
        await pilot.press("x")
        assert "x: Sigma has no delete; f forgets the row here" in screen_text(app)


async def test_o_says_when_there_is_nothing_to_open_and_opens_what_is_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine()
    opened: list[str] = []

    async def page(path: str) -> str:
        opened.append(path)
        return ""

    async with board(open_engine=engine.opener()) as (app, pilot):
        monkeypatch.setattr(app, "page_file", page)
        await pilot.pause(0.05)
        await pilot.press("o")
        assert "nothing is saved yet" in screen_text(app)
        await pilot.press("end", "o")
        await pilot.pause()
        assert opened == ["/srv/reports/file.csv"]
        engine.downloads.whole = False
        await pilot.press("o")
        await pilot.pause()
        assert "no longer where it was saved" in screen_text(app)


async def test_keys_can_be_remapped_and_switched_off() -> None:
    async with board(keys={"sort": "S", "select": ["m", "space"], "range": False}) as (app, pilot):
        await pilot.press("s")
        assert order(app) is Column.STATE
        await pilot.press("S", "m")
        assert order(app) is Column.REPORT and len(app.board.view.selection) == 1
        await pilot.press("v")
        assert "range" not in screen_text(app)


# What suspends or paints anew acts in every dialog, before any screen looks at the key.
@pytest.mark.parametrize(
    "action", [action.id for action in ACTIONS if action.id not in ("suspend", "redraw")]
)
async def test_every_action_can_have_another_key_or_none(
    action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    for keys in ({action: ["f9", "Ä"]}, {action: False}):
        async with board(keys=keys) as (app, pilot):
            monkeypatch.setattr(app.commands, "run", lambda meant: ran.append(meant.id))
            await pilot.press("f9", "Ä")
            for key in BY_ID[action].keys:
                await pilot.press(key)
    assert ran == [action, action]


async def test_capital_s_turns_the_order_round() -> None:
    async with board() as (app, pilot):
        await pilot.press("s", "S")
        assert order(app) is Column.REPORT and app.board.view.reverse
        assert "Report ↓" in screen_text(app)
        await pilot.press("S")
        assert not app.board.view.reverse


async def test_home_and_end_move_the_details_on_the_whole_screen() -> None:
    async with board((80, 12)) as (app, pilot):
        await pilot.press("j", "enter", "end")
        await pilot.pause()
        assert app.details is not None and app.details.detail.scroll > 0
        await pilot.press("home")
        assert app.details.detail.scroll == 0


async def test_keys_and_views_of_a_checked_config_take_the_place_of_the_first_glance() -> None:
    async with board() as (app, pilot):
        await pilot.press("5")
        app.settle({"help": "H"}, ())
        await pilot.pause()
        assert "H help" in screen_text(app) and "month-end" not in screen_text(app)
        assert app.board.active_view == 3
        await pilot.press("H")
        await pilot.pause()
        assert isinstance(app.screen, Help)


@pytest.mark.parametrize(
    ("own", "names"),
    [
        (0, ["all jobs", "needs me", "working", "saved"]),
        (5, ["all jobs", "needs me", "working", *"abcde", "saved"]),
        (6, ["all jobs", "needs me", "working", *"abcdef"]),
        (8, ["all jobs", *"abcdefgh"]),
    ],
)
def test_our_views_give_way_to_many_of_the_config_but_all_jobs_stays(own: int, names: list[str]) -> None:
    views = saved_views([SavedView(name, "") for name in "abcdefgh"[:own]])
    assert [view.name for view in views] == names


async def test_a_key_given_to_another_action_is_taken_from_the_first() -> None:
    async with board(keys={"sort": "d"}) as (app, pilot):
        await pilot.press("d")
        assert order(app) is Column.REPORT
        assert "d download" not in screen_text(app) and "d sort" in screen_text(app)


async def test_an_unknown_action_in_the_keys_is_named() -> None:
    async with board(keys={"explode": "e"}) as (app, _pilot):
        assert "there is no action explode" in screen_text(app)


async def test_the_mouse_chooses_a_row_and_a_column() -> None:
    async with board() as (app, pilot):
        await pilot.click("#table", offset=(20, 3))
        assert app.board.view.cursor_row == 2
        await pilot.click("#table", offset=(56, 0))
        assert order(app) is Column.ACCOUNT


def test_every_job_of_the_set_is_a_row() -> None:
    assert len(rows.jobs()) == 22
