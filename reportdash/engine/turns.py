"""Who downloads now and who waits: four at a time, two an account, first come first served."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class _Waiter:
    key: str
    account: str
    go: asyncio.Future[None]


class Turns:
    """`changed` is called whenever somebody's place changes."""

    def __init__(self, total: int, per_account: int, changed: Callable[[], None]) -> None:
        self._total = total
        self._per_account = per_account
        self._changed = changed
        self._running: Counter[str] = Counter()
        self._waiting: list[_Waiter] = []

    def place(self, key: str) -> int | None:
        """Place in the queue, from 1; None for one that runs or is not known."""
        keys = [waiter.key for waiter in self._waiting]
        return keys.index(key) + 1 if key in keys else None

    @asynccontextmanager
    async def turn(self, key: str, account: str) -> AsyncIterator[None]:
        """Wait for a place, hold it for the block."""
        waiter = _Waiter(key, account, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._pump()
        try:
            await waiter.go
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._changed()
            else:
                self._free(account)  # it was let in just when it was cancelled
            raise
        try:
            yield
        finally:
            self._free(account)

    def _free(self, account: str) -> None:
        self._running[account] -= 1
        self._pump()

    def _pump(self) -> None:
        for waiter in list(self._waiting):
            if self._running.total() >= self._total:
                break
            if waiter.go.done():
                continue  # cancelled in this very turn of the loop: it goes by itself
            if self._running[waiter.account] < self._per_account:
                self._waiting.remove(waiter)
                self._running[waiter.account] += 1
                waiter.go.set_result(None)
        self._changed()
