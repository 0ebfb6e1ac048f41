"""The themes there are: enter puts one on at once, and the list stays, so that the next can be tried."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.strip import Strip

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.tui import theme
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.form import paragraph
from reportdash.tui.screens.frame import EDGE, Frame
from reportdash.tui.screens.parts import BLANK, Choice, Field, Row
from reportdash.tui.text import Pen
from reportdash.tui.theme import Palette, ThemeError

if TYPE_CHECKING:
    from reportdash.tui.app import Dashboard

KIND, ABOUT = 28, 20
"""Column and room of what a theme is."""
HIGH = 7.0
"""From this contrast of every word on we call a theme one of high contrast; WCAG calls it AAA."""
SAMPLE = (
    Run(" ✗ failed", Role.BAD, bold=True),
    Run("  ▲ warnings", Role.WARN, bold=True),
    Run("  ✓ ready", Role.GOOD, bold=True),
    Run("  ● running", Role.TEXT),
    Run("  key ", Role.ACCENT),
)
SAMPLE_CELLS = sum(len(run.text) for run in SAMPLE)


def open(app: Dashboard) -> None:
    """Read the theme files beside the screen, then show the list."""
    before = app.screen

    async def show() -> str:
        found = await asyncio.to_thread(survey, app.look.themes)
        if app.screen is before:
            app.push_screen(Themes(app, found))
        return ""

    app.operator.task(show())


def survey(folder: Path | None) -> dict[str, Palette | None]:
    """Every theme there is by name, None where its file can not be used. Reads files."""
    found: dict[str, Palette | None] = {}
    for name in theme.names(folder):
        try:
            found[name] = theme.load(name, folder)
        except ThemeError:
            found[name] = None
    return found


class Samples(Frame):
    """A theme's line ends with its own colours, where there is room and the terminal has them."""

    def __init__(self, dialog: Themes, cells: int) -> None:
        super().__init__(dialog.pen, cells, dialog.focused_item)
        self.palettes = dialog.palettes
        self.colors = dialog.dashboard.look.colors

    def row(self, row: Row) -> Strip:
        made = super().row(row)
        palette = self.palettes.get(row.value) if isinstance(row, Choice) else None
        at = self.cells - EDGE - SAMPLE_CELLS
        if palette is None or at < EDGE + KIND + ABOUT or too_many(palette, self.colors):
            return made
        colors = Pen(palette, self.pen.glyphs).strip([(0, SAMPLE)], SAMPLE_CELLS)
        return Strip.join([made.crop(0, at), colors, made.crop(at + SAMPLE_CELLS, self.cells)])


class Themes(Dialog[None]):
    """The list, the one that is on marked. What is wrong with a theme's file stands below it."""

    def __init__(self, dashboard: Dashboard, palettes: Mapping[str, Palette | None]) -> None:
        super().__init__(dashboard.pen, "Themes", cells=104)
        self.dashboard = dashboard
        self.palettes = dict(palettes)
        self.trouble = ""
        self._on = [dashboard.look.palette.name]
        self._choices = [
            Choice(name, _about(palette), self._on, name, at=KIND) for name, palette in palettes.items()
        ]
        self.focused_item = next((choice for choice in self._choices if choice.chosen), None)

    @property
    def cancel_label(self) -> str:
        return "Close"

    def keys(self) -> Sequence[tuple[str, str]]:
        return (("↑↓", "choose"), ("enter", "put on"), ("esc", "close"))

    def rows(self, cells: int) -> list[Row]:
        return list(self._choices)

    def foot(self, cells: int) -> list[Row]:
        if self.trouble:
            return [BLANK, *paragraph(self.trouble, cells, Role.WARN, sign="▲")]
        folder = self.dashboard.look.themes
        said = f"Your own themes belong in {folder}." if folder is not None else "The demo has no others."
        return [BLANK, *paragraph(said, cells, Role.MUTED)]

    def drawing(self, cells: int) -> Frame:
        return Samples(self, cells)

    def _step(self, by: int) -> None:
        self.trouble = ""
        super()._step(by)

    def changed(self, item: Field | Choice) -> None:
        """Another theme at once; one that can not be used says why and changes nothing."""
        name = self._on[0]
        palette = self.palettes.get(name)
        self.trouble = too_many(palette, self.dashboard.look.colors) if palette is not None else ""
        if not self.trouble:
            try:
                self.dashboard.use_theme(name)
            except ThemeError as error:
                self.trouble = f"{error}."
            else:
                # Its file may have been changed since the list was read.
                self.palettes[name] = self.dashboard.look.palette
        self._on[0] = self.dashboard.look.palette.name
        if isinstance(item, Choice):
            item.about = _about(self.palettes.get(name))


def _about(palette: Palette | None) -> str:
    return kind(palette) if palette is not None else "can not be used"


def too_many(palette: Palette, colors: int) -> str:
    """Why a theme is not for a terminal of so many colours; empty when it is."""
    named = any(paint.color is not None for paint in palette.roles.values())
    if colors == 0 and named:
        return "This terminal has no colours, or NO_COLOR is set."
    if colors == 16 and palette.exact:
        return "This terminal has 16 colours, which would make others of these: take reportdash-ansi."
    return ""


def kind(palette: Palette) -> str:
    """What a theme is, in a few words, by its colours."""
    colors = [paint.color for paint in palette.roles.values()]
    if not any(colors):
        return "no colour"
    if palette.ansi:
        return "16 colours"
    least = min(
        contrast(palette.hex(role), palette.hex(ground))
        for role in (Role.TEXT, Role.MUTED, Role.BAD, Role.WARN, Role.GOOD, Role.ACCENT)
        for ground in (Role.BG, Role.BAR, Role.MARK)
    )
    shade = "dark" if palette.dark else "light"
    return f"{shade}, high contrast" if least >= HIGH else shade


def contrast(one: str, other: str) -> float:
    """The contrast of two colours `#rrggbb` by WCAG: 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    def part(at: int) -> float:
        share = int(color[at : at + 2], 16) / 255
        return share / 12.92 if share <= 0.03928 else float(((share + 0.055) / 1.055) ** 2.4)

    return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
