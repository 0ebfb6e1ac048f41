"""A folder of reports whose disk hangs is said while downloads wait for it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportdash.engine import answering
from reportdash.engine.answering import Answering
from reportdash.model import Signed
from tests.engine.shelf import Shelf, bench, data
from tests.net.lying import Asked, Liar, Peer


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Set: it answers. It does not at first."""
    answers, ask = threading.Event(), os.statvfs

    def statvfs(folder: Path) -> os.statvfs_result:
        answers.wait()
        return ask(folder)

    monkeypatch.setattr(answering.os, "statvfs", statvfs)  # type: ignore[attr-defined]
    monkeypatch.setattr(answering, "PATIENCE", 0.02)
    monkeypatch.setattr(answering, "EVERY", 0.01)
    yield answers
    answers.set()


async def test_a_disk_hangs_until_it_answers_if_only_that_the_folder_is_gone(
    tmp_path: Path, disk: threading.Event
) -> None:
    needed = True
    folder = Answering(tmp_path / "gone", lambda: needed)
    assert not folder.hangs
    folder.begin()
    async with asyncio.timeout(120):
        while not folder.hangs:
            await asyncio.sleep(0.01)
        needed = False
        disk.set()
        while folder.hangs:
            await asyncio.sleep(0.01)
        assert folder._asking is not None
        await folder._asking  # nobody asks any more


async def test_downloads_say_that_their_disk_hangs_and_go_on_when_it_answers(
    tmp_path: Path, disk: threading.Event
) -> None:
    opened = asyncio.Event()

    async def hold(asked: Asked, peer: Peer) -> bool:
        await opened.wait()
        return False

    shelf = Shelf(data(1_000))
    shelf.before = hold
    async with Liar(shelf) as liar, bench(tmp_path, lambda job: Signed(f"{liar.base}/a.csv")) as made:
        assert made.downloads.hangs is None
        job = await made.job("aaaaaa")
        made.downloads.start(job.id)
        async with asyncio.timeout(120):
            while (said := made.downloads.hangs) is None:
                await asyncio.sleep(0.01)
            assert "does not answer: its disk hangs" in said
            disk.set()
            while made.downloads.hangs is not None:
                await asyncio.sleep(0.01)
        opened.set()
        assert (await made.downloads.fetch(job.id)).ok
        assert made.downloads.hangs is None
