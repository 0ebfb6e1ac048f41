"""A ledger in a folder of its own, a clock that stands still, and jobs to put in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from reportdash.clock import ManualClock
from reportdash.ledger import Ledger, Store
from reportdash.model import Job, JobState


def a_job(**fields: Any) -> Job:
    """A queued job of account `main`, with what the test cares about."""
    given: dict[str, Any] = {
        "id": "",
        "account": "main",
        "vendor": "7g",
        "name": "Balance",
        "reference": None,
        "state": JobState.QUEUED,
        "submitted_at": 1000.0,
    }
    return Job(**(given | fields))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


@pytest.fixture
def store(path: Path, clock: ManualClock) -> Iterator[Store]:
    with Store.open(path, clock=clock, owner="this") as opened:
        yield opened


@pytest.fixture
async def ledger(path: Path, clock: ManualClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(path, clock=clock)
    yield opened
    await opened.close()


def put(store: Store, **fields: Any) -> Job:
    """A new row; the job as the ledger has it."""
    return store.add(a_job(**fields))[0]
