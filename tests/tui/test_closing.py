"""What ends a dialog ends that one, once: not the board behind it, not the dialog over it."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from textual import events

from reportdash.model import JobState, replace
from reportdash.tui import collector, theme
from reportdash.tui.ports import EnginePort
from reportdash.tui.screens import themes
from reportdash.tui.screens.delete import Delete
from reportdash.tui.screens.detail import DetailScreen
from reportdash.tui.screens.help import Help
from reportdash.tui.screens.logout import LogOut
from reportdash.tui.screens.unlock import Unlock
from tests.credentials.keyrings import PASSPHRASE
from tests.tui.boards import board
from tests.tui.desk import desk, job_in
from tests.tui.test_accounts_screen import FIELDS, in_memory, roster
from tests.tui.test_mouse import Question, spot
from tests.tui.vaults import keys_in_vault


class Answered(Question):
    """A question that any of its buttons answers."""

    def pressed(self, value: str) -> None:
        self.done.append(value)
        self.dismiss(value)


@pytest.mark.parametrize("words", ["Cancel", "Do it"])
async def test_a_double_click_that_comes_at_once_answers_one_dialog_once(words: str) -> None:
    async with board((140, 40)) as (app, pilot):
        answers: list[str | None] = []
        below = Help(app.pen, app.look.keymap)
        app.push_screen(below)
        question = Answered(app)
        app.push_screen(question, answers.append)
        await pilot.pause()
        await pilot.pause()
        x, y = spot(app, words)
        click = events.Click(question, x, y, 0, 0, 1, False, False, False, screen_x=x, screen_y=y)
        question.post_message(click)
        question.post_message(click)
        await pilot.pause()
        await pilot.pause()
        assert app.screen is below
        assert len(answers) == 1
        assert app.life.fault is None


async def test_esc_in_the_turn_in_which_the_vault_opens_closes_the_dialog_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        await at.until(lambda: isinstance(at.app.screen, Unlock))
        dialog = at.app.screen
        assert isinstance(dialog, Unlock)
        looked = asyncio.Event()
        look = at.app.live.stores.look

        async def and_esc(engine: EnginePort) -> None:
            await look(engine)
            if not looked.is_set():
                looked.set()
                dialog.dismiss(None)  # the key comes in this turn

        monkeypatch.setattr(at.app.live.stores, "look", and_esc)
        await at.press(*("space" if char == " " else char for char in PASSPHRASE), "enter")
        await at.until(looked.is_set)
        await at.until(lambda: at.app.screen is at.app.board)
        await at.pilot.pause()
        assert at.app.life.fault is None
        assert at.app.screen is at.app.board
        assert "the vault is unlocked" in at.notice


async def test_a_dialog_that_is_done_below_another_one_goes_when_that_one_has_gone() -> None:
    async with board((140, 40)) as (app, pilot):
        answers: list[str | None] = []
        question, over = Answered(app), Help(app.pen, app.look.keymap)
        app.push_screen(question, answers.append)
        app.push_screen(over)
        await pilot.pause()
        question.dismiss("done")
        await pilot.pause()
        assert app.screen_stack[-1] is over
        await pilot.press("escape")
        await pilot.pause()
        await pilot.pause()
        assert app.screen is app.board
        assert answers == ["done"]


async def test_details_whose_job_goes_leave_after_the_dialog_over_them_and_not_it(tmp_path: Path) -> None:
    async with desk(tmp_path, size=(80, 24)) as at:
        job = await job_in(at, 1, JobState.READY)
        await at.press("enter")
        await at.until(lambda: isinstance(at.app.screen, DetailScreen))
        dialog = await at.ask("x")
        assert isinstance(dialog, Delete)
        details = at.app.details
        assert details is not None
        await at.rig.ledger.change(job.id, lambda row: replace(row, forgotten_at=at.rig.clock.now()))
        await at.rows(0)
        details.show_all()
        await at.pilot.pause()
        assert at.app.screen_stack[-1] is dialog
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)


async def test_a_list_of_themes_that_comes_late_does_not_open_over_another_dialog(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, survey = threading.Event(), themes.survey

    def slow(folder: Path | None) -> dict[str, theme.Palette | None]:
        read.wait()
        return survey(folder)

    monkeypatch.setattr(themes, "survey", slow)
    async with board((140, 40)) as (app, pilot):
        app.show_themes()
        await pilot.press("question_mark")
        await pilot.pause()
        read.set()
        while app.operator._tasks:
            await pilot.pause()
        assert isinstance(app.screen, Help)


async def test_a_logout_that_was_agreed_to_is_done_though_the_list_is_closed(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("main", "calls")) as at:
        await in_memory(at)
        chain, begun, go_on = at.rig.engine.chain, asyncio.Event(), asyncio.Event()
        remove = chain.remove

        async def slow(account: str, *vendors: str) -> bool:
            begun.set()
            await go_on.wait()  # as a keyring may take its time
            return await remove(account, *vendors)

        chain.remove = slow  # type: ignore[method-assign]
        await roster(at)
        await at.press("down", "x")
        await at.until(lambda: isinstance(at.app.screen, LogOut))
        await at.press("tab", "enter")
        await at.until(begun.is_set)
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        await at.pilot.pause()
        go_on.set()
        await at.until(lambda: at.notice == "calls is logged out")
        assert await chain.where("calls", "talkdesk", FIELDS) == "none"


async def test_a_pause_typed_before_the_list_is_closed_counts(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        listed, change = await roster(at), at.rig.ledger.change_account
        go_on = asyncio.Event()

        async def slow(*args: Any, **how: Any) -> Any:
            await go_on.wait()
            return await change(*args, **how)

        at.rig.ledger.change_account = slow  # type: ignore[method-assign]
        await at.press("p", "escape")
        await at.until(lambda: not listed.is_attached)
        go_on.set()

        async def paused() -> bool:
            return (await at.rig.row("main")).paused

        await at.until(paused)


async def test_nothing_is_kept_of_a_dialog_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "MOMENT", 3600.0)  # what waits to collect it must not keep it
    monkeypatch.setattr(collector, "_asked", float("-inf"))
    async with board((140, 40)) as (app, pilot):
        await pilot.press("?")
        await pilot.pause()
        shown = app.screen
        kept = [weakref.ref(widget._styles_cache) for widget in (shown, *shown.children)]
        assert isinstance(shown, Help) and all(cache() is not None for cache in kept)
        del shown
        await pilot.press("escape")
        await pilot.pause()
        for _ in range(50):  # its tasks end a few turns later
            await pilot.pause()
            gc.collect()
            if not any(cache() for cache in kept):
                break
        assert [cache() for cache in kept] == [None] * len(kept)
