"""A watch without a screen, and dashboards on the same ledger whose lines drop or whose processes are killed.

Real processes, a real terminal, the simulator over loopback.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from reportdash.ledger import Store
from reportdash.simulator import Simulator
from tests.cli.conftest import Shell, secrets, toml
from tests.terminal.pty import Terminal

PATIENCE = 120.0


@pytest_asyncio.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(seed=7) as simulator:
        yield simulator


@pytest.fixture
def shell(sim: Simulator, tmp_path: Path) -> Shell:
    """One account whose jobs are looked at often, so that whoever polls is seen at once."""
    accounts = {name: known for name, known in sim.accounts().items() if name == "main"}
    made = Shell(tmp_path, secrets(accounts))
    made.write(toml(accounts))
    return made


async def until(holds: Callable[[], Any]) -> Any:
    async with asyncio.timeout(PATIENCE):
        while not (value := holds()):
            await asyncio.sleep(0.02)
    return value


class Watch:
    """`watch --until never --download --json`, and what it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.rows: list[dict[str, Any]] = []
        self.err = ""

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.rows.append(json.loads(line))

    async def errors(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.err += line.decode()

    def saved(self, job_id: str) -> bool:
        return any(
            row["id"] == job_id and row["artifact"] and row["artifact"]["state"] == "saved"
            for row in self.rows
        )


@asynccontextmanager
async def watching(shell: Shell, *, nohup: bool = False) -> AsyncIterator[Watch]:
    """A watch; `nohup`: started to outlive a hang-up."""
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    try:
        watch = Watch(await shell.start("watch", "--until", "never", "--download", "--json"))
    finally:
        signal.signal(signal.SIGHUP, old)
    readers = [asyncio.ensure_future(watch.read()), asyncio.ensure_future(watch.errors())]
    try:
        yield watch
        assert watch.process.returncode is None
        watch.process.terminate()
        assert await asyncio.wait_for(watch.process.wait(), PATIENCE) == 130
    finally:
        if watch.process.returncode is None:
            watch.process.kill()
        await watch.process.wait()
        await asyncio.gather(*readers)


@asynccontextmanager
async def dashboard(shell: Shell) -> AsyncIterator[Terminal]:
    env = {**shell.environment(), "NO_COLOR": ""}
    with Terminal([], env=env, cwd=shell.folder, warm=True) as terminal:
        yield terminal


async def shows(terminal: Terminal, words: str) -> None:
    await asyncio.to_thread(terminal.until, words)


def owner(shell: Shell) -> int | None:
    """The process that polls."""
    with Store.open(shell.data / "ledger.db", readonly=True) as store:
        found = store.accounts()[0].owner
    return int(found.rsplit(":", 3)[1]) if found else None


async def submitted(shell: Shell, sim: Simulator, *steps: str) -> str:
    sim.script("7g", None, list(steps))
    ran = await shell("submit", "main", "EntityBalanceReport")
    assert ran.code == 0, ran.err
    return ran.lines[0]


def reference(shell: Shell, job_id: str) -> str:
    with Store.open(shell.data / "ledger.db", readonly=True) as store:
        job = store.job(job_id)
    assert job is not None
    assert job.reference is not None
    return job.reference


def step(sim: Simulator, shell: Shell, job_id: str) -> bool:
    """Another word of the vendor's at each call."""
    words = ["incomplete"] if len(sim.requests) % 2 else ["pending"]
    sim.script("7g", reference(shell, job_id), words)
    return True


def finish(sim: Simulator, shell: Shell, job_id: str) -> None:
    sim.script("7g", reference(shell, job_id), ["complete"])


async def test_a_dropped_line_changes_nothing_for_a_watch_that_polls_and_saves(
    shell: Shell, sim: Simulator
) -> None:
    job_id = await submitted(shell, sim, "incomplete")
    async with watching(shell) as watch:
        await until(lambda: owner(shell) == watch.process.pid)
        async with dashboard(shell) as terminal:
            await shows(terminal, "viewing")
            await shows(terminal, "EntityBalanceReport")
            terminal.hang_up()
            await asyncio.to_thread(terminal.process.wait, PATIENCE)
        assert owner(shell) == watch.process.pid
        finish(sim, shell, job_id)
        await until(lambda: watch.saved(job_id))
        assert owner(shell) == watch.process.pid
    assert owner(shell) is None
    with Store.open(shell.data / "ledger.db", readonly=True) as store:
        job = store.job(job_id)
    assert job is not None and job.artifact is not None and job.artifact.path is not None
    assert Path(job.artifact.path).stat().st_size == job.artifact.bytes


@pytest.mark.parametrize("how", ["line", "kill"])
async def test_a_watch_takes_over_from_a_dashboard_that_dies(shell: Shell, sim: Simulator, how: str) -> None:
    job_id = await submitted(shell, sim, "pending")
    async with dashboard(shell) as terminal:
        await shows(terminal, "live")
        assert owner(shell) == terminal.process.pid
        async with watching(shell) as watch:
            await until(lambda: step(sim, shell, job_id) and watch.rows)  # it follows what the other one sees
            assert owner(shell) == terminal.process.pid
            asked = len(sim.requests)
            if how == "line":
                terminal.hang_up()
            else:
                terminal.signal(signal.SIGKILL)
            await asyncio.to_thread(terminal.process.wait, PATIENCE)
            await until(lambda: owner(shell) == watch.process.pid)
            await until(lambda: len(sim.requests) > asked)
            finish(sim, shell, job_id)
            await until(lambda: watch.saved(job_id))
    assert len(sim.calls("7g", "POST", "/Report")) == 1


async def test_a_dashboard_takes_over_from_a_killed_watch_and_shows_it(shell: Shell, sim: Simulator) -> None:
    await submitted(shell, sim, "incomplete")
    watch = await shell.start("watch", "--until", "never", "--download")
    try:
        await until(lambda: owner(shell) == watch.pid)
        async with dashboard(shell) as terminal:
            await shows(terminal, "viewing")
            watch.kill()
            await shows(terminal, "live")
            assert owner(shell) == terminal.process.pid
    finally:
        if watch.returncode is None:
            watch.kill()
        await watch.communicate()


async def test_a_watch_told_to_outlive_a_hang_up_does(shell: Shell, sim: Simulator) -> None:
    job_id = await submitted(shell, sim, "incomplete")
    async with watching(shell, nohup=True) as watch:
        await until(lambda: owner(shell) == watch.process.pid)
        watch.process.send_signal(signal.SIGHUP)
        finish(sim, shell, job_id)
        await until(lambda: watch.saved(job_id) or watch.process.returncode is not None)


async def test_without_that_a_hang_up_ends_it_in_order(shell: Shell, sim: Simulator) -> None:
    await submitted(shell, sim, "incomplete")
    watch = await shell.start("watch", "--until", "never")
    await until(lambda: owner(shell) == watch.pid)
    watch.send_signal(signal.SIGHUP)
    await watch.communicate()
    assert watch.returncode == 130
    assert owner(shell) is None


async def test_a_ledger_damaged_under_a_watch_and_a_dashboard_is_replaced_and_both_go_on(
    shell: Shell, sim: Simulator
) -> None:
    job_id = await submitted(shell, sim, "incomplete")
    path = shell.data / "ledger.db"
    async with watching(shell) as watch:
        await until(lambda: owner(shell) == watch.process.pid)
        async with dashboard(shell) as terminal:
            await shows(terminal, "viewing")
            with path.open("r+b") as file:
                file.write(b"\xa5" * path.stat().st_size)
            await until(lambda: list(shell.data.glob("*.damaged-*")))
            await until(lambda: owner_or_none(shell))
            finish(sim, shell, job_id)
            await until(lambda: watch.saved(job_id))
            await shows(terminal, "EntityBalanceReport")
            await until(lambda: "ledger" in watch.err)
            terminal.send("q")
            await asyncio.to_thread(terminal.finish)
    assert len(list(shell.data.glob("ledger.db.damaged-*Z"))) == 1, "one of them set it aside"
    assert [row["id"] for row in (await shell("jobs", "--json")).rows] == [job_id]
    assert not sim.calls("7g", "DELETE", "*")
    assert len(sim.calls("7g", "POST", "/Report")) == 1


def owner_or_none(shell: Shell) -> int | None:
    try:
        return owner(shell)
    except Exception:  # it is being replaced just now
        return None
