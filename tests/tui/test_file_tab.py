"""The tab File on the board: when a file is read, what its pane shows, and how it scrolls."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from reportdash.engine import preview
from reportdash.model import Artifact, ArtifactState, Job, JobState, Verified, replace
from reportdash.tui.app import Dashboard
from reportdash.tui.screens.detail import DetailScreen
from tests.tui import rows
from tests.tui.boards import Engine, board, screen_text

SMALL = (80, 24)
Board: TypeAlias = tuple[Dashboard, Pilot[int]]


def saved_at(path: Path, id: str = "aaaaaa", name: str = "Report") -> Job:
    size = path.stat().st_size
    artifact = Artifact(ArtifactState.SAVED, str(path), size, size, "9f" * 32, Verified.LENGTH)
    return rows.job(id, "main", name, JobState.READY, 60, "complete", artifact=artifact)


async def until(pilot: Pilot[int], holds: Callable[[], Any]) -> None:
    for _ in range(500):
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError("did not come true")


@asynccontextmanager
async def opened(
    *jobs: Job, size: tuple[int, int] = (140, 40)
) -> AsyncIterator[tuple[Dashboard, Pilot[int]]]:
    engine = Engine()
    async with board(size, jobs=jobs, open_engine=engine.opener(), settled=False) as (app, pilot):
        await until(pilot, lambda: app.engine is not None)
        yield app, pilot


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "report.csv"
    path.write_text("Name,Sum\n" + "".join(f"row {n},{n}.5\n" for n in range(15)))
    return path


async def test_the_first_rows_come_when_the_tab_is_opened(csv: Path) -> None:
    async with opened(saved_at(csv)) as (app, pilot):
        assert not app.board.previews, "a tab that is shut costs no look at the disk"
        await pilot.press("shift+tab")
        assert app.board.detail.tab == "file"
        await until(pilot, lambda: "15 rows · CSV" in screen_text(app))
        assert "row 0    0.5" in screen_text(app)


async def test_the_rows_scroll_and_home_and_end_reach_both_ends(csv: Path) -> None:
    async with opened(saved_at(csv)) as (app, pilot):
        await pilot.press("shift+tab", "enter")
        await until(pilot, lambda: "row 0" in screen_text(app))
        assert "more lines" in screen_text(app) and "row 14" not in screen_text(app)
        await pilot.press("end")
        assert "row 14" in screen_text(app) and "more line" not in screen_text(app)
        await pilot.press("home")
        assert "row 0" in screen_text(app) and "row 14" not in screen_text(app)
        await pilot.press("pagedown", "k")
        assert "row 4" in screen_text(app)


async def test_on_a_small_screen_the_rows_come_as_well(csv: Path) -> None:
    async with opened(saved_at(csv), size=SMALL) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, DetailScreen)
        await pilot.press("shift+tab")
        await until(pilot, lambda: "row 9" in screen_text(app))
        await pilot.press("escape", "enter")
        await pilot.pause()
        await pilot.press("shift+tab")
        await until(pilot, lambda: "row 9" in screen_text(app))


async def test_a_file_is_read_anew_when_the_cursor_comes_back_and_it_has_changed(csv: Path) -> None:
    other = saved_at(csv, "bbbbbb", "Other")
    async with opened(saved_at(csv), replace(other, artifact=None)) as (app, pilot):
        await pilot.press("end", "shift+tab")
        await until(pilot, lambda: "15 rows" in screen_text(app))
        csv.write_text("Name,Sum\nnew,1\n")
        await pilot.press("k", "j")
        await until(pilot, lambda: "1 row ·" in screen_text(app))
        assert "The file has changed since it was saved" in screen_text(app)
        csv.unlink()
        await pilot.press("k", "j")
        await until(pilot, lambda: "The file is no longer where it was saved." in screen_text(app))


async def test_a_mute_disk_holds_no_key_up(csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, asked = threading.Event(), threading.Event()

    def stuck(path: str, known: object = None) -> preview.Preview:
        asked.set()
        goes_on.wait(30)
        return preview.Preview(None, why="The disk has answered.")

    monkeypatch.setattr(preview, "read", stuck)
    async with opened(saved_at(csv), saved_at(csv, "bbbbbb", "Other")) as (app, pilot):
        await pilot.press("shift+tab")
        await until(pilot, asked.is_set)
        await pilot.press("j")
        assert app.board.view.cursor_row == 1, "the key is answered while the disk is asked"
        goes_on.set()
        await until(pilot, lambda: "The disk has answered." in screen_text(app))


async def test_y_copies_the_rows_of_the_tab(csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    async with opened(saved_at(csv)) as (app, pilot):
        await pilot.press("shift+tab", "enter")
        await until(pilot, lambda: "row 0" in screen_text(app))
        await pilot.press("y")
        assert "  row 14  14.5" in app.clipboard.splitlines()
        assert "copied the tab File" in screen_text(app) or "sent the tab File" in screen_text(app)


async def test_of_a_group_each_parts_file_is_read(tmp_path: Path) -> None:
    group = rows.job("gggggg", "billing", "Pack", JobState.READY, 60, None, children_total=2)
    parts = []
    for n in (1, 2):
        path = tmp_path / f"part{n}.csv"
        path.write_text(f"Name,Sum\npart {n},{n}\n")
        part = saved_at(path, f"gggg{n}x", f"Part {n}")
        parts.append(replace(part, parent="gggggg", ordinal=n, account="billing", vendor="sigma"))
    async with opened(group, *parts, size=SMALL) as (app, pilot):
        await pilot.press("home", "enter")
        await pilot.pause()
        await pilot.press("shift+tab")
        await until(pilot, lambda: "part 1" in screen_text(app) and "part 2" in screen_text(app))


async def test_keys_in_the_details_mean_the_job_that_fills_the_screen(csv: Path) -> None:
    jobs = [saved_at(csv), replace(saved_at(csv, "bbbbbb", "Other"), artifact=None)]
    engine = Engine()
    async with board(SMALL, jobs=jobs, open_engine=engine.opener(), settled=False) as (app, pilot):
        await until(pilot, lambda: app.engine is not None)
        app.board.view.selection.add(["aaaaaa"])
        slot = app.board.view.records.slot_of["bbbbbb"]
        app.board.move_cursor(app.board.view.row_of(slot) or 0)
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("d")
        assert engine.downloads.started == ["bbbbbb"]
        await pilot.press("o")
        assert "nothing is saved yet" in screen_text(app), "and what is said stands where it can be read"
