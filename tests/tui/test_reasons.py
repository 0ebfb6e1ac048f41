"""An action that is off says why: on its key, and with the same words in the palette."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from reportdash.tui.actions import ACTIONS, BY_ID, Keymap
from reportdash.tui.app import Dashboard
from reportdash.tui.keynames import NAMES, fault
from reportdash.tui.screens.detail import DetailScreen
from reportdash.tui.screens.palette import Palette
from tests.tui.boards import Engine, board, screen_text

SMALL = (80, 24)
WIDE = (140, 40)


NOTHING = ("slash", *"age>9d", "enter")
"""Keys after which no row is left."""


def without_accounts() -> Engine:
    engine = Engine()
    engine.accounts = {}
    return engine


def to_part(app: Dashboard) -> None:
    """The cursor on a part of a group."""
    app.board.move_cursor(app.board.view.row_of(app.board.view.records.slot_of["g1n8b2"]) or 0)


def to_lone_tab(app: Dashboard) -> None:
    """The cursor on a job of which nothing is known but its overview."""
    for row in range(len(app.board.view.rows)):
        app.board.move_cursor(row)
        app.board.resting.now()
        if len(app.board.detail.tabs) == 1:
            return
    pytest.fail("every job has several tabs")


@pytest.mark.parametrize(
    ("action", "reason", "keys", "how"),
    [
        ("details", "no job is under the cursor", NOTHING, {}),
        ("details", "the details have the keys already, esc goes back", ("enter",), {}),
        ("next_tab", "no job is under the cursor", NOTHING, {}),
        ("next_tab", "the details are not open, enter opens them", (), {"size": SMALL}),
        ("next_tab", "the details have this one tab", (to_lone_tab,), {}),
        ("last_tab", "the details have this one tab", (to_lone_tab,), {}),
        ("back", "there is nothing to go back from", (), {}),
        ("fold", "no group is under the cursor", (), {}),
        ("fold", "no job is under the cursor", NOTHING, {}),
        ("fold", "there are no jobs yet", (), {"jobs": ()}),
        ("filter", "there are no jobs yet", (), {"jobs": (), "accounts": (), "configured": False}),
        ("save_view", "there are no jobs yet", (), {"jobs": (), "accounts": (), "configured": False}),
        ("news", "nothing has changed since you last looked", (), {}),
        ("sort", "no job is shown", NOTHING, {}),
        ("sort", "there are no jobs yet", (), {"jobs": ()}),
        ("reverse", "no job is shown", NOTHING, {}),
        ("view_9", "there are only 5 views", (), {}),
        ("select", "no job is under the cursor", NOTHING, {}),
        ("select", "a part is not acted on alone: select its group g1n8ba", (to_part,), {}),
        ("range", "no start yet, space on the first row of the range", (), {}),
        ("range", "no job is under the cursor", NOTHING, {}),
        ("select_all", "no job is shown", NOTHING, {}),
        ("select_all", "there are no jobs yet", (), {"jobs": ()}),
        ("copy", "no job is under the cursor", NOTHING, {}),
        ("copy", "there are no jobs yet", (), {"jobs": ()}),
        *(
            (name, "no job is under the cursor", (), {"jobs": ()})
            for name in ("download", "delete", "forget", "poll", "pause", "open")
        ),
        *(
            (name, "the vendors are still being loaded", (), {})
            for name in (
                "download",
                "delete",
                "forget",
                "poll",
                "pause",
                "submit",
                "track",
                "open",
                "accounts",
                "login",
            )
        ),
        *(
            (name, "there is no account yet", (), {"jobs": (), "accounts": (), "configured": False})
            for name in ("submit", "track", "accounts", "login")
        ),
        *(
            (name, "there is no account yet", (), {"engine": without_accounts()})
            for name in ("submit", "track", "login")
        ),
        *(
            (name, "this dashboard is read-only", (), {"engine": Engine(read_only=True)})
            for name in ("delete", "forget", "pause", "submit")
        ),
        ("open", "nothing is saved yet", (), {"engine": Engine()}),
        ("results", "nothing was done to several jobs yet", (), {}),
        ("fold", "the details are open, esc goes back", ("enter",), {"size": SMALL}),
        ("view_1", "the details are open, esc goes back", ("enter",), {"size": SMALL}),
    ],
)
async def test_what_is_off_says_why_on_its_key_and_in_the_palette(
    action: str, reason: str, keys: Sequence[Any], how: dict[str, Any]
) -> None:
    how = dict(how)
    size = how.pop("size", WIDE)
    engine = how.pop("engine", None)
    if engine is not None:
        how["open_engine"] = engine.opener()
    async with board(size, **how) as (app, pilot):
        while engine is not None and app.engine is None:
            await pilot.pause()
        for key in keys:
            if callable(key):
                key(app)
            else:
                await pilot.press(key)
        before = app.screen
        app.commands.key(*pressed(action)) if app.details is None else app.commands.detail_key(
            *pressed(action)
        )
        await pilot.pause()
        assert f"{app.look.keymap.shown(action)}: {reason}" in screen_text(app)
        assert app.screen is before, "nothing was opened"
        assert await in_palette(app, pilot, action) == reason


def pressed(action: str) -> tuple[str, str | None]:
    """The first key of an action, and the character it prints."""
    key = BY_ID[action].keys[0]
    return key, key if len(key) == 1 else None


async def in_palette(app: Dashboard, pilot: Pilot[int], action: str) -> str:
    """The reason that stands beside an action in the palette."""
    app.show_palette()
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, Palette)
    await pilot.press(*BY_ID[action].word, "end")
    screen._at = [found.id for found in screen.found()].index(action)
    screen.redraw()
    await pilot.pause()
    reason = screen.why_not(BY_ID[action])
    assert f"off now, {reason}" in screen_text(app)
    return reason


async def test_every_action_is_in_the_palette_with_its_key() -> None:
    async with board((140, 60)) as (app, pilot):
        await pilot.press("colon")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, Palette)
        seen = []
        for action in screen.found():
            line = next(line for line in screen_text(app).splitlines() if "│   ▌" in line)
            assert action.word in line and f" {app.look.keymap.shown(action.id)} " in line
            seen.append(action.id)
            await pilot.press("down")
        assert sorted(seen) == sorted(action.id for action in ACTIONS)


async def test_the_palette_names_the_saved_views_and_carries_a_move_out() -> None:
    async with board() as (app, pilot):
        await pilot.press("ctrl+p", *"month-end", "enter")
        await pilot.pause()
        assert app.board.look.views[app.board.active_view].name == "month-end"
        await pilot.press("1", "ctrl+p", *"the last row", "down", "down", "enter")
        await pilot.pause()
        assert app.board.view.cursor_row == 21


async def test_keys_typed_ahead_are_for_what_the_first_of_them_opened() -> None:
    engine = Engine()
    async with board(open_engine=engine.opener()) as (app, pilot):
        while app.engine is None:
            await pilot.pause()
        for key in (":", *"revers", "enter", "S", ":", "d", "escape", "j"):
            # All in one packet: nothing is carried out in between.
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        for _ in range(5):
            await pilot.pause()
        assert engine.downloads.started == [], "the letters are the palette's"
        assert app.screen is app.board and not app.board.view.reverse, "turned round and back"
        assert app.board.view.cursor_row == 1


async def test_an_action_that_is_off_says_so_when_it_is_taken_from_the_palette() -> None:
    async with board() as (app, pilot):
        await pilot.press("colon", *"fold", "enter")
        await pilot.pause()
        assert "←: no group is under the cursor" in screen_text(app)


async def test_the_palette_shows_a_chosen_line_on_the_smallest_screen() -> None:
    async with board((60, 12)) as (app, pilot):
        await pilot.press("colon")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, Palette)
        await pilot.press(*["down"] * [action.id for action in screen.found()].index("delete"))
        await pilot.pause()
        assert "▌ x         delete" in screen_text(app)
        assert "off now, the vendors are still being loaded" in screen_text(app)


async def test_a_dashboard_that_could_not_start_says_why_nothing_can_be_done() -> None:
    async with board() as (app, pilot):
        app.live.problem = "the ledger is locked"
        await pilot.press("d")
        assert "d: nothing is polled here: the ledger is locked" in screen_text(app)


async def test_a_job_of_an_account_at_rest_is_not_said_to_be_asked_for() -> None:
    engine = Engine()
    async with board(WIDE, open_engine=engine.opener()) as (app, pilot):
        while app.engine is None:
            await pilot.pause()
        view = app.board.view
        row = next(row for row in range(len(view.rows)) if view.job_at(row).account == "calls")
        app.board.move_cursor(row)
        await pilot.press("r")
        await pilot.pause()
        assert ("poll", [view.job_at(row).id]) in engine.asked
        assert "calls is not polled: key refused, l log in" in screen_text(app)
        await pilot.press("asterisk", "r")
        await pilot.pause()
        assert "jobs asked for now; calls is not polled: key refused" in screen_text(app)


async def test_in_the_details_on_the_whole_screen_keys_act_and_say_what_came_of_it() -> None:
    engine = Engine()
    async with board(SMALL, open_engine=engine.opener()) as (app, pilot):
        while app.engine is None:
            await pilot.pause()
        await pilot.press("enter", "r")
        await pilot.pause()
        assert ("poll", ["p07xwa"]) in engine.asked
        assert isinstance(app.screen, DetailScreen) and "1 job asked for now" in screen_text(app)
        await pilot.press("down")
        assert "1 job asked for now" not in screen_text(app) and "esc back" in screen_text(app)
        await pilot.press("y")
        assert "copied the error" in screen_text(app)
        await pilot.press("question_mark", "escape")
        await pilot.pause()
        assert isinstance(app.screen, DetailScreen)
        await pilot.press("q")
        await pilot.pause()
        assert app.details is None and app.is_running, "q leaves the page, as in a pager"


async def test_esc_takes_a_notice_away_and_puts_none_in_its_place() -> None:
    async with board() as (app, pilot):
        await pilot.press("9")
        assert "9: there are only 5 views" in screen_text(app)
        await pilot.press("escape")
        assert not app.board.status.notice
        await pilot.press("escape")
        assert "esc: there is nothing to go back from" in screen_text(app)


async def test_an_action_without_a_key_is_named_by_its_place_in_the_palette() -> None:
    async with board(keys={"select": False}) as (app, pilot):
        await pilot.press("v")
        assert "v: no start yet, ctrl+p select on the first row of the range" in screen_text(app)
    keymap = Keymap({"select": False, "palette": False})
    assert keymap.named("select") == "select" and Keymap().named("select") == "space"


async def test_the_keys_of_the_filter_line_stay_as_they_are_whatever_the_config_says() -> None:
    async with board(keys={"details": "e", "back": False}) as (app, pilot):
        await pilot.press("slash")
        assert "enter keep   esc clear" in screen_text(app)
        await pilot.press(*"main", "escape")
        assert app.board.filter.edit.text == "" and not app.board.filter.editing


def test_alt_with_a_letter_is_that_letter_unless_the_config_gives_it_away() -> None:
    # A quick esc before a letter looks the same on the line.
    for keymap, name in ((Keymap(), "download"), (Keymap({"sort": "alt+d"}), "sort")):
        chosen = keymap.action("alt+d", "d")
        assert chosen is not None and chosen.id == name


def test_every_key_of_the_registry_can_be_sent_and_none_means_two_things() -> None:
    keys = [key for action in ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))
    assert not [key for action in ACTIONS for key in action.keys if fault(action.id, key)[0]]


def test_nothing_needs_a_chord_that_tmux_or_screen_take() -> None:
    assert not {"ctrl+a", "ctrl+b"} & {key for action in ACTIONS for key in action.keys}


def test_the_keys_a_config_may_name_are_those_a_terminal_sends() -> None:
    from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

    sent = {
        str(getattr(key, "value", key))
        for keys in ANSI_SEQUENCES_KEYS.values()
        if isinstance(keys, tuple)
        for key in keys
    }
    assert not {name for name in NAMES if not name.startswith("alt+")} - sent
