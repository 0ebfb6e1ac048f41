"""For the faults that are tried inside this process."""

from __future__ import annotations

import pytest

from reportdash.ledger import thread


@pytest.fixture(autouse=True)
def quick_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of writes waits for company in real time, which stands still for everything else here."""
    monkeypatch.setattr(thread, "BATCH_SECONDS", 0.002)
