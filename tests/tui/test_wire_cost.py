"""Frugal painting in bytes: a key costs what changes on the screen, and what nobody sees costs nothing."""

from __future__ import annotations

import re

import pytest
from textual.pilot import Pilot

from reportdash.board.units import byte_rate
from reportdash.clock import ManualClock
from reportdash.model import replace
from reportdash.tui.live import RATE
from tests.tui import rows
from tests.tui.screens import Cell, on_screen, plain_jobs, settled


def floor(before: list[list[Cell]], after: list[list[Cell]]) -> int:
    """Bytes for the cells that differ, the moves between them, and the differences of their looks."""
    cost = 0
    look: Cell | None = None
    for y, (line, new) in enumerate(zip(before, after, strict=True)):
        wrong = [x for x, (was, now) in enumerate(zip(line, new, strict=True)) if was != now]
        last = None
        for x in wrong:
            if last is None:
                cost += len(f"\x1b[{y + 1};{x + 1}H") if x else len(f"\x1b[{y + 1}H")
            elif x > last + 1:
                cost += min(x - last - 1, len(f"\x1b[{x - last - 1}C"))
            last = x
            cell = new[x]
            cost += len(cell.text.encode()) + look_cost(look, cell)
            look = cell
    return cost


def look_cost(old: Cell | None, new: Cell) -> int:
    parts: list[str] = []
    if old is None or old.fore != new.fore:
        parts.append(color(new.fore))
    if old is None or old.back != new.back:
        parts.append(color(new.back))
    for name, on, off in (("bold", "1", "22"), ("underline", "4", "24"), ("reverse", "7", "27")):
        was, now = old is not None and getattr(old, name), getattr(new, name)
        if was != now:
            parts.append(on if now else off)
    return len(f"\x1b[{';'.join(parts)}m") if parts else 0


def color(name: str) -> str:
    if len(name) == 6 and all(char in "0123456789abcdef" for char in name):
        return "38;2;" + ";".join(str(int(name[at : at + 2], 16)) for at in (0, 2, 4))
    return "39"


@pytest.fixture
def truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.mark.usefixtures("truecolor")
@pytest.mark.parametrize(
    ("before", "keys", "most"),
    [
        ([], ["down"], 1.0),
        (["down", "down"], ["up"], 1.0),
        ([], ["pagedown"], 1.0),
        (["pagedown"], ["pageup"], 1.0),
        ([], ["end"], 1.0),
        (["end"], ["home"], 1.0),
        (["pagedown", *["down"] * 30], ["down"], 0.25),
        (["end", *["up"] * 30], ["up"], 0.25),
        ([], ["?"], 1.0),
        (["?"], ["escape"], 1.0),
        ([], ["ctrl+p"], 1.0),
        (["ctrl+p"], ["escape"], 1.0),
    ],
)
async def test_a_key_costs_what_changes_and_no_more(before: list[str], keys: list[str], most: float) -> None:
    async with on_screen(jobs=plain_jobs()) as (app, pilot, driver):
        for key in before:
            await pilot.press(key)
        await settled(app, pilot)
        driver.take()
        old = driver.screen.cells()
        await pilot.press(*keys)
        await settled(app, pilot)
        sent = len(driver.take().encode())
        least = floor(old, driver.screen.cells())
        assert 0 < sent <= most * least, (sent, least)


@pytest.mark.usefixtures("truecolor")
async def test_one_visible_word_costs_its_cells_and_a_move() -> None:
    async with on_screen(jobs=plain_jobs()) as (app, pilot, driver):
        shown = app.board.view.job_at(5)
        driver.take()
        app.board.intake.take([replace(shown, vendor_status=f"WORD{(shown.vendor_status or '')[4:]}")], ())
        await settled(app, pilot)
        assert re.fullmatch(r"\x1b\[\d+;\d+H(\x1b\[[\d;]+m)?\w{1,4}", driver.take())


async def test_what_nobody_sees_costs_nothing() -> None:
    async with on_screen(jobs=plain_jobs()) as (app, pilot, driver):
        hidden = app.board.view.job_at(100)
        driver.take()
        app.board.intake.take([replace(hidden, message="something else")], ())
        await settled(app, pilot)
        assert driver.take() == ""


async def test_painting_the_same_anew_costs_nothing() -> None:
    async with on_screen(jobs=plain_jobs()) as (app, pilot, driver):
        driver.take()
        app.board.table.repaint()
        app.screen.refresh(layout=True)
        await settled(app, pilot)
        assert driver.take() == ""


async def test_the_first_screen_is_sent_once() -> None:
    """Textual paints an empty one before."""
    async with on_screen(jobs=plain_jobs()) as (_app, _pilot, driver):
        sent = driver.take()
        assert sent.count("reportdash") == 1
        assert sent.count("\x1b[H") == 1


async def test_with_debug_the_header_ends_with_the_bytes_of_the_last_seconds() -> None:
    clock = ManualClock(rows.NOW)
    async with on_screen(jobs=plain_jobs(), show_bytes=True, clock=clock) as (app, pilot, driver):
        await until_asleep(pilot, clock, 2)
        before = driver.sent
        await clock.advance(RATE)
        await until_asleep(pilot, clock, 2)
        await settled(app, pilot)
        assert driver.sent - before < 100, "the figure itself costs next to nothing"
        await pilot.press("pagedown")
        await settled(app, pilot)
        sent = driver.sent - before
        await clock.advance(RATE)
        await until_asleep(pilot, clock, 2)
        await settled(app, pilot)
        assert driver.screen.text().splitlines()[0].endswith(f" {byte_rate(sent / RATE)}")


async def until_asleep(pilot: Pilot[int], clock: ManualClock, tasks: int) -> None:
    """Until as many tasks wait for time to pass."""
    await pilot.pause()
    while clock.sleepers() < tasks:
        await pilot.pause()


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, "0 B/s"), (7.4, "7 B/s"), (314.0, "310 B/s"), (1234.5, "1.2 kB/s")]
)
def test_a_rate_has_two_figures(rate: float, text: str) -> None:
    assert byte_rate(rate) == text
