"""Several real processes on one ledger: leases, learning of changes, sudden death."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportdash.clock import SystemClock
from reportdash.errors import LeaseLost, Problem
from reportdash.ledger import Ledger, Store
from reportdash.model import Job, JobState, replace
from tests.ledger.conftest import put

ROUNDS = int(os.environ.get("REPORTDASH_TEST_KILLS", "6"))
"""How often the kill tests kill; large by hand."""

POLLER = """
import asyncio, sys
from pathlib import Path
from reportdash.clock import SystemClock
from reportdash.errors import LeaseLost
from reportdash.ledger import Ledger
from reportdash.model import replace

async def main():
    ledger = await Ledger.open(Path(sys.argv[1]), clock=SystemClock())
    job_id = sys.argv[2]
    while True:
        fence = await ledger.take_lease("main", 0.6)
        if fence is None:
            await asyncio.sleep(0.02)
            continue
        try:
            while True:
                await ledger.renew(fence, 0.6)
                # The job's note says under which epoch it was written; the file who wrote what, when.
                done = await ledger.change(
                    job_id,
                    lambda job: replace(job, note=str(fence.epoch), checks=job.checks + 1),
                    fence=fence, what=f"{fence.epoch}", durable=True,
                )
                print(done.checks, flush=True)
        except LeaseLost:
            print("lost", flush=True)

asyncio.run(main())
"""

WRITER = """
import sys, time
from pathlib import Path
from reportdash.ledger import Store
from reportdash.model import replace
store = Store.open(Path(sys.argv[1]))
while True:
    change = lambda: store.verbs.change(
        sys.argv[2], lambda job: replace(job, checks=job.checks + 1, message="x" * 3000), what="step"
    )
    store.commit([change] * 3, durable=sys.argv[3] == "durable")
    time.sleep(0.01)
    print(store.job(sys.argv[2]).checks, flush=True)
"""


@pytest.fixture
def job(store: Store) -> Job:
    return put(store)


def spawn(script: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", script, *args], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def spawned() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def stop(process: subprocess.Popen[str], store: Store) -> None:
    """SIGSTOP, at a moment when the process is between two transactions."""
    store.db.execute("PRAGMA busy_timeout = 100")
    while True:
        process.send_signal(signal.SIGSTOP)
        try:
            store.write(lambda: None)
        except Problem:
            process.send_signal(signal.SIGCONT)
            line(process)
        else:
            break
    store.db.execute("PRAGMA busy_timeout = 15000")


@pytest.mark.parametrize("how", ["durable", "batched"])
def test_killing_a_writer_loses_no_committed_change(
    store: Store, path: Path, job: Job, how: str, spawned: list[subprocess.Popen[str]]
) -> None:
    for _ in range(ROUNDS):
        writer = spawn(WRITER, str(path), job.id, how)
        spawned.append(writer)
        told = [line(writer) for _ in range(3)]
        writer.kill()
        rest, _ = writer.communicate()
        told += rest.split()
        found = store.job(job.id)
        assert found is not None
        assert found.checks >= int(told[-1])
        assert found.checks % 3 == 0  # a commit is whole or not there
        assert store.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert store.write(lambda: store.verbs.change(job.id, lambda job: job)) == found


def test_an_old_owners_writes_are_refused_after_a_takeover_whatever_happens_to_it(
    store: Store, path: Path, job: Job, spawned: list[subprocess.Popen[str]]
) -> None:
    first = spawn(POLLER, str(path), job.id)
    spawned.append(first)
    for _ in range(3):
        line(first)
    stop(first, store)
    second = spawn(POLLER, str(path), job.id)
    spawned.append(second)
    taken_over = int(line(second))
    first.send_signal(signal.SIGCONT)
    while line(first) != "lost":
        pass
    assert taken_over > 0
    second.kill()
    second.communicate()
    first.kill()
    first.communicate()
    epochs = [int(event.what) for event in store.history(job.id) if event.what.isdigit()]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) >= 2


def test_many_pollers_under_fire_never_write_under_an_older_epoch(
    store: Store, path: Path, job: Job, spawned: list[subprocess.Popen[str]]
) -> None:
    pollers = [spawn(POLLER, str(path), job.id) for _ in range(3)]
    spawned.extend(pollers)
    for n in range(ROUNDS):
        holder = next_holder(store, pollers)
        if n % 2:
            stop(holder, store)
            while (found := store.account("main")).owner and f":{holder.pid}:" in found.owner:
                os.sched_yield()
            holder.send_signal(signal.SIGCONT)
        else:
            holder.kill()
            holder.communicate()
            pollers.remove(holder)
            pollers.append(spawn(POLLER, str(path), job.id))
            spawned.append(pollers[-1])
    for poller in pollers:
        poller.kill()
        poller.communicate()
    rows = store.db.execute("SELECT what FROM history WHERE job = ? ORDER BY seq", (job.id,)).fetchall()
    epochs = [int(what) for (what,) in rows if what.isdigit()]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) >= ROUNDS // 2
    assert store.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def next_holder(store: Store, pollers: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """The process that polls now, once it has written something."""
    while True:
        account = store.account("main")
        for poller in pollers:
            if account.owner and f":{poller.pid}:" in account.owner:
                line(poller)
                return poller
        os.sched_yield()


async def test_a_killed_pollers_account_is_free_for_this_process_at_once(
    store: Store, path: Path, job: Job, spawned: list[subprocess.Popen[str]]
) -> None:
    poller = spawn(POLLER.replace("0.6", "100"), str(path), job.id)
    spawned.append(poller)
    await asyncio.to_thread(line, poller)
    ledger = await Ledger.open(path, clock=SystemClock())
    try:
        assert await ledger.take_lease("main") is None
        poller.kill()
        poller.wait()
        fence = await ledger.take_lease("main")
        assert fence is not None
        changed = await ledger.change(job.id, lambda job: replace(job, state=JobState.READY), fence=fence)
        assert changed.state is JobState.READY
    finally:
        await ledger.close()


async def test_a_viewer_learns_of_another_process(
    store: Store, path: Path, job: Job, spawned: list[subprocess.Popen[str]]
) -> None:
    viewer = await Ledger.open(path, clock=SystemClock())
    try:
        rev = await viewer.rev()
        waiting = asyncio.ensure_future(viewer.wait(rev, 3600))
        writer = spawn(WRITER, str(path), job.id, "batched")
        spawned.append(writer)
        assert await asyncio.wait_for(waiting, 60)
        changes = await viewer.changed_since(rev)
        assert [one.id for one in changes.jobs] == [job.id]
        assert changes.jobs[0].checks > 0
    finally:
        await viewer.close()


def test_a_fence_of_a_dead_epoch_is_refused_after_reopening(path: Path, job: Job, store: Store) -> None:
    fence = store.write(lambda: store.leases.take("main"))
    store.close()
    with Store.open(path, owner="next") as later:
        later.write(lambda: later.leases.take("main"))
        with pytest.raises(LeaseLost):
            later.change(job.id, lambda job: replace(job, checks=1), fence=fence)
