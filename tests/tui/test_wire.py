"""Frugal painting of the real board: the terminal shows what Textual's own painting shows, for far fewer bytes."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual import events
from textual.geometry import Size

from reportdash.model import Job, JobState, replace
from reportdash.tui import theme
from reportdash.tui.app import Dashboard
from tests.tui import rows
from tests.tui.screens import Cell, ScreenDriver, on_screen, settled

MANY = 120
SPELLED = {" ": "space", ":": "colon"}
NAMES = ("Distribution", "Entity balance", "月次報告 2026", "Re\u0301sume\u0301", "Applicants, Fall 2027", "x")
STATES = (JobState.RUNNING, JobState.QUEUED, JobState.READY, JobState.FAILED, JobState.FINALIZING)


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


async def changed(app: Dashboard, seed: int) -> None:
    """Some rows of the ledger changed."""
    chance = random.Random(seed)
    records = app.board.view.records
    jobs = [job for slot in list(records.slot_of.values()) if (job := records.jobs[slot]) is not None]
    some = chance.sample(jobs, min(len(jobs), chance.randint(1, 6)))
    app.board.take(
        [
            replace(job, vendor_status=chance.choice(("busy", "pending", "漢字")), message=f"step {seed}")
            for job in some
        ],
        (),
    )


async def resized(app: Dashboard, driver: ScreenDriver, width: int, height: int) -> None:
    driver.screen.resize(width, height)
    driver._size = (width, height)
    size = Size(width, height)
    app.post_message(events.Resize(size, size))
    # Textual lays out a little later, by a timer.
    for _ in range(200):
        await asyncio.sleep(0.005)
        if app.screen.size == size:
            break


Step = tuple[Any, ...]

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("key"),
            st.sampled_from(
                "down down down up pagedown pageup home end space s v / escape enter tab ? ctrl+p a t ctrl+l".split()
            ),
        ),
        st.tuples(st.just("typed"), st.sampled_from(("dist", "account:main ", "state:r", "zzz"))),
        st.tuples(st.just("data"), st.integers(0, 99)),
        st.tuples(st.just("theme"), st.sampled_from(theme.names())),
        st.tuples(st.just("size"), st.sampled_from(((140, 40), (80, 24), (100, 30), (200, 12)))),
    ),
    min_size=1,
    max_size=10,
)


async def played(steps: Sequence[Step], *, wire: bool, **how: Any) -> list[list[list[Cell]]]:
    """What the terminal shows at the start and after each step."""
    seen = []
    async with on_screen(wire=wire, jobs=many(), **how) as (app, pilot, driver):
        seen.append(driver.screen.cells())
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
                await resized(app, driver, *step[1])
            await settled(app, pilot)
            seen.append(driver.screen.cells())
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
    monkeypatch.setattr("reportdash.tui.screens.board.HOLD", -1.0)


@settings(max_examples=int(os.environ.get('EX','6')), deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_the_terminal_shows_the_same_with_and_without_it(steps: list[Step]) -> None:
    frugal = asyncio.run(played(steps, wire=True))
    plain = asyncio.run(played(steps, wire=False))
    for n, (one, other) in enumerate(zip(frugal, plain, strict=True)):
        assert one == other, f"after {steps[:n]}\n{told(one, other)}"
