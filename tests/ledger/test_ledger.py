"""The ledger for the event loop: batches, order, waking, closing."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import queue
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock, SystemClock
from reportdash.errors import LeaseLost, Problem, UsageProblem
from reportdash.ledger import Ledger, Store, thread
from reportdash.model import Event, Exchange, Health, Job, JobState, LastError, replace
from tests.ledger.conftest import a_job


def count(job: Job) -> Job:
    return replace(job, checks=job.checks + 1)


class Commits:
    """What the store was asked to commit: (number of writes, durable)."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[int, bool]] = []
        self.synced: list[int] = []
        real = ledger.store.commit

        def commit(changes: Any, *, durable: bool = False, **how: Any) -> list[Any]:
            self.made.append((len(changes), durable))
            results = real(changes, durable=durable)
            self.synced.append(ledger.store.db.execute("PRAGMA synchronous").fetchone()[0])
            return results

        monkeypatch.setattr(ledger.store, "commit", commit)


async def add(ledger: Ledger, **fields: Any) -> Job:
    return (await ledger.add(a_job(**fields)))[0]


async def test_poll_results_share_a_commit(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await add(ledger)
    commits = Commits(ledger, monkeypatch)
    results = await asyncio.gather(*(ledger.change(job.id, count) for _ in range(250)))
    assert [one.checks for one in results] == list(range(1, 251))
    assert max(size for size, _ in commits.made) <= 100
    assert sum(size for size, _ in commits.made) == 250
    assert len(commits.made) <= 5
    assert set(commits.synced) == {1}  # NORMAL


async def test_an_intent_is_alone_and_fully_synced_before_it_returns(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await add(ledger)
    commits = Commits(ledger, monkeypatch)
    poll = asyncio.ensure_future(ledger.change(job.id, count))
    await asyncio.sleep(0)
    await ledger.change(job.id, count, durable=True)
    assert commits.made == [(1, False), (1, True)]
    assert commits.synced == [1, 2]  # NORMAL, FULL
    assert poll.done()
    await poll


async def test_writes_keep_the_order_in_which_they_were_asked_for(ledger: Ledger) -> None:
    job = await add(ledger, name="")
    writes = [
        ledger.change(job.id, lambda job, n=n: replace(job, name=f"{job.name}{n}"), durable=n % 4 == 3)  # type: ignore[misc]
        for n in range(10)
    ]
    await asyncio.gather(*writes)
    found = await ledger.job(job.id)
    assert found is not None
    assert found.name == "0123456789"


async def test_a_batch_never_overtakes_an_intent_that_was_asked_for_before_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread, "BATCH_SECONDS", 0.0)  # every batch is due at once
    job = await add(ledger, name="")
    freed = threading.Event()

    def say(word: str) -> Callable[[Job], Job]:
        return lambda job: replace(job, name=job.name + word)

    def held(job: Job) -> Job:
        assert freed.wait(30)
        return say("a")(job)

    writes = [
        ledger.change(job.id, held, durable=True),
        ledger.change(job.id, say("b")),
        ledger.change(job.id, say("c"), durable=True),
        ledger.change(job.id, say("d")),
    ]
    tasks = [asyncio.ensure_future(write) for write in writes]
    await asyncio.sleep(0)
    freed.set()
    await asyncio.gather(*tasks)
    found = await ledger.job(job.id)
    assert found is not None
    assert found.name == "abcd"


async def test_one_writes_error_is_its_own(ledger: Ledger) -> None:
    job = await add(ledger)

    def broken(job: Job) -> Job:
        raise StopIteration

    results = await asyncio.gather(
        ledger.change(job.id, count),
        ledger.change(job.id, broken),
        ledger.change("nobody", count),
        ledger.change(job.id, count),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Job, RuntimeError, KeyError, Job]
    assert isinstance(results[3], Job)
    assert results[3].checks == 2


async def test_a_stale_fence_loses_only_its_own_write(ledger: Ledger) -> None:
    job = await add(ledger)
    old = await ledger.take_lease("main")
    new = await ledger.take_lease("main")
    assert old is not None
    assert new is not None
    results = await asyncio.gather(
        ledger.change(job.id, count, fence=new),
        ledger.change(job.id, count, fence=old),
        ledger.change(job.id, count, fence=new),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Job, LeaseLost, Job]
    with pytest.raises(LeaseLost):
        await ledger.renew(old)
    await ledger.renew(new)
    await ledger.release(new)


async def test_a_cancelled_caller_does_not_take_its_write_back(ledger: Ledger) -> None:
    job = await add(ledger)
    task = asyncio.ensure_future(ledger.change(job.id, count))
    await asyncio.sleep(0)
    task.cancel()
    await ledger.change(job.id, count, durable=True)
    found = await ledger.job(job.id)
    assert found is not None
    assert found.checks == 2


async def test_the_loop_is_free_while_the_ledger_works(ledger: Ledger) -> None:
    held, freed = threading.Event(), threading.Event()

    def slow(job: Job) -> Job:
        held.set()
        assert freed.wait(30)
        return count(job)

    job = await add(ledger)
    write = asyncio.ensure_future(ledger.change(job.id, slow, durable=True))
    while not held.is_set():
        await asyncio.sleep(0)
    assert not write.done()  # the loop got here while the write was under way
    freed.set()
    assert (await write).checks == 1


async def test_a_reader_is_woken_after_a_commit(ledger: Ledger) -> None:
    job = await add(ledger)
    rev = await ledger.rev()
    waiting = asyncio.ensure_future(ledger.wait(rev, 3600))
    await asyncio.sleep(0)
    assert not waiting.done()
    await ledger.change(job.id, count)
    assert await waiting
    changes = await ledger.changed_since(rev)
    assert [one.checks for one in changes.jobs] == [1]
    assert await ledger.wait(rev, 0)


async def test_a_failed_write_wakes_nobody_and_hides_no_later_one(ledger: Ledger) -> None:
    job = await add(ledger)
    rev = await ledger.rev()
    with pytest.raises(KeyError):
        await ledger.change("nobody", count)
    pages = ledger.store.db.execute("PRAGMA page_count").fetchone()[0]
    ledger.store.db.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(3):
        with pytest.raises(Problem, match="disk is full"):
            await ledger.add_many([a_job(id=f"aaaa{n}", name="x" * 3000) for n in range(50)])
    ledger.store.db.execute("PRAGMA max_page_count = 100000")
    assert not await ledger.wait(rev, 0)
    await ledger.change(job.id, count)
    assert await ledger.wait(rev, 0)


async def test_waiting_ends_with_its_time(ledger: Ledger, clock: ManualClock) -> None:
    rev = await ledger.rev()
    waiting = asyncio.ensure_future(ledger.wait(rev, 5))
    while not clock.sleepers():
        await asyncio.sleep(0)
    await clock.advance(4.9)
    assert not waiting.done()
    await clock.advance(0.2)
    assert await waiting is False
    assert clock.sleepers() == 0


async def test_a_cancelled_wait_leaves_nothing_behind(ledger: Ledger, clock: ManualClock) -> None:
    waiting = asyncio.ensure_future(ledger.wait(await ledger.rev(), 3600))
    while not clock.sleepers():
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    for _ in range(3):
        await asyncio.sleep(0)
    assert clock.sleepers() == 0
    assert not ledger._waiters


class Dialog:
    """Whoever asks."""


ASKS: contextvars.ContextVar[Dialog] = contextvars.ContextVar("ASKS")


async def test_timers_that_outlive_a_question_know_nothing_of_who_asked(path: Path) -> None:
    ledger = await Ledger.open(path, clock=SystemClock())
    try:
        rev = await ledger.rev()
        if ledger._thread._watch is not None:
            ledger._thread._heed()  # the next question sets a timer of its own
        asked = asyncio.Event()

        async def follow() -> None:
            ASKS.set(dialog := Dialog())
            known.append(weakref.ref(dialog))
            del dialog
            await ledger.accounts()
            asked.set()
            await ledger.wait(rev, 3600)

        known: list[weakref.ref[Dialog]] = []
        follower = asyncio.create_task(follow())
        await asked.wait()
        for _ in range(3):
            await asyncio.sleep(0)
        follower.cancel()
        await asyncio.wait({follower})
        del follower
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()
        assert known[0]() is None
    finally:
        await ledger.close()


async def test_another_connections_commit_is_noticed(ledger: Ledger, path: Path, clock: ManualClock) -> None:
    job = await add(ledger)
    rev = await ledger.rev()
    waiting = asyncio.ensure_future(ledger.wait(rev, 3600))
    with Store.open(path, clock=clock, owner="other") as other:
        other.change(job.id, lambda job: replace(job, state=JobState.READY))
    assert await asyncio.wait_for(waiting, 30)
    assert [one.state for one in (await ledger.changed_since(rev)).jobs] == [JobState.READY]


async def test_closing_commits_what_waits_and_gives_leases_back(path: Path, clock: ManualClock) -> None:
    ledger = await Ledger.open(path, clock=clock)
    job = await add(ledger)
    assert await ledger.take_lease("main")
    poll = asyncio.ensure_future(ledger.change(job.id, count))
    await asyncio.sleep(0)
    await ledger.close()
    assert (await poll).checks == 1
    await ledger.close()
    with pytest.raises(Problem, match="closed"):
        await ledger.jobs()
    with Store.open(path, readonly=True) as store:
        assert store.account("main").owner is None
        assert [one.checks for one in store.jobs()] == [1]
        assert not store.owner_alive(ledger.owner.replace(":", "?"), clock.now())
    assert "ledger" not in {one.name for one in threading.enumerate() if one.is_alive()}


async def test_the_whole_api_answers(ledger: Ledger, clock: ManualClock) -> None:
    await ledger.ensure_accounts({"main": "7g", "billing": "sigma"})
    job = await add(ledger, reference="r1", next_poll_at=5.0)
    exchange = Exchange(1.0, "GET", "https://x", 200, 3)
    await ledger.record(job.id, exchange)
    error = LastError(1.0, "unreachable", "no route")
    await ledger.change(job.id, lambda job: job, what="looked", error=error)
    assert [account.name for account in await ledger.accounts()] == ["billing", "main"]
    assert (await ledger.account("billing")).vendor == "sigma"
    assert await ledger.find(job.id[:5]) == await ledger.job(job.id)
    with pytest.raises(UsageProblem):
        await ledger.find("?")
    assert await ledger.by_reference("main", "r1") == await ledger.job(job.id)
    assert "r1" in await ledger.known("main")
    assert await ledger.exchanges(job.id) == [exchange]
    assert await ledger.last_error(job.id) == error
    assert (await ledger.history(job.id))[-1] == Event(
        clock.now(), "looked", "reportdash", JobState.QUEUED, None, None
    )
    assert len(await ledger.due("main", 5.0)) == 1
    assert await ledger.next_due("main") == 5.0
    assert await ledger.open_intents() == []
    assert await ledger.slots_used("main") == 1
    account = await ledger.change_account("main", lambda one: replace(one, health=Health.THROTTLED))
    assert account.health is Health.THROTTLED
    group = await add(ledger, children_total=1)
    await ledger.change_group(group.id, lambda job, kids: (job, [a_job(ordinal=1)]))
    assert len(await ledger.children(group.id)) == 1
    assert len(await ledger.jobs()) == 3
    assert len(await ledger.jobs(1)) == 2
    assert (await ledger.forget(group.id)).forgotten_at == clock.now()
    assert await ledger.add_many([a_job(id="aaaaaa"), a_job(id="bbbbbb")]) == 2
    assert len(await ledger.jobs()) == 3
    assert await ledger.prune(0.0) == 0
    assert await ledger.owner_alive(ledger.owner)


async def test_opening_that_is_given_up_leaves_no_file_open(path: Path, clock: ManualClock) -> None:
    task = asyncio.ensure_future(Ledger.open(path, clock=clock))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for one in threading.enumerate():
        if one.name == "ledger":
            one.join(30)
            assert not one.is_alive()
    gc.collect()


def test_the_thread_looks_for_other_processes_twice_a_second() -> None:
    assert thread.LOOK_SECONDS == 0.5
    assert thread.BATCH_SECONDS <= 0.1
    assert thread.BATCH_WRITES == 100


async def test_a_full_batch_waits_for_the_files_rest_alone(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread, "BATCH_SECONDS", 3600.0)  # for company that a full batch has
    monkeypatch.setattr(thread, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(thread, "REST", 20.0)
    ledger = await Ledger.open(path, clock=clock)
    await ledger.add_many([a_job(id=f"{n:06}") for n in range(2 * thread.BATCH_WRITES)])
    for half in (range(100), range(100, 200)):
        writes = [ledger.change(f"{n:06}", lambda job: replace(job, checks=1), what="") for n in half]
        await asyncio.wait_for(asyncio.gather(*writes), 60.0)
    await ledger.close()


async def test_a_thread_that_has_a_moment_to_wait_never_waits_longer(ledger: Ledger) -> None:
    """What was taken without waiting must not make the next wait an endless one."""
    inbox = type(ledger._thread._inbox)()

    def wait() -> None:
        for _ in range(20_000):
            inbox.put(lambda: None)
            inbox.get()
            with contextlib.suppress(queue.Empty):
                inbox.get(timeout=1e-6)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    await asyncio.to_thread(waiting.join, 60.0)
    assert not waiting.is_alive()
