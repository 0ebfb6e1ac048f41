"""The real commands on a ledger that is damaged: they start, say so, and every job is back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from reportdash.errors import Exit
from reportdash.ledger import Store, rescue, schema
from reportdash.model import Job, JobState
from reportdash.simulator import Simulator
from tests.cli.conftest import Shell, shell, sim
from tests.terminal.pty import Terminal

__all__ = ["shell", "sim"]


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 4000)


def beyond_the_first_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


def no_word_of_ours(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE jobs SET state = 'nonsense'")
        db.commit()


def gone(path: Path) -> None:
    path.unlink()


HARMS = [garbage, beyond_the_first_page, no_word_of_ours, gone]


async def known(shell: Shell, sim: Simulator) -> set[str]:
    """One job in the backup, one in the log, one that only the vendor's list knows; of the first two, ids."""
    ids = []
    path = shell.data / "ledger.db"
    for n, account in enumerate(("main", "admissions")):
        ran = await shell("submit", account, ("EntityBalanceReport", "86446")[n])
        assert ran.code == 0, ran.err
        ids += ran.lines
        rescue.back_up(path, 0.0)
    sim.add("talkdesk", "calls/only-there", "calls", stage="ready")
    return set(ids)


@pytest.mark.parametrize("harm", HARMS)
async def test_a_watch_starts_says_so_and_has_every_job(
    shell: Shell, sim: Simulator, harm: Callable[[Path], None]
) -> None:
    sim.script("7g", None, ["complete"])
    sim.script("webadmit", None, ["Available"])
    ids = await known(shell, sim)
    harm(shell.data / "ledger.db")
    table = await shell("jobs")
    assert table.code == Exit.USAGE
    assert "sets it aside and brings its jobs back" in " ".join(table.err.split())
    assert table.out == ""
    watch = await shell.start("watch", "--until", "never", "--json")
    try:
        async with asyncio.timeout(120):
            rows: list[Job] = []
            while len(rows) < 3 or any(row.state is not JobState.READY for row in rows):
                await asyncio.sleep(0.05)
                try:
                    with Store.open(shell.data / "ledger.db", readonly=True) as store:
                        rows = store.jobs()
                except Exception:  # not replaced yet
                    rows = []
    finally:
        watch.terminate()
        _, err = await watch.communicate()
    assert watch.returncode == Exit.INTERRUPTED
    told = " ".join(err.decode().split())
    assert f"the ledger was {'gone' if harm is gone else 'damaged'}: 2 jobs are back" in told
    assert ids < {row.id for row in rows}
    assert "calls/only-there" in {row.reference for row in rows}
    assert bool(list(shell.data.glob("ledger.db.damaged-*Z"))) is (harm is not gone)
    assert not [request for request in sim.requests if request.method == "DELETE"]
    assert len(sim.calls("7g", "POST", "/Report")) == 1


@pytest.mark.parametrize("harm", [beyond_the_first_page, no_word_of_ours])
async def test_the_dashboard_starts_on_it_and_says_so(
    shell: Shell, sim: Simulator, harm: Callable[[Path], None]
) -> None:
    await known(shell, sim)
    harm(shell.data / "ledger.db")

    def look() -> None:
        with Terminal(
            [], env={**shell.environment(), "NO_COLOR": ""}, cwd=shell.folder, warm=True
        ) as terminal:
            terminal.until(lambda text: "the ledger was" in text and "2 jobs are back" in text)
            terminal.until(lambda text: "3 of 3 jobs" in text)
            terminal.send("q")
            assert terminal.finish() == 0

    await asyncio.to_thread(look)


async def test_the_dashboard_refuses_a_newer_ledger_with_a_sentence_and_exit_2(
    shell: Shell, sim: Simulator
) -> None:
    await known(shell, sim)
    path = shell.data / "ledger.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        db.commit()
    before = path.read_bytes()

    def look() -> None:
        with Terminal(
            [], env={**shell.environment(), "NO_COLOR": ""}, cwd=shell.folder, warm=True
        ) as terminal:
            assert terminal.finish() == Exit.USAGE
            assert "newer reportdash" in " ".join(terminal.text.split())
            assert terminal.modes_left_on() == []

    await asyncio.to_thread(look)
    assert path.read_bytes() == before
