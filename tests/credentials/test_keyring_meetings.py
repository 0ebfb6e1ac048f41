"""Reads of the keyring that meet a write, or a fault of its helper: no old key, nobody left waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reportdash.credentials import KeyringProcess, KeyringTrouble

ITEM = ("reportdash:7g", "main")
OTHER = ("reportdash:sigma", "billing")


class Slow(KeyringProcess):
    """A keyring with one value, whose first read waits for `go`; `faults` come in place of an answer."""

    def __init__(self, *faults: Exception) -> None:
        super().__init__({})
        self.value = "old"
        self.faults = list(faults)
        self.began, self.go = asyncio.Event(), asyncio.Event()

    async def _talk(self, request: dict[str, Any], total: float) -> Any:
        if request["op"] == "keep":
            self.value = request["value"]
            return True
        read = [self.value for _ in request["items"]]
        if not self.began.is_set():
            self.began.set()
            await self.go.wait()
        if self.faults:
            raise self.faults.pop()
        return read


async def test_what_was_read_ahead_before_a_write_is_not_handed_out_after_it() -> None:
    keyring = Slow()
    look = asyncio.create_task(keyring.locked([ITEM]))
    await keyring.began.wait()
    writing = asyncio.create_task(keyring.keep(*ITEM, "new"))
    await asyncio.sleep(0)
    keyring.go.set()
    assert await look is False
    await writing
    assert await keyring.find(*ITEM) == "new"


@pytest.mark.parametrize("fault", [ValueError("unreadable"), KeyError("backend")])
async def test_a_fault_nobody_foresaw_is_told_to_whoever_waits_and_the_next_is_asked_for(
    fault: Exception,
) -> None:
    keyring = Slow(fault)
    first = asyncio.create_task(keyring.find(*ITEM))
    await keyring.began.wait()
    late = asyncio.create_task(keyring.find(*OTHER))
    await asyncio.sleep(0)
    keyring.go.set()
    with pytest.raises(KeyringTrouble, match=type(fault).__name__):
        await first
    async with asyncio.timeout(60):
        assert await late == "old"
        assert await keyring.find(*ITEM) == "old"


async def test_an_answer_that_does_not_fit_the_question_leaves_nobody_waiting() -> None:
    keyring = Slow()

    async def short(request: dict[str, Any], total: float) -> Any:
        return []

    keyring._talk = short  # type: ignore[method-assign]
    async with asyncio.timeout(60):
        with pytest.raises(KeyringTrouble):
            await keyring.find(*ITEM)
