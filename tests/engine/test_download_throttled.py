"""A vendor that asks to wait, or is not there: waited for, unless somebody waits for us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from reportdash.clock import ManualClock
from reportdash.engine.download import RETRY
from reportdash.engine.transfer import TOLD
from reportdash.engine.watching import Limits
from reportdash.errors import Exit, Throttled, Unreachable
from reportdash.model import ArtifactState, Job, Signed, replace
from tests.engine.shelf import AT, Shelf, bench, data
from tests.net.lying import Asked, Liar, Peer


async def passes(clock: ManualClock, over: Callable[[], bool]) -> None:
    """Let time pass, second by second, until it is over."""
    async with asyncio.timeout(120):
        while not over():
            await asyncio.sleep(0.001)
            if clock.sleepers():
                await clock.advance(1.0)


def asks(times: int, seconds: float, then: str) -> tuple[Callable[[Job], object], list[float]]:
    asked: list[float] = []

    def give(_: Job) -> object:
        asked.append(seconds)
        return Throttled("slow down", retry_after=seconds) if len(asked) <= times else Signed(then)

    return give, asked


async def test_in_the_background_a_pause_longer_than_patience_is_kept_to_and_the_report_saved(
    tmp_path: Path,
) -> None:
    clock = ManualClock(AT)
    async with Liar(Shelf(data(5_000))) as liar:
        give, asked = asks(3, 120.0, liar.base + "/r.csv")
        async with bench(tmp_path, give, clock=clock) as made:
            job = await made.job()
            made.downloads.start(job.id)
            await passes(clock, lambda: made.downloads.busy() == 0)
            row = await made.ledger.job(job.id)
            assert row is not None and row.saved
            assert len(asked) == 4
            assert clock.monotonic() >= 360.0


async def test_who_waits_for_a_download_is_told_at_once_that_the_vendor_asks_for_more(tmp_path: Path) -> None:
    clock = ManualClock(AT)
    give, asked = asks(9, 120.0, "")
    async with bench(tmp_path, give, clock=clock) as made:
        job = await made.job()
        outcome = await made.downloads.fetch(job.id)
        assert outcome.exit_code is Exit.UNREACHABLE
        assert "slow down" in outcome.text
        assert len(asked) == 1


async def test_a_vendor_that_only_ever_asks_to_wait_is_given_up_on_after_an_hour(tmp_path: Path) -> None:
    clock = ManualClock(AT)
    give, asked = asks(10_000, 300.0, "")
    async with bench(tmp_path, give, clock=clock) as made:
        job = await made.job()
        made.downloads.start(job.id)
        await passes(clock, lambda: made.downloads.busy() == 0)
        row = await made.ledger.job(job.id)
        assert row is not None and not row.saved
        assert len(asked) == TOLD / 300.0 + 1


async def test_in_the_background_an_outage_is_rested_over_and_the_report_saved(tmp_path: Path) -> None:
    """It holds no place meanwhile, and nobody who asks whether something runs hears of it."""
    clock = ManualClock(AT)
    async with Liar(Shelf(data(5_000))) as liar, bench(tmp_path, lambda _: None, clock=clock) as made:
        made.vendor.give = lambda _: Unreachable("nobody there") if clock.now() < AT + 200 else up
        up = Signed(liar.base + "/r.csv")
        job = await made.job()
        made.downloads.start(job.id)
        await passes(clock, lambda: made.downloads.busy() == 0)
        progress = made.downloads.progress()[job.id]
        assert progress.rests and progress.trouble is not None
        assert progress.trouble.text == "nobody there"
        assert progress.trouble.again_at == pytest.approx(clock.now() + RETRY, abs=1.0)
        row = await made.ledger.job(job.id)
        assert row is not None and row.artifact is not None
        assert row.artifact.state is ArtifactState.FAILED
        await passes(clock, lambda: job.id not in made.downloads.progress())
        row = await made.ledger.job(job.id)
        assert row is not None and row.saved


async def test_in_the_background_a_folder_that_is_away_is_rested_over_and_the_report_saved(
    tmp_path: Path,
) -> None:
    """A share that is not there at night: nobody is there either who would start the download again."""
    clock = ManualClock(AT)
    async with Liar(Shelf(data(5_000))) as liar, bench(tmp_path, lambda _: None, clock=clock) as made:
        made.vendor.give = lambda _: Signed(liar.base + "/r.csv")
        made.folder.write_text("no folder")
        job = await made.job()
        made.downloads.start(job.id)
        await passes(clock, lambda: made.downloads.busy() == 0)
        progress = made.downloads.progress()[job.id]
        assert progress.rests and progress.trouble is not None
        assert "cannot be written" in progress.trouble.text
        assert made.vendor.asked == []
        made.folder.unlink()
        await passes(clock, lambda: job.id not in made.downloads.progress())
        row = await made.ledger.job(job.id)
        assert row is not None and row.saved


@pytest.mark.parametrize("where", ["vendor", "storage"])
async def test_a_wait_of_no_seconds_is_no_leave_to_ask_without_a_pause(tmp_path: Path, where: str) -> None:
    clock = ManualClock(AT)
    asked: list[str] = []

    async def busy(_: Asked, peer: Peer) -> None:
        asked.append("storage")
        await peer.answer(503, headers={"Retry-After": "0"})

    async with (
        Liar(busy) as liar,
        bench(tmp_path, lambda _: None, clock=clock, limits=Limits()) as made,
    ):

        def give(_: Job) -> object:
            asked.append("vendor")
            return Throttled("busy", retry_after=0.0) if where == "vendor" else Signed(liar.base + "/r.csv")

        made.vendor.give = give
        job = await made.job()
        made.downloads.start(job.id)
        await passes(clock, lambda: made.downloads.busy() == 0 or len(asked) > 100)
        assert clock.monotonic() > 30.0
        assert asked.count(where) < 20


async def test_one_that_rests_goes_on_at_once_when_it_is_asked_for(tmp_path: Path) -> None:
    clock = ManualClock(AT)
    async with Liar(Shelf(data(5_000))) as liar, bench(tmp_path, lambda _: None, clock=clock) as made:
        answers: dict[str, object] = {"now": Unreachable("nobody there")}
        made.vendor.give = lambda _: answers["now"]
        job = await made.job()
        made.downloads.start(job.id)
        await passes(clock, lambda: made.downloads.busy() == 0)
        answers["now"], at = Signed(liar.base + "/r.csv"), clock.now()
        assert (await made.downloads.fetch(job.id)).ok
        assert clock.now() == at


async def test_a_report_that_was_forgotten_meanwhile_is_not_fetched_any_more(tmp_path: Path) -> None:
    clock = ManualClock(AT)
    async with bench(tmp_path, lambda _: Unreachable("nobody there"), clock=clock) as made:
        job = await made.job()
        made.downloads.start(job.id)
        await passes(clock, lambda: made.downloads.busy() == 0)
        asked = len(made.vendor.asked)
        await made.ledger.change(job.id, lambda row: replace(row, forgotten_at=clock.now()))
        made.downloads.start(job.id)
        await passes(clock, lambda: job.id not in made.downloads.progress())
        assert len(made.vendor.asked) == asked
