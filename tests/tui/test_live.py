"""The board follows the ledger: what changes there stands on the screen, and only that is painted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual import events

from reportdash.clock import ManualClock, SystemClock
from reportdash.errors import Problem, UsageProblem
from reportdash.ledger import Ledger
from reportdash.ledger.problems import DamagedLedger, DiskFull, ReplacedLedger
from reportdash.model import Artifact, ArtifactState, Health, JobState, LastError, replace
from reportdash.tui import collector, intake, live
from reportdash.tui.app import Dashboard
from reportdash.tui.widgets.lines import Lines
from tests.tui import rows
from tests.tui.boards import Engine, board, screen_text


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db", clock=SystemClock())
    await opened.ensure_accounts(rows.VENDORS)
    yield opened
    await opened.close()


async def until(app: Dashboard, words: str) -> None:
    """Wait for words on the screen; the test's own time limit ends it."""
    async with asyncio.timeout(120):
        while words not in screen_text(app):
            await asyncio.sleep(0.02)


async def test_what_changes_in_the_ledger_stands_on_the_screen(ledger: Ledger) -> None:
    engine = Engine(ledger)
    async with board(jobs=[], accounts=[], open_engine=engine.opener()) as (app, _pilot):
        await until(app, "No jobs yet.")
        await ledger.add(rows.job("aaaaaa", "main", "TransactionSummary", JobState.RUNNING, 60, "incomplete"))
        await until(app, "TransactionSummary")
        await ledger.change("aaaaaa", lambda job: replace(job, state=JobState.FAILED, message="No product"))
        await until(app, "✗ 1 failed")
        await ledger.change_account(
            "main", lambda row: replace(row, health=Health.UNREACHABLE, since=rows.NOW)
        )
        await until(app, "▲ main 7G · unreachable since 14:31")
        await ledger.forget("aaaaaa")
        await until(app, "No jobs yet.")


async def test_history_exchanges_and_the_last_error_appear_once_the_cursor_rests(ledger: Ledger) -> None:
    engine = Engine(ledger)
    job = rows.job("aaaaaa", "billing", "CashPosition", JobState.RUNNING, 600, "GENERATED", attempts=2)
    await ledger.add(job)
    await ledger.change(
        "aaaaaa",
        lambda found: replace(found, health=Health.BAD_PAYLOAD),
        what="looked",
        error=LastError(rows.NOW - 60, "bad_payload", "not JSON: <html>", 200),
        exchanges=rows.exchanges("aaaaaa")[:2],
    )
    async with board(jobs=[], accounts=[], open_engine=engine.opener()) as (app, _pilot):
        await until(app, "Exchanges 2")
        text = screen_text(app)
        assert "not JSON: <html>" in text
        assert "The check failed, not the job: it stays running." in text
        assert "History" in text


async def test_the_details_of_a_row_are_read_when_a_filter_or_a_change_puts_the_cursor_on_it(
    ledger: Ledger,
) -> None:
    engine = Engine(ledger)
    for id, name in (("aaaaaa", "Alpha"), ("bbbbbb", "Beta"), ("cccccc", "Gamma")):
        await ledger.add(rows.job(id, "main", name, JobState.RUNNING, 60))
    async with board(jobs=[], accounts=[], open_engine=engine.opener()) as (app, pilot):
        await until(app, "History 1")
        before = app.board.view.cursor_job
        assert before is not None
        left = next(name for name in ("Alpha", "Beta", "Gamma") if name != before.name)
        await pilot.press("slash", *left, "enter")
        await until(app, f"● {left}")
        await until(app, "History 1")
        await pilot.press("escape")
        job = app.board.view.cursor_job
        assert job is not None and job.name == left
        await ledger.forget(job.id)
        async with asyncio.timeout(120):
            while (now := app.board.view.cursor_job) is None or now.id == job.id:
                await asyncio.sleep(0.01)
        await until(app, "History 1")


async def test_rows_that_one_key_reaches_are_read_before_it_comes(ledger: Ledger) -> None:
    engine = Engine(ledger)
    jobs = [rows.job(f"j{n:05}", "main", f"Report {n}", JobState.RUNNING, 60 + n) for n in range(40)]
    await asyncio.gather(*(ledger.add(job) for job in jobs))
    async with board(jobs=[], accounts=[], open_engine=engine.opener()) as (app, pilot):
        known, view = app.board.known, app.board.view
        await until(app, "History 1")
        page = app.board.table.page
        async with asyncio.timeout(120):
            while not {view.job_at(row).id for row in (0, 1, page)} <= known.keys():
                await asyncio.sleep(0.01)
        assert len(known) == 3, "and no others"
        shown = []
        for key in ("down", "home", "pagedown"):
            await pilot.press(key)
            shown.append(app.board.detail.line(0).text.split()[-2:])
        assert shown == [["History", "1"]] * 3


async def test_very_many_changes_at_once_all_arrive(ledger: Ledger) -> None:
    engine = Engine(ledger)
    async with board(jobs=[], accounts=[], open_engine=engine.opener()) as (app, _pilot):
        await until(app, "No jobs yet.")
        jobs = [rows.job(f"j{n:05}", "main", f"Report {n}", JobState.RUNNING, 60 + n) for n in range(170)]
        await asyncio.gather(*(ledger.add(job) for job in jobs))
        await until(app, "170 of 170 jobs")
        assert len(app.board.view.rows) == 170


async def test_rows_do_not_move_under_a_key_and_move_when_it_is_quiet() -> None:
    async with board() as (app, pilot):
        await pilot.press("j")
        job = app.board.view.records.job(app.board.view.records.slot_of["y5t1ja"])
        before = [app.board.view.job_at(n).id for n in range(22)]
        app.board.intake.take([replace(job, state=JobState.FAILED)], ())
        assert [app.board.view.job_at(n).id for n in range(22)] == before
        assert "✗ 3 failed" in screen_text(app), "the header does not wait"
        app.board.pressed -= 10
        app.board.intake.settle()
        assert app.board.view.job_at(0).id == "y5t1ja"


async def test_the_cursor_keeps_its_line_when_rows_come_in_above_it() -> None:
    async with board((80, 24)) as (app, pilot):
        await pilot.press("end")
        app.board.pressed -= 10
        line = app.board.table.cursor_line
        new = [rows.job(f"new{n:03}", "main", f"Fresh {n}", JobState.FAILED, 5 + n) for n in range(4)]
        app.board.intake.take(new, ())
        assert app.board.table.cursor_line == line
        job = app.board.view.cursor_job
        assert job is not None and job.id == "x4e8qa"


class Painted:
    """Which lines were asked to be painted again."""

    def __init__(self, app: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[tuple[str, int]] = []
        refresh = Lines.refresh

        def noted(widget: Lines, *regions: object, **how: object) -> object:
            self.lines += [(widget.id or "", region.y) for region in regions]  # type: ignore[attr-defined]
            return refresh(widget, *regions, **how)  # type: ignore[arg-type]

        monkeypatch.setattr(Lines, "refresh", noted)


async def test_an_unchanged_look_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with board() as (app, _pilot):
        painted = Painted(app, monkeypatch)
        job = app.board.view.records.job(app.board.view.records.slot_of["y5t1ja"])
        app.board.intake.take(
            [replace(job, rev=99, checks=99, seen_at=rows.NOW, next_poll_at=rows.NOW + 9)], ()
        )
        assert painted.lines == []


async def test_a_changed_word_paints_its_line_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with board() as (app, _pilot):
        painted = Painted(app, monkeypatch)
        row = app.board.view.row_of(app.board.view.records.slot_of["y5t1ja"])
        assert row is not None
        app.board.intake.take([replace(app.board.view.job_at(row), vendor_status="processing")], ())
        assert painted.lines == [("table", row + 1)]


async def test_a_change_below_the_edge_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with board((80, 24)) as (app, _pilot):
        painted = Painted(app, monkeypatch)
        job = app.board.view.records.job(app.board.view.records.slot_of["x4e8qa"])
        app.board.intake.take([replace(job, name="Another name")], ())
        assert painted.lines == []


async def test_a_cursor_step_paints_two_rows_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    async with board((80, 24)) as (app, pilot):
        painted = Painted(app, monkeypatch)
        await pilot.press("j")
        assert [line for line in painted.lines if line[0] == "table"] == [("table", 1), ("table", 2)]


async def test_a_minute_paints_only_the_lines_whose_words_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with board() as (app, _pilot):
        painted = Painted(app, monkeypatch)
        assert isinstance(app.board.now, float)
        app.clock._now = rows.NOW + 60  # type: ignore[attr-defined]
        app.board.intake.tick()
        table = {y for widget, y in painted.lines if widget == "table"}
        changed = {
            (app.board.view.row_of(app.board.view.records.slot_of[name]) or 0) + 1
            for name in (
                "p07xwa",
                "m4q2ca",
                "w2d6ra",
                "c9j4ea",
                "b81zna",
                "d3k7aa",
                "r8s2ma",
                "y5t1ja",
                "q0v9fa",
            )
        }
        assert changed <= table
        still = {
            (app.board.view.row_of(app.board.view.records.slot_of[name]) or 0) + 1
            for name in ("k3f9ta", "z7c4ga")
        }
        assert not still & table


async def test_a_wrong_config_is_said_on_the_board_and_the_rows_stay() -> None:
    class Wrong:
        async def __aenter__(self) -> None:
            raise UsageProblem("config.toml, line 3: there is no key vndor; did you mean vendor")

        async def __aexit__(self, *exc: object) -> None:
            return None

    async with board(open_engine=Wrong, settled=False) as (app, _pilot):
        await until(app, "config.toml, line 3")
        text = screen_text(app)
        assert "not polling" in text and "AccountTransaction" in text


@pytest.mark.parametrize("fault", [None, Problem("the ledger is locked")])
async def test_a_day_of_looks_for_a_config_or_a_free_ledger_leaves_nothing_more_out_of_collections(
    monkeypatch: pytest.MonkeyPatch, fault: Problem | None
) -> None:
    begun: list[None] = []
    looked = asyncio.Semaphore(0)
    monkeypatch.setattr(collector, "start", lambda: begun.append(None))

    class Never:
        async def __aenter__(self) -> None:
            looked.release()
            if fault is not None:
                raise fault

        async def __aexit__(self, *exc: object) -> None:
            return None

    clock = ManualClock(rows.NOW)
    async with board(jobs=[], accounts=[], open_engine=Never, settled=False, clock=clock):
        for _ in range(4):
            async with asyncio.timeout(120):
                await looked.acquire()
            await clock.advance(max(live.CONFIG, live.OPEN_AGAIN))
        assert not begun, "it had begun already"


async def test_the_first_run_page_changes_by_itself_when_accounts_are_there(ledger: Ledger) -> None:
    engine = Engine(ledger)
    ready = asyncio.Event()

    class Later:
        async def __aenter__(self) -> Engine | None:
            return engine if ready.is_set() else None

        async def __aexit__(self, *exc: object) -> None:
            return None

    clock = ManualClock(rows.NOW)
    async with board((100, 30), jobs=[], accounts=[], open_engine=Later, settled=False, clock=clock) as (
        app,
        _pilot,
    ):
        await until(app, "No account yet")
        assert "reportdash config init" in screen_text(app)
        ready.set()
        await clock.advance(2.0)
        await until(app, "No jobs yet.")


async def test_something_ready_rings_and_names_itself_in_the_title() -> None:
    engine = Engine()
    async with board(open_engine=engine.opener()) as (app, pilot):
        await pilot.pause(0.05)
        written: list[str] = []
        app.attention._write = written.append
        job = app.board.view.records.job(app.board.view.records.slot_of["y5t1ja"])

        class Changes:
            rev = 9
            jobs = (replace(job, state=JobState.READY),)
            accounts = ()

        await app.live.take(Changes())  # type: ignore[arg-type]
        assert written == ["\x07", "\x1b]2;reportdash: 2 failed, 3 to look at, 4 to save\x07"]
        written.clear()
        await app.live.take(Changes())  # type: ignore[arg-type]
        assert written == [], "only what has just become ready rings"


async def test_a_result_no_vendor_hands_out_asks_for_nothing_once_that_is_known() -> None:
    engine = Engine()
    engine.accounts["main"].vendor.can = lambda action, job=None: False
    async with board(open_engine=engine.opener(), settled=False) as (app, _pilot):
        await until(app, "live")
        app.board.pressed -= 10
        app.board.intake.settle()
        slot = app.board.view.records.slot_of["c9j4ea"]
        assert app.board.view.records.face(slot).weight == 2
        assert "to save" in screen_text(app), "other accounts still have some"


async def test_a_full_disk_stands_in_the_header_with_its_sentence() -> None:
    engine = Engine()
    async with board(open_engine=engine.opener()) as (app, _pilot):
        await until(app, "live")
        engine.downloads.notice = "disk full: no room for 42 MB in /srv/reports"
        app.live._mode(engine)  # type: ignore[arg-type]
        text = screen_text(app)
        assert "disk full: no room" in text and text.splitlines()[0].endswith("disk full")


async def test_a_large_ledger_is_taken_in_after_the_first_rows(ledger: Ledger) -> None:
    many = [
        rows.job(f"a{n:05}", "main", f"Report {n}", JobState.RUNNING, 60 + n, "incomplete")
        for n in range(2500)
    ]
    await ledger.add_many([replace(job, reference=f"r{job.id}") for job in many])
    engine = Engine(ledger)
    first = many[:50]
    async with board(jobs=first, accounts=[], open_engine=engine.opener(), settled=False) as (app, pilot):
        app.live.rev = 0
        await until(app, "2500 of 2500 jobs")
        await pilot.press("end")
        assert app.board.view.cursor_row == 2499


async def test_a_saved_job_becomes_quiet() -> None:
    async with board() as (app, _pilot):
        app.board.pressed -= 10
        job = app.board.view.records.job(app.board.view.records.slot_of["c9j4ea"])
        kept = Artifact(ArtifactState.SAVED, path="/srv/x", bytes=2_000_000, total=2_000_000)
        app.board.intake.take([replace(job, artifact=kept)], ())
        text = screen_text(app)
        assert "✓ 1 to save, one expires in 38m" in text


async def test_a_fault_in_a_task_ends_with_code_70(capsys: pytest.CaptureFixture[str]) -> None:
    async with board() as (app, pilot):

        async def broken() -> None:
            password = "hunter2"  # noqa: F841
            raise RuntimeError("secret hunter2")

        app.live._spawn(broken())
        await pilot.pause(0.1)
    assert app.return_value == 70
    assert isinstance(app.life.fault, RuntimeError)
    assert capsys.readouterr().err == "", "whoever runs it tells of it"


async def test_a_fault_in_a_key_ends_with_code_70(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(key: str, character: str | None, *, noticed: bool) -> None:
        password = "hunter2"  # noqa: F841
        raise ValueError("secret hunter2")

    with pytest.raises(ValueError, match="secret"):  # noqa: PT012 - the fault comes out of the whole run
        async with board() as (app, pilot):
            monkeypatch.setattr(app.commands, "key", broken)
            await pilot.press("j")
    assert app.return_code == 70
    assert isinstance(app.life.fault, ValueError)
    assert capsys.readouterr().err == ""


async def test_a_report_not_saved_whose_time_runs_out_is_told_once(ledger: Ledger) -> None:
    engine = Engine(ledger)
    soon = rows.job("aaaaaa", "main", "TransactionSummary", JobState.RUNNING, 3600, "incomplete")
    await ledger.add(replace(soon, expires_at=rows.NOW + 1800))
    async with board(jobs=[], accounts=[], open_engine=engine.opener()) as (app, pilot):
        await until(app, "TransactionSummary")
        assert "not saved and expires" not in screen_text(app)
        await ledger.change("aaaaaa", lambda job: replace(job, state=JobState.READY))
        await until(app, "TransactionSummary is not saved and expires in 30m: d saves it")
        await pilot.press("j")
        await ledger.change("aaaaaa", lambda job: replace(job, message="Looked at again"))
        await until(app, "Looked at again")
        assert "not saved and expires" not in screen_text(app)


async def test_several_reports_about_to_expire_share_one_notice(ledger: Ledger) -> None:
    engine = Engine(ledger)
    for number, name in enumerate(("aaaaaa", "bbbbbb", "cccccc"), 1):
        job = rows.job(name, "main", f"Report {number}", JobState.READY, 3600, "complete")
        await ledger.add(replace(job, reference=f"r{number}", expires_at=rows.NOW + 600 * number))
    async with board(jobs=[], accounts=[], open_engine=engine.opener()) as (app, _pilot):
        await until(app, "3 reports are not saved and expire soon, the first in 10m")


async def test_a_key_that_comes_while_changes_are_taken_in_is_answered_before_the_next_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "STRETCH", 0.0)
    many = [rows.job(f"j{n:05}", "main", f"Report {n}", JobState.RUNNING, 60 + n) for n in range(200)]
    async with board(jobs=many) as (app, pilot):
        await pilot.pause()
        view, seen = app.board.view, list[int | None]()
        apply = view.apply

        def noted(*args: Any, **how: Any) -> Any:
            if len(seen) == 3:
                app.post_message(events.Key("down", None))
            seen.append(view.cursor_row)
            return apply(*args, **how)

        monkeypatch.setattr(view, "apply", noted)
        await app.board.intake.take_many([replace(job, vendor_status="step 2") for job in many], ())
        assert len(seen) == 200 // intake.PORTION
        assert (seen[3], seen[4]) == (0, 1)
        assert "step 2" in screen_text(app)


async def test_a_full_disk_of_the_ledger_is_a_banner_until_there_is_room(ledger: Ledger) -> None:
    engine = Engine(ledger)
    async with board((80, 24), open_engine=engine.opener()) as (app, pilot):
        await until(app, "live")
        ledger._room("the disk is full: the ledger took no change")
        await until(app, "the disk is full: read-only until there is room")
        await pilot.press("down")
        assert screen_text(app).splitlines()[0].endswith("disk full"), "the word stays"
        ledger._room(None)
        await until(app, "there is room on the disk again")
        assert screen_text(app).splitlines()[0].endswith("live")


async def test_a_ledger_that_does_not_answer_is_a_banner_until_it_does(ledger: Ledger) -> None:
    engine = Engine(ledger)
    async with board((80, 24), open_engine=engine.opener()) as (app, pilot):
        await until(app, "live")
        ledger._muted(True)
        await until(app, "the ledger does not answer: its disk hangs")
        await pilot.press("down")
        assert screen_text(app).splitlines()[0].endswith("ledger hangs"), "the word stays"
        ledger._muted(False)
        await until(app, "the ledger answers again")
        assert screen_text(app).splitlines()[0].endswith("live")


async def test_a_disk_of_the_reports_that_does_not_answer_is_a_banner_while_downloads_run(
    ledger: Ledger,
) -> None:
    engine = Engine(ledger)
    async with board((80, 24), open_engine=engine.opener()) as (app, _pilot):
        await until(app, "live")
        assert app.engine is not None
        engine.downloads.hangs = "/srv/reports does not answer: its disk hangs"
        app.live._mode(app.engine)
        await until(app, "/srv/reports does not answer: its disk hangs")
        assert screen_text(app).splitlines()[0].endswith("disk hangs")
        engine.downloads.hangs = None
        app.live._mode(app.engine)
        await until(app, "live")


async def test_a_ledger_that_does_not_open_is_said_and_not_taken_for_an_empty_one(ledger: Ledger) -> None:
    gate = asyncio.Event()
    engine = Engine(ledger)

    class Late:
        async def __aenter__(self) -> Engine:
            await gate.wait()
            return engine

        async def __aexit__(self, *exc: object) -> None:
            return None

    async with board(jobs=[], accounts=[], open_engine=Late, settled=False) as (app, _pilot):
        app.live.hangs()
        await until(app, "The table comes as soon as it can")
        text = screen_text(app)
        assert "not read yet" in text.splitlines()[0]
        assert "the ledger does not answer: its disk hangs, or another process holds it" in text
        assert "No jobs yet" not in text and "0 of 0" not in text
        gate.set()
        await until(app, "the ledger answers again")
        await until(app, "No jobs yet")
        assert screen_text(app).splitlines()[0].endswith("live")


async def test_a_ledger_without_room_at_the_start_is_opened_when_there_is(ledger: Ledger) -> None:
    engine = Engine(ledger)
    tries = []

    class Full:
        async def __aenter__(self) -> Engine:
            tries.append(1)
            if len(tries) < 3:
                raise DiskFull("the disk is full: the ledger took no change")
            return engine

        async def __aexit__(self, *exc: object) -> None:
            return None

    clock = ManualClock(rows.NOW)
    async with board(open_engine=Full, settled=False, clock=clock) as (app, _pilot):
        await until(app, "not polling")
        text = screen_text(app)
        assert "the disk is full" in text and "AccountTransaction" in text
        async with asyncio.timeout(120):
            while "live" not in screen_text(app):
                await clock.advance(1.0)
                await asyncio.sleep(0.01)
        assert len(tries) == 3


@pytest.mark.parametrize("found", [DamagedLedger("it is malformed"), ReplacedLedger("it was replaced")])
async def test_a_ledger_found_damaged_is_opened_anew_and_the_board_shows_what_is_in_it(
    ledger: Ledger, tmp_path: Path, found: DamagedLedger
) -> None:
    fresh = await Ledger.open(tmp_path / "fresh.db", clock=SystemClock())
    await fresh.ensure_accounts(rows.VENDORS)
    await fresh.add(rows.job("aaaaaa", "main", "Kept", JobState.READY, 60, "complete"))
    await fresh.add(rows.job("cccccc", "main", "Back", JobState.RUNNING, 60, "incomplete"))
    for name in ("aaaaaa", "bbbbbb"):
        await ledger.add(rows.job(name, "main", "Kept" if name[0] == "a" else "Lost", JobState.RUNNING, 60))
    ledgers = [ledger, fresh]
    opened: list[Engine] = []

    class Opener:
        async def __aenter__(self) -> Engine:
            opened.append(Engine(ledgers[len(opened)]))
            return opened[-1]

        async def __aexit__(self, *exc: object) -> None:
            opened[-1].asked.append(("closed", None))

    async with board(jobs=[], accounts=[], open_engine=Opener) as (app, _pilot):
        await until(app, "Lost")
        ledger._damaged(found)
        await until(app, "Back")
        text = screen_text(app)
        assert "Lost" not in text and "Kept" in text
        assert "opened anew" in text
        assert opened[0].asked == [("closed", None)]
        engine: object = app.engine
        assert engine is opened[1]
        await fresh.change("cccccc", lambda job: replace(job, state=JobState.FAILED))
        await until(app, "✗ 1 failed")
    await fresh.close()
