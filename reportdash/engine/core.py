"""What the engine's parts share: the ledger, time, chance, and the exchanges of a call."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from reportdash.clock import Clock, on_calendar, pause
from reportdash.engine.habits import Habits
from reportdash.engine.schedule import Chance
from reportdash.errors import (
    AuthFailed,
    BadPayload,
    CallFailed,
    NoCredential,
    NotFound,
    Problem,
    SlotsFull,
    Throttled,
    Unreachable,
    UsageProblem,
    VendorRefused,
)
from reportdash.ledger import Ledger
from reportdash.model import Exchange, LastError, replace
from reportdash.net.http import Reply, Request
from reportdash.plain import clean
from reportdash.vendors.contract import Api

if TYPE_CHECKING:
    from reportdash.model import Seen

log = logging.getLogger(__name__)
Hide: TypeAlias = Callable[[str], str]

_ACTING_FOR: ContextVar[str | None] = ContextVar("acting_for", default=None)

_KINDS: tuple[tuple[type[CallFailed], str], ...] = (
    (Throttled, "throttled"),
    (NoCredential, "auth_failed"),
    (AuthFailed, "auth_failed"),
    (Unreachable, "unreachable"),
    (NotFound, "not_found"),
    (SlotsFull, "refused"),
    (VendorRefused, "refused"),
    (BadPayload, "bad_payload"),
)


class Tracing:
    """An Api that names the job of a call the vendor cannot name itself, as a submit's."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def send(self, request: Request) -> Reply:
        job = _ACTING_FOR.get()
        if request.job is None and job is not None:
            request = replace(request, job=job)
        return await self._api.send(request)


class Exchanges:
    """Where redacted exchanges of a call wait until the write that tells the call's outcome."""

    def __init__(self, record: Callable[[str, Exchange], None]) -> None:
        self._record = record
        self._open: dict[str, list[Exchange]] = {}

    def trace(self, job_id: str, exchange: Exchange) -> None:
        """Called by the client after each exchange it kept for a job."""
        waiting = self._open.get(job_id)
        if waiting is None:
            self._record(job_id, exchange)
        else:
            waiting.append(exchange)

    @contextmanager
    def of(self, job_id: str) -> Iterator[list[Exchange]]:
        """The exchanges of the calls made inside; what the caller leaves in the list is recorded after."""
        if job_id in self._open:  # somebody collects for this job already: theirs is as good
            yield []
            return
        kept: list[Exchange] = []
        self._open[job_id] = kept
        token = _ACTING_FOR.set(job_id)
        try:
            yield kept
        finally:
            _ACTING_FOR.reset(token)
            del self._open[job_id]
            for exchange in kept:
                self._record(job_id, exchange)


@dataclass(slots=True)
class Core:
    """Shared by every part of one engine."""

    ledger: Ledger
    clock: Clock
    chance: Chance = random.random
    habits: Habits = field(default_factory=Habits)
    exchanges: Exchanges = field(init=False)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.exchanges = Exchanges(lambda job_id, exchange: self.spawn(self._record(job_id, exchange)))

    async def _record(self, job_id: str, exchange: Exchange) -> None:
        with suppress(KeyError):
            await self.ledger.record(job_id, exchange)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` run by itself; `drain` waits for it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(tell_if_broken)

    async def drain(self, seconds: float) -> None:
        """Wait at most `seconds` (real time) for spawned work, then end it."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=seconds)
            for task in late:
                task.cancel()

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Until the event is set or `seconds` of the injected clock have passed; None: the event alone."""
        if event.is_set() or (seconds is not None and seconds <= 0):
            await asyncio.sleep(0)
            return
        await pause(self.clock, event, seconds)


def tell_if_broken(task: asyncio.Task[Any]) -> None:
    """Done-callback of a task that nobody awaits while it runs: the loop reports its fault, at once."""
    if not task.cancelled() and (error := task.exception()) is not None:
        task.get_loop().call_exception_handler({"message": "a task ended", "exception": error})


@contextmanager
def reading(account: str, what: str, hide: Hide) -> Iterator[None]:
    """Around a vendor's call: a mistake of the vendor's own code is no answer.

    Raises what the call raises, as BadPayload where it is no CallFailed; only its kind is told, for what was
    caught may quote the answer. `hide` takes the account's secrets out of the vendor's words: some vendors
    repeat a key they do not like.
    """
    try:
        yield
    except CallFailed as error:
        error.text = hide(error.text)
        error.args = (error.text,)
        error.code = hide(error.code) if error.code else error.code
        raise
    except Exception as error:
        log.exception("%s: %s ended unexpectedly", account, what)
        kind = type(error).__name__
    else:
        return
    raise BadPayload(f"the answer could not be read ({kind})")


def discreet(seen: Seen, hide: Hide) -> Seen:
    """What was seen, its words without the account's secrets and no time that is on no calendar; what decides
    (state, reference) stays.
    """
    return replace(
        seen,
        vendor_status=hide(seen.vendor_status) if seen.vendor_status else seen.vendor_status,
        message=hide(seen.message) if seen.message else seen.message,
        error_code=hide(seen.error_code) if seen.error_code else seen.error_code,
        children=tuple(discreet(child, hide) for child in seen.children),
        expires_at=on_calendar(seen.expires_at),
        submitted_at=on_calendar(seen.submitted_at),
    )


@contextmanager
def judging(vendor: str, what: str) -> Iterator[None]:
    """Around a vendor's look at what an operator typed: its own mistake is a sentence, not the end."""
    try:
        yield
    except Problem:
        raise
    except Exception as error:
        log.exception("%s: %s ended unexpectedly", vendor, what)
        raise UsageProblem(
            f"{vendor} could not judge {what}: its code ended with {type(error).__name__}; write it another "
            "way, and tell whoever wrote the vendor's plug-in"
        ) from None


def last_error(error: CallFailed, now: float) -> LastError:
    """A failed call as a job's row keeps it, in clean words."""
    kind = next((kind for family, kind in _KINDS if isinstance(error, family)), "bad_payload")
    code = clean(error.code, 80) if error.code else None
    return LastError(at=now, kind=kind, text=clean(error.text), status=error.status, code=code)


def hhmm(at: float) -> str:
    """A point in time for people: local hours and minutes."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M")


def nth(place: int) -> str:
    """1st, 2nd, 3rd, 4th … 11th … 21st."""
    suffix = "th" if 10 <= place % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{suffix}"
