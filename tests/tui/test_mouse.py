"""The mouse in dialogs: a click goes to a field, takes a choice, presses a button; the wheel scrolls."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from reportdash.tui.app import Dashboard
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.help import Help
from reportdash.tui.screens.parts import BLANK, Button, Choice, Field, Fold, Row, Words, words
from reportdash.tui.text import text_run
from tests.tui.boards import board, screen_text

SIZES = [(140, 40), (80, 24)]


class Question(Dialog[str]):
    """One of each kind, the choices below the end of a small window."""

    def __init__(self, app: Dashboard, lines: int = 0) -> None:
        super().__init__(app.pen, "A question", cells=80)
        self.name_field, self.place = Field("Name"), Field("Place")
        self.picked = ["one"]
        self.choices = [
            Choice("One", "first", self.picked, "one"),
            Choice("Two", "second", self.picked, "two"),
        ]
        self.lines = lines
        self.done: list[str] = []

    def rows(self, cells: int) -> list[Row]:
        filler = [words(text_run(f"line {number}")) for number in range(self.lines)]
        return [
            Words(),
            self.name_field,
            self.place,
            BLANK,
            *filler,
            *self.choices,
            Fold("and 3 more", "all"),
        ]

    def buttons(self) -> list[Button]:
        return [Button("Do it", "do"), Button("Other", "other")]

    def pressed(self, value: str) -> None:
        self.done.append(value)


def spot(app: Dashboard, words: str, *, last: bool = False) -> tuple[int, int]:
    """Where these words stand on the screen."""
    lines = screen_text(app).splitlines()
    found = [(line.index(words), y) for y, line in enumerate(lines) if words in line]
    return found[-1 if last else 0]


async def click(pilot: Pilot[int], words: str, **how: Any) -> None:
    app = pilot.app
    assert isinstance(app, Dashboard)
    x, y = spot(app, words, **how)
    await pilot.click(offset=(x + 1, y))
    await pilot.pause()


async def asked(app: Dashboard, pilot: Pilot[int], lines: int = 0) -> Question:
    question = Question(app, lines)
    app.push_screen(question)
    await pilot.pause()
    await pilot.pause()
    return question


@pytest.mark.parametrize("size", SIZES)
async def test_a_click_goes_to_a_field_and_what_is_typed_goes_there(size: tuple[int, int]) -> None:
    async with board(size) as (app, pilot):
        question = await asked(app, pilot)
        await click(pilot, "Place")
        await pilot.press("x")
        assert question.place.edit.text == "x"
        await click(pilot, "Name")
        await pilot.press("y")
        assert (question.name_field.edit.text, question.place.edit.text) == ("y", "x")
        assert question.done == []


@pytest.mark.parametrize("size", SIZES)
async def test_a_click_takes_a_choice_and_opens_a_fold(size: tuple[int, int]) -> None:
    async with board(size) as (app, pilot):
        question = await asked(app, pilot)
        await click(pilot, "Two")
        assert question.picked == ["two"]
        assert "(•) Two" in screen_text(app)
        await click(pilot, "and 3 more")
        assert question.done == ["all"]


@pytest.mark.parametrize("size", SIZES)
async def test_a_click_presses_the_button_under_it_and_no_other(size: tuple[int, int]) -> None:
    async with board(size) as (app, pilot):
        question = await asked(app, pilot)
        await click(pilot, "Other")
        await click(pilot, "Do it")
        assert question.done == ["other", "do"]
        x, y = spot(app, "Do it")
        await pilot.click(offset=(x - 3, y))
        await pilot.click(offset=(x, y - 1))
        assert question.done == ["other", "do"]
        await click(pilot, "Cancel")
        assert app.screen is app.board


async def test_a_click_beside_the_dialog_does_nothing() -> None:
    async with board() as (app, pilot):
        before = app.board.view.cursor_row
        question = await asked(app, pilot)
        await pilot.click(offset=(2, 12))
        assert app.screen is question
        assert app.board.view.cursor_row == before


async def test_what_has_scrolled_is_clicked_where_it_stands_now() -> None:
    async with board((80, 24)) as (app, pilot):
        question = await asked(app, pilot, lines=30)
        assert "Two" not in screen_text(app)
        for _ in range(8):
            question.on_mouse_scroll_down(Wheel())  # type: ignore[arg-type]
        await pilot.pause()
        await click(pilot, "Two")
        assert question.picked == ["two"]


class Wheel:
    """A turn of the wheel."""

    def stop(self) -> None:
        return None


async def test_the_wheel_scrolls_the_help_and_close_is_clicked() -> None:
    async with board((80, 24)) as (app, pilot):
        app.show_help()
        await pilot.pause()
        await pilot.pause()
        dialog = app.screen
        assert isinstance(dialog, Help)
        dialog.on_mouse_scroll_down(Wheel())  # type: ignore[arg-type]
        await pilot.pause()
        assert "one row up" not in screen_text(app)
        dialog.on_mouse_scroll_up(Wheel())  # type: ignore[arg-type]
        await pilot.pause()
        assert "one row up" in screen_text(app)
        await click(pilot, "Close")
        assert app.screen is app.board
