"""Themes: twelve roles each, contrasts that hold for hex and for what 256 colours make of it."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path

import pytest
from rich.color import Color, ColorSystem

from reportdash.board.states import Role
from reportdash.tui import theme
from reportdash.tui.theme import Palette, ThemeError, load, names, parse

WORDS = (Role.TEXT, Role.STRONG, Role.MUTED, Role.BAD, Role.WARN, Role.GOOD, Role.ACCENT)
GROUNDS = (Role.BG, Role.BAR, Role.MARK, Role.CURSOR)
LEAST = {"reportdash-dark": 4.9, "reportdash-light": 4.7, "reportdash-contrast": 8.6}


def luminance(color: tuple[int, int, int]) -> float:
    def part(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = map(part, color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def triplet(color: Color, *, reduced: bool) -> tuple[int, int, int]:
    made = color.downgrade(ColorSystem.EIGHT_BIT) if reduced else color
    return tuple(made.get_truecolor())  # type: ignore[return-value]


@pytest.mark.parametrize("reduced", [False, True], ids=["truecolor", "256"])
@pytest.mark.parametrize("name", LEAST)
def test_every_word_can_be_read_on_every_ground_it_meets(name: str, reduced: bool) -> None:
    palette = load(name)
    for ground in GROUNDS:
        for role in WORDS:
            style = palette.style(role, ground)
            assert style.color is not None and style.bgcolor is not None
            found = contrast(triplet(style.color, reduced=reduced), triplet(style.bgcolor, reduced=reduced))
            assert found >= LEAST[name] - 0.05, (role, ground, round(found, 2))


def test_every_shipped_theme_can_be_loaded() -> None:
    assert names() == [f"reportdash-{name}" for name in ("ansi", "contrast", "dark", "light", "mono")]
    for name in names():
        assert load(name).name == name


def test_muted_is_text_on_the_cursors_row() -> None:
    palette = load("reportdash-dark")
    assert palette.style(Role.MUTED, Role.CURSOR) == palette.style(Role.TEXT, Role.CURSOR)
    assert palette.style(Role.MUTED, Role.MARK) != palette.style(Role.TEXT, Role.MARK)


@pytest.mark.parametrize("name", ["reportdash-ansi", "reportdash-mono"])
def test_a_reversed_row_has_no_colour_and_no_ground_but_reverse(name: str) -> None:
    palette = load(name)
    assert palette.ansi
    for role in WORDS:
        style = palette.style(role, Role.CURSOR)
        assert style.reverse and style.color is None and style.bgcolor is None
        assert palette.style(role, Role.MARK).bgcolor is None


def test_mono_has_no_colour_at_all() -> None:
    palette = load("reportdash-mono")
    assert all(palette.style(role, ground).color is None for role in WORDS for ground in GROUNDS)


def test_the_16_colours_use_neither_bright_black_nor_blue() -> None:
    used = {paint.color for paint in load("reportdash-ansi").roles.values()}
    assert used == {None, "red", "yellow", "green", "cyan"}


def test_a_users_theme_stands_before_a_shipped_one(tmp_path: Path) -> None:
    text = (theme.shipped_folder() / "reportdash-dark.toml").read_text().replace("#5fafff", "#ff00ff")
    (tmp_path / "reportdash-dark.toml").write_text(text)
    (tmp_path / "mine.toml").write_text(text.replace("reportdash-dark", "mine"))
    assert load("reportdash-dark", tmp_path).roles[Role.ACCENT].color == "#ff00ff"
    assert load("mine", tmp_path).name == "mine"
    assert "mine" in names(tmp_path)


def roles(**changes: object) -> dict[str, object]:
    return {"roles": {**{str(role): "#101010" for role in Role}, **changes}}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "table [roles]"),
        ({"role": {}}, "role is not a key of a theme; the nearest is roles"),
        ({**roles(), "dark": "yes"}, "dark takes true or false"),
        (roles(background="#000000"), "roles.background is not a role; take it away"),
        (roles(crusor="#000000"), "roles.crusor is not a role; the nearest is cursor: write cursor ="),
        (roles(bad=3), "roles.bad takes text in quotes"),
        (roles(bad="crimson"), "a colour is #rrggbb"),
        (roles(bad="red green"), "roles.bad takes one colour"),
        (roles(bad="#ggg000"), "roles.bad is no colour"),
    ],
)
def test_a_theme_that_cannot_be_used_is_refused_with_a_sentence(data: dict[str, object], words: str) -> None:
    with pytest.raises(ThemeError, match=words.replace("[", r"\[")):
        parse(data, "mine")


def test_a_missing_role_is_named() -> None:
    data = roles()
    del data["roles"]["good"]  # type: ignore[attr-defined]
    with pytest.raises(ThemeError, match="the role good is missing"):
        parse(data, "mine")


@pytest.mark.parametrize("name", ["", "nothing", "../reportdash-dark"])
def test_an_unknown_theme_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(ThemeError, match="reportdash-light"):
        load(name)


def test_a_style_is_made_once() -> None:
    palette: Palette = load("reportdash-dark")
    assert palette.style(Role.TEXT) is palette.style(Role.TEXT)


Color3 = tuple[float, float, float]
# Viénot, Brettel and Mollon 1999: linear RGB to what a dichromat's cones tell of it. The rows for red and
# green are the same, because for these eyes the two are one.
DICHROMATS: dict[str, tuple[Color3, Color3, Color3]] = {
    "protanopia": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deuteranopia": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}
COLOURS = (Role.BAD, Role.WARN, Role.GOOD, Role.ACCENT)
# What works has no colour. What is ready is told from it by its weight, whatever the eyes.
PAIRS = (*combinations(COLOURS, 2), (Role.BAD, Role.TEXT), (Role.WARN, Role.TEXT))
APART = 15.0
"""ΔE (CIE76) between two state colours, at least: far above the 2.3 that can just be told."""


def linear(color: tuple[int, int, int]) -> Color3:
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (value / 255 for value in color)
    )
    return red, green, blue


def seen(color: Color3, eyes: str) -> Color3:
    """A linear colour as these eyes take it."""
    red, green, blue = (
        max(0.0, min(1.0, sum(weight * part for weight, part in zip(row, color, strict=True))))
        for row in DICHROMATS[eyes]
    )
    return red, green, blue


def lab(color: Color3) -> Color3:
    """CIE L*a*b* of a linear sRGB colour, white D65."""
    red, green, blue = color
    xyz = (
        (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047,
        0.2126729 * red + 0.7151522 * green + 0.0721750 * blue,
        (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(one: tuple[int, int, int], other: tuple[int, int, int], eyes: str) -> float:
    """ΔE (CIE76) of two colours for these eyes."""
    return math.dist(lab(seen(linear(one), eyes)), lab(seen(linear(other), eyes)))


@pytest.mark.parametrize("reduced", [False, True], ids=["truecolor", "256"])
@pytest.mark.parametrize("eyes", DICHROMATS)
@pytest.mark.parametrize("name", LEAST)
def test_state_colours_stay_apart_for_eyes_that_see_no_red_or_no_green(
    name: str, eyes: str, reduced: bool
) -> None:
    palette = load(name)
    colors = {}
    for role in (*COLOURS, Role.TEXT):
        color = palette.style(role).color
        assert color is not None
        colors[role] = triplet(color, reduced=reduced)
    for one, other in PAIRS:
        found = difference(colors[one], colors[other], eyes)
        assert found >= APART, (one, other, round(found, 1))


def test_the_simulation_finds_the_pair_that_crimson_avoids() -> None:
    red, warn = (0xD7, 0x00, 0x00), (0x87, 0x5F, 0x00)
    assert difference(red, warn, "protanopia") < APART
    assert difference((255, 255, 255), (0, 0, 0), "deuteranopia") == pytest.approx(100, abs=0.1)


def test_a_folder_of_themes_that_can_not_be_looked_for_is_none(tmp_path: Path) -> None:
    assert names(tmp_path / ("x" * 300) / "themes") == names()
