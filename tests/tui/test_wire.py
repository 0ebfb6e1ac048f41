"""Frugal painting of the real board: the terminal shows what Textual's own painting would show."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.geometry import Region, Size
from textual.pilot import Pilot
from textual.strip import Strip

from reportdash.model import replace
from reportdash.tui import theme
from reportdash.tui.app import Dashboard
from reportdash.tui.wire.painting import Painting, Shadow, fills
from tests.tui.screens import (
    Cell,
    Erasing,
    Filling,
    Screen,
    ScreenDriver,
    Terminal,
    many,
    on_screen,
    plain_jobs,
    settled,
)

EXAMPLES = int(os.environ.get("REPORTDASH_WIRE_EXAMPLES", "5"))
"""Random plays of the board, each on two terminals."""
SPELLED = {" ": "space", ":": "colon"}


async def changed(app: Dashboard, seed: int) -> None:
    """Some rows of the ledger changed."""
    chance = random.Random(seed)
    records = app.board.view.records
    jobs = [job for slot in list(records.slot_of.values()) if (job := records.jobs[slot]) is not None]
    some = chance.sample(jobs, min(len(jobs), chance.randint(1, 6)))
    app.board.intake.take(
        [
            replace(job, vendor_status=chance.choice(("busy", "pending", "漢字")), message=f"step {seed}")
            for job in some
        ],
        (),
    )


async def resized(app: Dashboard, pilot: Pilot[int], driver: ScreenDriver, width: int, height: int) -> None:
    driver.screen.resize(width, height)
    driver._size = (width, height)
    size = Size(width, height)
    app.post_message(events.Resize(size, size))
    # Textual lays out a little later, by a timer.
    while app.screen.size != size:
        await pilot.pause()


Step = tuple[Any, ...]
MOVES = ("down", "down", "up", "pagedown", "pageup", "home", "end")

DIALOGS = ("?", "ctrl+p", "a", "t", "n", "x", "d", "f", "l", "y")

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("key"),
            st.one_of(
                st.sampled_from(MOVES),
                st.sampled_from(DIALOGS),
                st.sampled_from(("space", "s", "v", "/", "escape", "enter", "tab", "shift+tab", "2")),
            ),
        ),
        st.tuples(st.just("typed"), st.sampled_from(("dist", "account:main ", "state:r", "zzz", "報告"))),
        st.tuples(st.just("data"), st.integers(0, 99)),
        st.tuples(st.just("theme"), st.sampled_from(theme.names())),
        st.tuples(
            st.just("size"),
            st.one_of(
                st.sampled_from(((140, 40), (80, 24), (60, 12), (52, 10))),
                st.tuples(st.integers(56, 170), st.integers(10, 45)),
            ),
        ),
    ),
    min_size=1,
    max_size=12,
)


async def played(
    steps: Sequence[Step], *, wire: bool, kind: type[Terminal] = Terminal, **how: Any
) -> list[list[list[Cell]]]:
    """What the terminal shows at the start and after each step."""
    seen = []
    async with on_screen(wire=wire, jobs=many(), kind=kind, **how) as (app, pilot, driver):
        look = driver.screen.cells if kind is Terminal else driver.screen.seen
        seen.append(look())
        for step in steps:
            if step[0] == "key":
                await pilot.press(step[1])
            elif step[0] == "typed":
                await pilot.press("/", *(SPELLED.get(char, char) for char in step[1]))
            elif step[0] == "data":
                await changed(app, step[1])
            elif step[0] == "theme":
                app.use_theme(step[1])
            else:
                await resized(app, pilot, driver, *step[1])
            await settled(app, pilot)
            seen.append(look())
    return seen


def told(one: list[list[Cell]], other: list[list[Cell]]) -> str:
    """Where two screens differ, for whoever reads the failure."""
    return "\n".join(
        f"{x},{y}: {a} {b}"
        for y, (line, same) in enumerate(zip(one, other, strict=True))
        for x, (a, b) in enumerate(zip(line, same, strict=True))
        if a != b
    )[:1500]


@pytest.fixture(autouse=True)
def no_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whether a row is held depends on how fast keys come; here two runs are compared.
    monkeypatch.setattr("reportdash.tui.intake.HOLD", -1.0)


XTERM = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
SCREEN = {"TERM": "screen-256color", "COLORTERM": ""}
CONSOLE = {"TERM": "linux", "COLORTERM": ""}
MONO = {"TERM": "xterm-256color", "NO_COLOR": "1"}
TERMINALS = ((Terminal, XTERM), (Filling, XTERM), (Erasing, SCREEN), (Filling, CONSOLE), (Filling, MONO))


@pytest.fixture(autouse=True)
def no_codes_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    # A style keeps its codes as the first terminal needs them; here one process has many.
    render = Strip.render_style

    def anew(style: Style, text: str, color_system: ColorSystem) -> str:
        style._ansi = None
        return render(style, text, color_system)

    monkeypatch.setattr(Strip, "render_style", staticmethod(anew))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS, st.sampled_from(TERMINALS), st.sampled_from(theme.names()))
def test_the_terminal_shows_the_same_with_and_without_it(
    steps: list[Step], terminal: tuple[type[Terminal], dict[str, str]], palette: str
) -> None:
    kind, env = terminal
    with mock.patch.dict(os.environ, env):
        same(steps, kind=kind, palette=palette)


def same(steps: Sequence[Step], **how: Any) -> None:
    frugal = asyncio.run(played(steps, wire=True, **how))
    plain = asyncio.run(played(steps, wire=False, **how))
    for n, (one, other) in enumerate(zip(frugal, plain, strict=True)):
        assert one == other, f"after {steps[:n]}\n{told(one, other)}"


TOUR: list[Step] = [
    *[("key", key) for key in ("pagedown", "down", "home", "?", "escape", "ctrl+p", "escape", "end", "up")],
    ("data", 3),
    ("typed", "dist"),
    ("key", "escape"),
    ("size", (80, 24)),
    ("key", "enter"),
    ("key", "escape"),
    ("theme", "reportdash-light"),
    ("size", (140, 40)),
]


@pytest.mark.parametrize(
    ("palette", "terminal"),
    [
        ("reportdash-dark", XTERM),
        ("reportdash-dark", SCREEN),
        ("reportdash-light", CONSOLE),
        ("reportdash-ansi", CONSOLE),
        ("reportdash-mono", MONO),
        ("reportdash-contrast", MONO),
    ],
)
def test_every_theme_looks_the_same_on_every_terminal(
    palette: str, terminal: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in terminal.items():
        monkeypatch.setenv(name, value)
    same(TOUR, palette=palette)


# When nothing is known of the terminal.


async def test_an_empty_first_screen_that_stays_alone_is_sent_after_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with on_screen(jobs=plain_jobs()) as (app, _pilot, driver):
        driver.screen.scramble()
        app.forget_terminal()
        blank = [[app.pen.blank(140)] for _ in range(40)]
        driver.take()
        app._display(app.screen, LayoutUpdate(blank, app.screen.size.region))  # type: ignore[arg-type]
        assert driver.take() == ""
        app._send_held()
        assert not driver.screen.text().strip()


async def whole(app: Dashboard, pilot: Any, driver: ScreenDriver, wanted: list[list[Cell]]) -> None:
    await settled(app, pilot)
    assert driver.screen.cells() == wanted


async def test_ctrl_l_paints_a_garbled_screen_whole() -> None:
    async with on_screen(jobs=many()) as (app, pilot, driver):
        board = driver.screen.cells()
        driver.screen.scramble()
        await pilot.press("ctrl+l")
        await whole(app, pilot, driver, board)


async def test_ctrl_l_paints_a_garbled_dialog_whole() -> None:
    async with on_screen(jobs=many()) as (app, pilot, driver):
        await pilot.press("?")
        await settled(app, pilot)
        dialog = driver.screen.cells()
        driver.screen.scramble()
        await pilot.press("ctrl+l")
        await whole(app, pilot, driver, dialog)


async def test_a_window_made_small_and_large_again_is_painted_whole() -> None:
    async with on_screen(jobs=many()) as (app, pilot, driver):
        board = driver.screen.cells()
        driver.screen.scramble()
        app.post_message(events.Resize(app.size, app.size))
        await whole(app, pilot, driver, board)


async def test_after_the_shell_had_the_terminal_the_screen_is_painted_whole() -> None:
    async with on_screen(jobs=many()) as (app, pilot, driver):
        board = driver.screen.cells()
        driver.take()
        driver.write(app.let_go())
        assert driver.take() == "\x1b[m", "the shell finds a plain pen"
        driver.screen.scramble()
        app.on_driver_signal_resume()
        await whole(app, pilot, driver, board)


def test_what_waits_for_a_screen_of_another_size_is_dropped() -> None:
    shadow, screen = Shadow(), Screen(4, 1)
    blank = LayoutUpdate([[Strip.blank(6)], [Strip.blank(6)]], Size(6, 2).region)
    assert shadow.encode(blank, Size(6, 2), ColorSystem.TRUECOLOR, hold=True) == ""
    update = LayoutUpdate([[Strip([Segment("abcd")], 4)]], Size(4, 1).region)
    screen.feed(shadow.encode(update, Size(4, 1), ColorSystem.TRUECOLOR) or "")
    assert screen.text() == "abcd"


def test_of_a_strip_the_part_in_the_dirty_span_is_sent() -> None:
    shadow, size = Shadow(), Size(6, 1)
    shadow.encode(LayoutUpdate([[Strip([Segment("abcdef")], 6)]], size.region), size, ColorSystem.TRUECOLOR)
    update = ChopsUpdate([{0: Strip([Segment("ABCDEF")], 6)}], [(0, 1, 4)], [[6]])
    assert shadow.encode(update, size, ColorSystem.TRUECOLOR) == "\x1b[HABCD"


def test_after_an_update_that_is_left_to_textual_nothing_is_known() -> None:
    shadow, size = Shadow(), Size(3, 1)
    update = LayoutUpdate([[Strip([Segment("abc")], 3)]], size.region)
    first = shadow.encode(update, size, ColorSystem.TRUECOLOR)
    assert shadow.encode("words", size, ColorSystem.TRUECOLOR) is None
    assert shadow.encode(update, size, ColorSystem.TRUECOLOR) == first != ""


def test_a_strip_is_known_only_where_nothing_was_painted_over_it() -> None:
    """The same strip again on the same place is not looked at, but only while it stands there whole."""
    shadow, screen, size = Shadow(), Screen(6, 1), Size(6, 1)
    board = Strip([Segment("abcdef")], 6)
    left, dialog, right = Strip([Segment("ab")], 2), Strip([Segment("XY")], 2), Strip([Segment("ef")], 2)
    for line in ([board], [left, dialog, right]) * 2:
        update = LayoutUpdate([line], size.region)
        screen.feed(shadow.encode(update, size, ColorSystem.TRUECOLOR) or "")
        assert screen.text() == "".join(strip.text for strip in line)


def test_a_strip_that_was_cut_before_is_sent_to_its_end() -> None:
    shadow, screen, size = Shadow(), Screen(6, 1), Size(6, 1)
    screen.scramble()
    whole = Strip([Segment("abcdef")], 6)
    for end in (3, 6):
        update = ChopsUpdate([{0: whole}], [(0, 0, end)], [[6]])
        screen.feed(shadow.encode(update, size, ColorSystem.TRUECOLOR) or "")
    assert screen.text() == "abcdef"


@pytest.mark.parametrize(
    ("env", "sure"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "linux"}, True),
        ({"TERM": "screen-256color"}, False),
        ({"TERM": "screen.xterm-256color"}, False),
        ({"TERM": "tmux-256color"}, False),
        ({"TERM": "xterm-256color", "STY": "1234.pts-0"}, False),
        ({}, False),
    ],
)
def test_only_where_it_is_sure_a_blank_is_erased_in_colour(env: dict[str, str], sure: bool) -> None:
    assert fills(env) is sure


async def test_an_update_of_an_unknown_kind_is_left_to_textual() -> None:
    async with on_screen(jobs=many()) as (app, pilot, driver):
        board = driver.screen.cells()
        driver.take()
        app._display(app.screen, "words of somebody")
        assert "words of somebody" in driver.take()
        app.screen.refresh(layout=True)
        await whole(app, pilot, driver, board)


async def test_text_that_is_not_cells_is_left_to_textual() -> None:
    async with on_screen(jobs=many()) as (app, _pilot, driver):
        line = Strip([Segment("a\u200db", None)], 2)
        driver.take()
        app._display(app.screen, LayoutUpdate([[line]], Region(0, 0, 2, 1)))
        assert "a\u200db" in driver.take()
        board = driver.screen.cells()
        assert board[0][0].text == "a"


async def test_a_driver_that_does_not_ask_for_it_gets_textuals_own_painting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ScreenDriver, "frugal", False)
    assert await sent_for_keys(wire=True) == await textuals_own(monkeypatch)


async def test_switched_off_the_output_is_textuals_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await sent_for_keys(wire=False) == await textuals_own(monkeypatch)


async def textuals_own(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(Painting, "_display", App._display)
    return await sent_for_keys(wire=True)


async def sent_for_keys(*, wire: bool) -> str:
    async with on_screen(jobs=many(), wire=wire) as (app, pilot, driver):
        for key in ("down", "pagedown", "?", "escape"):
            await pilot.press(key)
            await settled(app, pilot)
        return driver.take()


async def test_only_a_long_update_is_bracketed_for_terminals_that_know_it() -> None:
    async with on_screen(jobs=plain_jobs()) as (app, pilot, driver):
        app._sync_available = True
        driver.take()
        await pilot.press("ctrl+l")
        await settled(app, pilot)
        sent = driver.take()
        assert sent.startswith("\x1b[?2026h")
        assert sent.endswith("\x1b[?2026l")
        app.board.intake.take([replace(app.board.view.job_at(5), vendor_status="W")], ())
        await settled(app, pilot)
        assert "2026" not in driver.take()


async def test_the_cursor_stays_hidden() -> None:
    async with on_screen(jobs=many()) as (app, pilot, driver):
        for key in ("down", "/", "a", "escape", "?", "escape", "pagedown"):
            await pilot.press(key)
            await settled(app, pilot)
        assert "\x1b[?25h" not in driver.take()
