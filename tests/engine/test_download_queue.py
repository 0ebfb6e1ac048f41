"""Several downloads, several processes: whose turn it is, who owns a download, and who hears of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from reportdash.engine.turns import Turns
from reportdash.errors import Exit
from reportdash.ledger import Ledger
from reportdash.model import Artifact, ArtifactState, Job, Signed, Verified, replace
from tests.engine.shelf import AT, Shelf, bench, data, lending
from tests.net.lying import Asked, Liar, Peer


class Gate(Shelf):
    """Holds every answer until it is opened; knows how many wait, by account."""

    def __init__(self) -> None:
        super().__init__(data(100_000))
        self.open = asyncio.Event()
        self.waiting: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.before = self.hold

    async def hold(self, asked: Asked, peer: Peer) -> bool:
        account = asked.path.strip("/").partition(".")[0]
        self.waiting[account] += 1
        self.waiting["all"] += 1
        self.most |= self.waiting
        await self.open.wait()
        self.waiting[account] -= 1
        self.waiting["all"] -= 1
        return False


async def test_four_at_a_time_and_two_an_account(tmp_path: Path) -> None:
    gate = Gate()
    async with Liar(gate) as liar:
        give = lambda job: Signed(f"{liar.base}/{job.account}.csv")  # noqa: E731
        async with bench(tmp_path, give) as made:
            jobs = []
            for n, account in enumerate(["main"] * 4 + ["other"] * 4 + ["third"] * 2):
                jobs.append(await made.job("aaaaa" + "abcdefghij"[n], account=account))
            for job in jobs:
                made.downloads.start(job.id)
            assert made.downloads.busy() == 10
            while gate.waiting["all"] < 4:
                await asyncio.sleep(0)
            progress = made.downloads.progress()
            places = [progress[job.id].place for job in jobs]
            assert places == [None, None, 1, 2, None, None, 3, 4, 5, 6]
            gate.open.set()
            outcomes = await asyncio.gather(*(made.downloads.fetch(job.id) for job in jobs))
            assert all(outcome.ok for outcome in outcomes)
            assert gate.most["all"] == 4
            assert max(gate.most[a] for a in ("main", "other", "third")) == 2
            assert made.downloads.busy() == 0 and made.downloads.progress() == {}


async def test_a_waiter_that_goes_leaves_its_place_to_the_next() -> None:
    turns = Turns(1, 1, lambda: None)
    order: list[str] = []

    async def take(key: str) -> None:
        async with turns.turn(key, "main"):
            order.append(key)

    async with turns.turn("first", "main"):
        tasks = [asyncio.ensure_future(take(key)) for key in "abc"]
        await asyncio.sleep(0)
        assert [turns.place(key) for key in "abc"] == [1, 2, 3]
        tasks[0].cancel()
        await asyncio.wait({tasks[0]})
        assert [turns.place(key) for key in "abc"] == [None, 1, 2]
    await asyncio.gather(*tasks[1:])
    assert order == ["b", "c"]


async def test_one_that_is_cancelled_the_moment_it_is_let_in_loses_no_place() -> None:
    turns = Turns(1, 1, lambda: None)

    async def take() -> None:
        async with turns.turn("x", "main"):
            pass

    async with turns.turn("first", "main"):
        task = asyncio.ensure_future(take())
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    await asyncio.wait_for(take(), 120)


async def test_a_place_that_comes_free_just_when_a_waiter_is_cancelled_goes_to_the_next() -> None:
    turns = Turns(1, 1, lambda: None)

    async def take() -> None:
        async with turns.turn("x", "main"):
            pass

    async with turns.turn("first", "main"):
        given_up, next_one = (asyncio.ensure_future(take()) for _ in range(2))
        await asyncio.sleep(0)
        given_up.cancel()  # and before it has heard of it, the place comes free
    await asyncio.wait_for(next_one, 120)
    assert given_up.cancelled()
    await asyncio.wait_for(take(), 120)


async def test_two_who_want_the_same_report_share_one_download(tmp_path: Path) -> None:
    async with lending(tmp_path, Shelf(data(1000))) as (bench, liar):
        job = await bench.job()
        bench.downloads.start(job.id)
        bench.downloads.start(job.id)
        outcomes = await asyncio.gather(*(bench.downloads.fetch(job.id) for _ in range(5)))
        assert all(o.ok for o in outcomes) and len(liar.asked) == 1


async def test_progress_is_told_but_not_more_often_than_a_screen_paints(tmp_path: Path) -> None:
    async with lending(tmp_path, Shelf(data(2_000_000), cut=20_000)) as (bench, liar):
        job = await bench.job()
        told: list[int] = []
        away = bench.downloads.subscribe(lambda: told.append(bench.downloads.rev))
        before = asyncio.get_running_loop().time()
        await bench.downloads.fetch(job.id)
        passed = asyncio.get_running_loop().time() - before
        assert len(liar.asked) == 100
        assert len(told) <= passed * 10 + 1
        assert bench.downloads.rev > 100
        away()


async def test_a_waiter_that_gives_up_ends_its_download_but_not_one_in_the_background(tmp_path: Path) -> None:
    gate = Gate()
    async with Liar(gate) as liar, bench(tmp_path, lambda job: Signed(liar.base + "/main.csv")) as made:
        alone, shared = await made.job("aaaaaa"), await made.job("bbbbbb")
        made.downloads.start(shared.id)
        waits = [asyncio.ensure_future(made.downloads.fetch(j.id)) for j in (alone, shared)]
        while gate.waiting["all"] < 2:
            await asyncio.sleep(0)
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)
        assert set(made.downloads.progress()) == {shared.id}
        row = await made.ledger.job(alone.id)
        assert row is not None and row.artifact is not None
        assert row.artifact.state is ArtifactState.NONE
        gate.open.set()
        assert (await made.downloads.fetch(shared.id)).ok


DEAD = "elsewhere:1:1:dead"


async def test_a_download_whose_process_died_is_taken_over(tmp_path: Path) -> None:
    async with lending(tmp_path, Shelf(data(1000))) as (bench, _):
        job = await bench.job()
        await bench.ledger.change(
            job.id, lambda row: replace(row, artifact=Artifact(ArtifactState.FETCHING, owner=DEAD))
        )
        assert await bench.downloads.recover() == [job.id]
        assert (await bench.downloads.fetch(job.id)).ok


@pytest.mark.parametrize("ends", ["saved", "failed", "stopped"])
async def test_a_download_of_another_process_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    async with lending(tmp_path, Shelf(data(1000))) as (bench, liar):
        job = await bench.job()
        other = await Ledger.open(tmp_path / "data" / "ledger.db", clock=bench.clock)
        try:
            theirs = Artifact(ArtifactState.FETCHING, owner=other.owner)
            await other.change(job.id, lambda row: replace(row, artifact=theirs))
            assert await bench.downloads.recover() == []
            following = asyncio.Event()
            wait = bench.ledger.wait

            async def heard(rev: int, timeout: float) -> bool:
                following.set()
                return await wait(rev, timeout)

            monkeypatch.setattr(bench.ledger, "wait", heard)
            waiting = asyncio.ensure_future(bench.downloads.fetch(job.id))
            await following.wait()
            path = tmp_path / "theirs.csv"
            path.write_bytes(b"bytes")
            artifact = {
                "saved": Artifact(ArtifactState.SAVED, str(path), 5, 5, "00", Verified.LENGTH),
                "failed": Artifact(ArtifactState.FAILED, error="no luck"),
                "stopped": Artifact(ArtifactState.NONE),
            }[ends]
            await other.change(job.id, lambda row: replace(row, artifact=artifact), durable=True)
            outcome = await waiting
            if ends == "failed":
                assert (outcome.exit_code, outcome.text) == (Exit.FAILED, "no luck")
            else:
                assert outcome.ok
            assert len(liar.asked) == (1 if ends == "stopped" else 0)
        finally:
            await other.close()


async def test_two_processes_that_take_a_dead_ones_download_do_not_both_fetch(tmp_path: Path) -> None:
    gate = Gate()
    gate.open.set()
    async with Liar(gate) as liar:
        give = lambda job: Signed(liar.base + "/main.csv")  # noqa: E731
        async with bench(tmp_path, give) as one, bench(tmp_path, give) as two:
            job = await one.job()
            stale = Artifact(ArtifactState.FETCHING, owner=DEAD)
            await one.ledger.change(job.id, lambda row: replace(row, artifact=stale), durable=True)
            outcomes = await asyncio.gather(one.downloads.fetch(job.id), two.downloads.fetch(job.id))
            assert all(outcome.ok for outcome in outcomes), [o.text for o in outcomes]
            assert len(liar.asked) == 1
            assert one.files() == ["main_balances_2026-01-01_aaaaaa.csv"]


async def test_a_forgotten_jobs_running_download_still_ends_well(tmp_path: Path) -> None:
    gate = Gate()
    async with Liar(gate) as liar, bench(tmp_path, lambda job: Signed(liar.base + "/main.csv")) as made:
        job = await made.job()
        waiting = asyncio.ensure_future(made.downloads.fetch(job.id))
        while gate.waiting["all"] < 1:
            await asyncio.sleep(0)
        await made.ledger.change(job.id, lambda row: _forgotten(row))
        gate.open.set()
        assert (await waiting).ok


def _forgotten(row: Job) -> Job:
    return replace(row, forgotten_at=AT)


async def test_what_another_process_saves_at_its_very_end_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lending(tmp_path, Shelf(data(1000))) as (made, liar):
        job = await made.job()
        await made.ledger.change(
            job.id, lambda row: replace(row, artifact=Artifact(ArtifactState.FETCHING, owner=DEAD))
        )
        theirs = _theirs(tmp_path)

        async def ends_well(owner: str) -> bool:
            await made.ledger.change(job.id, lambda row: replace(row, artifact=theirs))
            return False

        monkeypatch.setattr(made.ledger, "owner_alive", ends_well)
        outcome = await made.downloads.fetch(job.id)
        assert outcome.ok and outcome.job.artifact == theirs
        assert liar.asked == [] and made.files() == []


async def test_one_that_fails_late_leaves_a_report_saved_that_was_saved_by_whoever_took_over(
    tmp_path: Path,
) -> None:
    gate = Gate()
    async with Liar(gate) as liar, bench(tmp_path, lambda job: Signed(liar.base + "/main.csv")) as made:
        job = await made.job()
        waiting = asyncio.ensure_future(made.downloads.fetch(job.id))
        while gate.waiting["all"] < 1:
            await asyncio.sleep(0)
        theirs = _theirs(tmp_path)
        await made.ledger.change(job.id, lambda row: replace(row, artifact=theirs))
        gate.statuses = [404] * 10
        gate.open.set()
        assert not (await waiting).ok
        row = await made.ledger.job(job.id)
        assert row is not None and row.artifact == theirs


def _theirs(folder: Path) -> Artifact:
    """A report that lies where another process saved it."""
    path = folder / "theirs.csv"
    path.write_bytes(b"bytes")
    return Artifact(ArtifactState.SAVED, str(path), 5, 5, "00", Verified.LENGTH)
