"""A terminal in memory: what is sent goes into pyte, and out come cells to compare."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


class Screen:
    """`feed` it what is sent; `cells` says what stands there."""

    def __init__(self, width: int, height: int) -> None:
        self._screen = pyte.Screen(width, height)
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
    )


def is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


class ScreenDriver(HeadlessDriver):
    """A driver for tests whose terminal is a Screen. It keeps what was sent since it was last asked."""

    frugal = True

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self.screen = Screen(*self._get_terminal_size())
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
    size: tuple[int, int] = (140, 40), *, wire: bool = True, show_bytes: bool = False, **how: Any
) -> AsyncIterator[tuple[Dashboard, Pilot[int], ScreenDriver]]:
    """The board on a terminal in memory, once its first screen stands."""
    app = dashboard(**how)
    app.frugal = wire
    app.look.show_bytes = show_bytes
    app.driver_class = ScreenDriver
    async with app.run_test(headless=False, size=size) as pilot:
        driver = app._driver
        assert isinstance(driver, ScreenDriver)
        await settled(app, pilot)
        yield app, pilot, driver


async def settled(app: Dashboard, pilot: Pilot[int]) -> None:
    """Until everything that is to be painted was painted."""
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
