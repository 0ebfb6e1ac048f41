"""A terminal in memory: what is sent goes into pyte, and out come cells to compare."""

from __future__ import annotations

import asyncio
import random
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, NamedTuple

import pyte
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from reportdash.model import Job, JobState, replace
from reportdash.tui.app import Dashboard
from tests.tui import rows
from tests.tui.boards import dashboard

MANY = 120
NAMES = (
    "Distribution",
    "Entity balance",
    "月次報告 2026",
    "Re\u0301sume\u0301",
    "Applicants, Fall 2027",
    "x",
    "📈 growth 🎓🎓",
)
STATES = (JobState.RUNNING, JobState.QUEUED, JobState.READY, JobState.FAILED, JobState.FINALIZING)


class Cell(NamedTuple):
    """What a cell of the terminal shows."""

    text: str
    fore: str
    back: str
    bold: bool
    italics: bool
    underline: bool
    reverse: bool
    strike: bool
    dim: bool = False

    def seen(self) -> Cell:
        """What people see of it: the looks of words do not show on a blank."""
        if self.text != " " or self.underline or self.reverse or self.strike:
            return self
        return Cell(" ", "default", self.back, False, False, False, False, False)


class Terminal(pyte.Screen):
    """pyte's terminal, which knows dim as well: in the place of blinking, which nothing here does."""

    def select_graphic_rendition(self, *attrs: int, **kwargs: Any) -> None:
        out: list[int] = []
        rest = iter(attrs)
        for code in rest:
            if code in (38, 48):
                kind = next(rest, 5)
                out += (code, kind, *islice(rest, 3 if kind == 2 else 1))
            else:
                out += {2: (5,), 22: (22, 25)}.get(code, (code,))
        super().select_graphic_rendition(*out, **kwargs)


class Erasing(Terminal):
    """A terminal on which an erased cell, and a line that scrolls in, have no look but perhaps a ground."""

    def ground(self) -> Any:
        return self.default_char

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        self._plainly(lambda: super(Erasing, self).erase_in_line(how, private))

    def erase_characters(self, count: int | None = None) -> None:
        self._plainly(lambda: super(Erasing, self).erase_characters(count))

    def _plainly(self, erase: Callable[[], None]) -> None:
        attrs, self.cursor.attrs = self.cursor.attrs, self.ground()
        erase()
        self.cursor.attrs = attrs

    def index(self) -> None:
        bottom = self._margins.bottom
        at_end = self.cursor.y == bottom
        super().index()
        if at_end:
            self._fill(bottom, 1)

    def reverse_index(self) -> None:
        top = self._margins.top
        at_end = self.cursor.y == top
        super().reverse_index()
        if at_end:
            self._fill(top, 1)

    def insert_lines(self, count: int | None = None) -> None:
        super().insert_lines(count)
        self._fill(self.cursor.y, count or 1)

    def delete_lines(self, count: int | None = None) -> None:
        super().delete_lines(count)
        self._fill(self._margins.bottom + 1 - (count or 1), count or 1)

    @property
    def _margins(self) -> Any:
        return self.margins or pyte.screens.Margins(0, self.lines - 1)

    def _fill(self, y: int, count: int) -> None:
        for line in range(y, y + count):
            for x in range(self.columns):
                self.buffer[line][x] = self.ground()


class Filling(Erasing):
    """As xterm: what is erased, and what scrolls in, takes the background colour."""

    def ground(self) -> Any:
        return self.default_char._replace(bg=self.cursor.attrs.bg)


class Screen:
    """`feed` it what is sent; `cells` says what stands there."""

    def __init__(self, width: int, height: int, kind: type[Terminal] = Terminal) -> None:
        self._screen = kind(width, height)
        self._screen.reset_mode(7, private=True)
        self._stream = pyte.Stream(self._screen)

    def resize(self, width: int, height: int) -> None:
        self._screen.resize(height, width)

    def feed(self, text: str) -> None:
        # As a terminal's line discipline has it.
        self._stream.feed(text.replace("\n", "\r\n"))

    def scramble(self) -> None:
        """Someone else writes all over it."""
        self.feed("\x1b[m\x1b[H" + "\r\n".join("#" * self._screen.columns for _ in range(self._screen.lines)))

    def cells(self) -> list[list[Cell]]:
        screen = self._screen
        return [[_cell(screen.buffer[y][x]) for x in range(screen.columns)] for y in range(screen.lines)]

    def seen(self) -> list[list[Cell]]:
        """What people see, where the looks of blanks are each terminal's own."""
        return [[cell.seen() for cell in line] for line in self.cells()]

    def text(self) -> str:
        return "\n".join("".join(cell.text for cell in line).rstrip() for line in self.cells())


def _cell(char: Any) -> Cell:
    return Cell(
        char.data,
        char.fg,
        char.bg,
        char.bold,
        char.italics,
        char.underscore,
        char.reverse,
        char.strikethrough,
        char.blink,
    )


def is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


class ScreenDriver(HeadlessDriver):
    """A driver for tests whose terminal is a Screen. It keeps what was sent since it was last asked."""

    frugal = True
    kind: type[Terminal] = Terminal

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self.screen = Screen(*self._get_terminal_size(), self.kind)
        self.sent = 0
        self._taken: list[str] = []

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        self.sent += len(data.encode())
        self._taken.append(data)
        self.screen.feed(data)

    def take(self) -> str:
        """What was sent since this was last called."""
        taken, self._taken = "".join(self._taken), []
        return taken


@asynccontextmanager
async def on_screen(
    size: tuple[int, int] = (140, 40),
    *,
    wire: bool = True,
    show_bytes: bool = False,
    kind: type[Terminal] = Terminal,
    **how: Any,
) -> AsyncIterator[tuple[Dashboard, Pilot[int], ScreenDriver]]:
    """The board on a terminal in memory, once its first screen stands."""
    app = dashboard(**how)
    app.frugal = wire
    app.look.show_bytes = show_bytes
    app.driver_class = type("Driver", (ScreenDriver,), {"kind": kind})
    async with app.run_test(headless=False, size=size) as pilot:
        driver = app._driver
        assert isinstance(driver, ScreenDriver)
        await settled(app, pilot)
        yield app, pilot, driver


async def settled(app: Dashboard, pilot: Pilot[int]) -> None:
    """Until everything that is to be painted was painted."""
    await pilot.pause()
    async with asyncio.timeout(120):
        while app.board.view._rebuilding:
            await pilot.pause()
    app.board.resting.now()
    for _ in range(50):
        screen = app.screen
        if not (screen._dirty_widgets or screen._layout_required or screen._repaint_required):
            break
        screen._on_timer_update()
        await pilot.pause()


def many(count: int = MANY) -> list[Job]:
    return [
        rows.job(
            f"{n:05}a",
            list(rows.VENDORS)[n % 4],
            f"{NAMES[n % len(NAMES)]} {n}",
            STATES[n % len(STATES)],
            300.0 + 61.0 * n,
            f"word{n % 7}",
        )
        for n in range(count)
    ]


def plain_jobs() -> list[Job]:
    """Jobs of all kinds without wide or composed names, behind which the column would be said anew."""
    chance = random.Random(1)
    words = ("Ledger", "balance", "entities", "Distribution", "month", "Applicants", "call", "volume")
    return [
        replace(
            job,
            name=" ".join(chance.sample(words, 3)),
            vendor_status=chance.choice(("RUNNING", "complete", "In process", "error", "queued for later")),
        )
        for job in many()
    ]
