"""The one thread in which the ledger lives: reads at once, poll results in batches, intents alone and synced.

Writes keep the order in which they were asked for. Results are handed to the event loop after the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from contextvars import Context
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from reportdash.errors import Problem
from reportdash.ledger.owner import HEARTBEAT_SECONDS
from reportdash.ledger.problems import (
    SQLITE_ERRORS,
    DamagedLedger,
    DiskFull,
    UnreadableRow,
    disk_full,
    explain,
)
from reportdash.ledger.store import Failed, Store

T = TypeVar("T")
Pending: TypeAlias = tuple[Callable[[], Any], "asyncio.Future[Any]", str]
Result: TypeAlias = tuple["asyncio.Future[Any]", Any]

BATCH_SECONDS = 0.05
"""How long a write waits for company."""
BATCH_WRITES = 100
"""Writes in one commit at most."""
REST = 0.1
"""How long the file is left to other processes after a batch, as a part of the time the batch took."""
AT_ONCE = 4
"""Results of a batch handed out in one turn of the loop: whoever waited for them goes on in the next one, and
a key should not have to wait for all of them."""
ROOM_SECONDS = 5.0
"""How often a write is tried while the disk is full."""
LOOK_SECONDS = 0.5
"""How often other processes' commits are looked for."""
MUTE_SECONDS = 5.0
"""A piece of work that takes longer is told: the disk hangs, or another process holds the file."""


class LedgerThread:
    """Runs a Store. `on_commit(rev)` is called in the event loop after each commit, whosever it is;
    `on_damage` when the file is found damaged or replaced, `on_room` when its disk becomes full (with the
    sentence) and when there is room again (None), `on_mute` when it does not answer and when it does again.
    """

    def __init__(
        self,
        opener: Callable[[], Store],
        on_commit: Callable[[int], None],
        on_damage: Callable[[DamagedLedger], None],
        on_room: Callable[[str | None], None],
        on_mute: Callable[[bool], None],
    ) -> None:
        self._opener = opener
        self._on_commit = on_commit
        self._on_damage = on_damage
        self._on_room = on_room
        self._on_mute = on_mute
        self._mute = False
        self._watch: asyncio.TimerHandle | None = None
        self._busy_since: float | None = None  # the thread's own
        self._full = False  # the thread's own
        self._loop = asyncio.get_running_loop()
        # No SimpleQueue: in CPython 3.11 its `get` may wait without end for what has only microseconds to go.
        self._inbox: queue.Queue[Callable[[], None]] = queue.Queue()
        self._lock = threading.Lock()
        self._batch: list[Pending] = []
        self._batch_due: float | None = None
        self._durable = 0  # writes on their way to the thread, which the batch must not overtake
        self._store: Store | None = None
        self._stopping = False  # nothing more is taken
        self._ended = False  # the thread's own
        self._path = Path()
        self._rest_until = 0.0
        self._look_at = 0.0
        self._beat_at = 0.0
        self._seen_version = 0
        self._seen_rev = 0
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    async def start(self) -> Store:
        """Open the store in the thread. Raises what opening raises."""
        opened: asyncio.Future[Store] = self._loop.create_future()
        self._inbox.put(lambda: self._open(opened))
        self._thread.start()
        try:
            return await opened
        except asyncio.CancelledError:
            self._stopping = True
            self._inbox.put(lambda: self._close(opened))
            raise

    async def stop(self, last: Callable[[], Any]) -> None:
        """Commit what waits, then `last`, close the file and end the thread."""
        if self._stopping:
            return
        farewell = self.write(last, durable=True)
        self._stopping = True
        ended = self._loop.create_future()
        self._inbox.put(lambda: self._close(ended))
        try:
            await farewell
        finally:
            await ended
            self._thread.join()
            if self._watch is not None:
                self._watch.cancel()

    def read(self, question: Callable[[], T]) -> asyncio.Future[T]:
        """Run a read as soon as the thread is free."""
        future = self._future()
        self._inbox.put(lambda: self._answer(question, future))
        return future

    def write(self, change: Callable[[], T], *, durable: bool, job_id: str = "") -> asyncio.Future[T]:
        """Run a change in a write transaction: in the next batch, or at once, alone and synced.

        `job_id`: the job whose row it begins with, if it is one.
        """
        future = self._future()
        with self._lock:
            if durable:
                before, self._batch, self._batch_due = self._batch, [], None
                self._durable += 1
                self._inbox.put(lambda: self._commit_durable(before, (change, future, job_id)))
                return future
            self._batch.append((change, future, job_id))
            waiting = len(self._batch)
            if waiting == 1:
                self._batch_due = time.monotonic() + BATCH_SECONDS
        if waiting == 1 or waiting % BATCH_WRITES == 0:
            self._inbox.put(_wake)
        return future

    def _future(self) -> asyncio.Future[Any]:
        if self._stopping:
            raise Problem("the ledger is closed: run the command again.")
        if self._watch is None:
            self._watch = self._loop.call_later(MUTE_SECONDS, self._heed, context=Context())
        return self._loop.create_future()

    def _heed(self) -> None:
        """Some time after a request: whether the thread gets on. While it works it is looked at again."""
        since = self._busy_since
        busy = 0.0 if since is None else time.monotonic() - since
        mute = busy >= MUTE_SECONDS
        if mute is not self._mute:
            self._mute = mute
            self._on_mute(mute)
        wait = LOOK_SECONDS if mute else MUTE_SECONDS - busy
        self._watch = None if since is None else self._loop.call_later(wait, self._heed)

    # From here on: in the thread.

    def _run(self) -> None:
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._beat_at = time.monotonic() + HEARTBEAT_SECONDS
        while not self._ended:
            try:
                self._turn()
                self._busy_since = None
            except Exception as error:
                # Nobody asked for what failed, so the loop is told; the thread goes on, for an orderly end.
                told = {"message": "the ledger's thread", "exception": error}
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._loop.call_exception_handler, told)

    def _turn(self) -> None:
        batch_due = self._batch_due
        if batch_due is not None and len(self._batch) >= BATCH_WRITES:
            batch_due = 0.0  # full: nothing to wait for but the file's rest
        until = self._look_at if batch_due is None else min(self._look_at, max(batch_due, self._rest_until))
        asked: Callable[[], None] = _wake
        with contextlib.suppress(queue.Empty):
            asked = self._inbox.get(timeout=max(0.0, until - time.monotonic()))
        self._busy_since = time.monotonic()
        asked()
        if self._store is None:
            return
        now = time.monotonic()
        self._flush(now)
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._look(self._store)
        early = self._beat_at - HEARTBEAT_SECONDS + ROOM_SECONDS
        if now >= self._beat_at or (self._full and now >= early):
            self._beat_at = now + HEARTBEAT_SECONDS
            self._beat(self._store)

    def _open(self, opened: asyncio.Future[Any]) -> None:
        try:
            self._store = self._opener()
            self._seen_version = self._store.data_version()
            self._seen_rev = self._store.rev()
            self._path = self._store.path
        except Exception as error:
            if self._store is not None:
                self._store.close()
            self._ended = True
            self._deliver([(opened, Failed(error))])
        else:
            self._deliver([(opened, self._store)])
            if self._store.as_it_lies:
                self._room(disk_full(self._path))

    def _close(self, ended: asyncio.Future[Any]) -> None:
        store, self._store, self._ended = self._store, None, True
        try:
            if store is not None:
                store.close()
        finally:
            self._deliver([(ended, None)])

    def _answer(self, question: Callable[[], Any], future: asyncio.Future[Any]) -> None:
        try:
            value = question()
        except SQLITE_ERRORS as error:
            value = self._failed(explain(error, self._path))
        except ValueError as error:  # a word no ledger of ours has
            value = self._failed(explain(UnreadableRow(error), self._path))
        except Exception as error:
            value = self._failed(error)
        self._deliver([(future, value)])

    def _failed(self, error: Exception) -> Failed:
        if isinstance(error, DamagedLedger):
            self._tell(self._on_damage, error)
        return Failed(error)

    def _room(self, error: Exception | None) -> None:
        """Tell when the disk becomes full, and when it no longer is."""
        if self._full is not isinstance(error, DiskFull):
            self._full = not self._full
            self._tell(self._on_room, str(error) if self._full else None)

    def _tell(self, listener: Callable[[Any], None], news: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(listener, news)

    def _flush(self, now: float) -> None:
        with self._lock:
            due = self._batch_due is not None and (now >= self._batch_due or len(self._batch) >= BATCH_WRITES)
            if not due or self._durable or now < self._rest_until:
                return
            batch, self._batch, self._batch_due = self._batch, [], None
        self._commit_batch(batch)
        # On a slow disk batches would follow each other without a gap, and nobody else would get the lock.
        ended = time.monotonic()
        self._rest_until = ended + (ended - now) * REST

    def _commit_batch(self, batch: list[Pending]) -> None:
        for start in range(0, len(batch), BATCH_WRITES):
            self._commit(batch[start : start + BATCH_WRITES], durable=False)

    def _commit_durable(self, before: list[Pending], write: Pending) -> None:
        try:
            self._commit_batch(before)
            self._commit([write], durable=True)
        finally:
            with self._lock:
                self._durable -= 1

    def _commit(self, writes: list[Pending], *, durable: bool) -> None:
        store = self._store
        assert store is not None
        try:
            ahead = [job_id for _, _, job_id in writes if job_id]
            values, rev = self._written(store, [change for change, _, _ in writes], durable, ahead)
        except Exception as error:
            values, rev = [self._failed(error)] * len(writes), 0
        self._deliver([(future, value) for (_, future, _), value in zip(writes, values, strict=True)], rev)

    def _written(
        self, store: Store, changes: list[Callable[[], Any]], durable: bool, ahead: list[str]
    ) -> tuple[list[Any], int]:
        before = store.db.total_changes
        try:
            values = store.commit(changes, durable=durable, ahead=ahead)
        except DiskFull as error:
            self._room(error)
            raise
        if store.db.total_changes != before:  # a transaction that writes nothing needs no room
            self._room(None)
        return values, store.verbs.last_rev

    def _look(self, store: Store) -> None:
        """Learn of other processes' commits. A file that cannot be read says so to whoever asks for rows."""
        try:
            store.check_place()
        except DamagedLedger as error:
            self._failed(error)
        with contextlib.suppress(sqlite3.Error):
            version = store.data_version()
            if version != self._seen_version:
                self._seen_version = version
                self._deliver([], store.rev())

    def _beat(self, store: Store) -> None:
        """Tell other hosts that we live; the leases say it too, so one that fails is no matter."""
        with contextlib.suppress(Problem):
            self._written(store, [store.leases.beat], False, [])

    def _deliver(self, results: list[Result], rev: int = 0) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            self._loop.call_soon_threadsafe(self._hand_out, results, rev)

    def _hand_out(self, results: list[Result], rev: int) -> None:
        now, later = results[:AT_ONCE], results[AT_ONCE:]
        for future, value in now:
            if future.done():
                continue  # its task was cancelled; the change stands
            if isinstance(value, Failed):
                error = value.error
                # A future takes every exception but this one.
                future.set_exception(RuntimeError(error) if isinstance(error, StopIteration) else error)
            else:
                future.set_result(value)
        if later:
            self._loop.call_soon(self._hand_out, later, rev)
        elif rev > self._seen_rev:
            self._seen_rev = rev
            self._on_commit(rev)


def _wake() -> None:
    """Nothing: the thread looks at its batch."""
