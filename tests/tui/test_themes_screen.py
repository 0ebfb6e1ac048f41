"""The list of themes: put on at once, a broken one says why, and what stands open is painted with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from reportdash.board.states import Role
from reportdash.tui import theme
from reportdash.tui.app import Dashboard
from reportdash.tui.screens.themes import Themes, kind, too_many
from tests.tui.boards import board, screen_text


async def shown(app: Dashboard, pilot: Pilot[int]) -> Themes:
    """The list, opened from the palette; its files are read in a thread."""
    await pilot.press("ctrl+p", *"theme", "enter")
    while not isinstance(app.screen, Themes):
        await pilot.pause()
    await pilot.pause()
    return app.screen


def ground(app: Dashboard, line: int, column: int) -> str | None:
    """The colour behind a cell of the screen."""
    at = 0
    for segment in app.screen._compositor.render_strips(app.size)[line]:
        at += segment.cell_length
        if at > column:
            color = segment.style.bgcolor if segment.style is not None else None
            return color.name if color is not None else None
    return None


async def test_enter_puts_a_theme_on_and_the_list_stays_for_the_next() -> None:
    async with board() as (app, pilot):
        screen = await shown(app, pilot)
        assert "(•) reportdash-dark" in screen_text(app)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert app.screen is screen and app.look.palette.name == "reportdash-light"
        assert "(•) reportdash-light" in screen_text(app)
        assert ground(app, 38, 5) == "#ffffff", "the board behind"
        assert ground(app, 19, 30) == "#ffffff", "the dialog itself"
        await pilot.press("up", "enter", "escape")
        await pilot.pause()
        assert app.look.palette.name == "reportdash-dark" and ground(app, 38, 5) == "#121212"


async def test_the_details_on_the_whole_screen_are_painted_with_the_new_theme() -> None:
    async with board((80, 24)) as (app, pilot):
        await pilot.press("j", "enter")
        await shown(app, pilot)
        await pilot.press("down", "enter", "escape")
        await pilot.pause()
        assert app.screen is app.details and ground(app, 10, 70) == "#ffffff"


async def test_each_theme_says_what_it_is() -> None:
    async with board() as (app, pilot):
        await shown(app, pilot)
        text = screen_text(app)
        for name, what in (
            ("ansi", "16 colours"),
            ("contrast", "dark, high contrast"),
            ("dark", "dark"),
            ("light", "light"),
            ("mono", "no colour"),
        ):
            line = next(line for line in text.splitlines() if f"reportdash-{name}" in line)
            assert what in line and "✗ failed" in line


async def test_a_theme_file_that_can_not_be_used_says_where_and_changes_nothing(tmp_path: Path) -> None:
    text = (theme.shipped_folder() / "reportdash-dark.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace("cursor =", "crusor ="))
    async with board() as (app, pilot):
        app.look.themes = tmp_path
        screen = await shown(app, pilot)
        assert "can not be used" in screen_text(app)
        await pilot.press("up", "up", "up", "enter")
        await pilot.pause()
        where = f"{tmp_path / 'mine.toml'}, line 8: roles.crusor is not a role; the nearest is cursor"
        assert screen.trouble.startswith(where) and "crusor" in screen_text(app)
        assert app.look.palette.name == "reportdash-dark" and "(•) reportdash-dark" in screen_text(app)
        (tmp_path / "mine.toml").write_text(text.replace("#121212", "#101010"))
        await pilot.press("enter")
        await pilot.pause()
        assert app.look.palette.name == "mine" and ground(app, 38, 5) == "#101010"
        assert "can not be used" not in screen_text(app)


async def test_a_terminal_without_the_colours_of_a_theme_keeps_its_own() -> None:
    async with board(palette="reportdash-ansi") as (app, pilot):
        app.look.colors = 16
        await shown(app, pilot)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert "This terminal has 16 colours" in screen_text(app)
        assert app.look.palette.name == "reportdash-ansi"


@pytest.mark.parametrize(
    ("name", "colors", "fits"),
    [
        ("reportdash-dark", 256, True),
        ("reportdash-dark", 16, False),
        ("reportdash-ansi", 16, True),
        ("reportdash-ansi", 0, False),
        ("reportdash-mono", 0, True),
    ],
)
def test_what_fits_the_terminal(name: str, colors: int, fits: bool) -> None:
    assert (too_many(theme.load(name), colors) == "") is fits


def test_a_theme_is_named_by_its_colours() -> None:
    palette = theme.load("reportdash-light")
    assert kind(palette) == "light" and palette.hex(Role.BG) == "#ffffff"
