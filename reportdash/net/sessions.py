"""The signed-in state of one account: in memory only, one sign-in at a time whoever asks.

The sign-in runs in a task of its own, so no caller leads it: a cancelled caller strands nobody.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from reportdash.clock import Clock, on_calendar
from reportdash.errors import AuthFailed, CallFailed, Unreachable
from reportdash.net.http import Session
from reportdash.plain import clean

Failure = TypeVar("Failure", bound=CallFailed)

MARGIN = 30.0
"""Seconds of life left at which a session is renewed."""


@dataclass(slots=True, frozen=True)
class Token:
    """What is known of a session's token; nothing secret.

    `expires_at`: seconds since the epoch, by our clock where the vendor says how long it lives, as the token
    itself says it otherwise; None: not said. `scope`: what it allows, the vendor's words, clean.
    """

    expires_at: float | None
    scope: str | None


class Sessions:
    """Hands out a live session. `sign_in(old)` fetches one; `old` is what may be refreshed, or None."""

    def __init__(self, sign_in: Callable[[Session | None], Awaitable[Session]], clock: Clock) -> None:
        self._sign_in = sign_in
        self._clock = clock
        self._session: Session | None = None
        self._renew_at: float | None = None
        self._signed_in = 0.0
        self._refusal: AuthFailed | None = None
        self._task: asyncio.Task[Session | CallFailed] | None = None
        self._before: asyncio.Task[Any] | None = None  # given up, perhaps not ended yet
        self._generation = 0
        self._closed = False

    async def get(self) -> Session:
        """A session with some life left, signed in for if need be.

        Raises AuthFailed without asking the vendor again while a refusal stands (until `reset`), and
        whatever CallFailed the sign-in ends with.
        """
        while True:
            if self._closed:
                raise Unreachable("this account's connection is closed", sent=False)
            if self._refusal is not None:
                raise fresh(self._refusal)
            session = self._session
            if session is not None and (self._renew_at is None or self._clock.boottime() < self._renew_at):
                return session
            generation = self._generation
            if self._task is None:
                self._task = self._start(session)
            outcome = await asyncio.shield(self._task)
            if generation != self._generation:
                continue  # another credential came meanwhile; what the old one led to is of no use
            if isinstance(outcome, CallFailed):
                raise fresh(outcome)
            return outcome

    @property
    def token(self) -> Token | None:
        """Of the session there is; None before a sign-in, and after a refusal."""
        session = self._session
        if session is None:
            return None
        ends = session.expires_at
        if session.lifetime is not None:
            # Counted from now: the wall clock may have been set since the sign-in.
            ends = self._clock.now() + session.lifetime - (self._clock.boottime() - self._signed_in)
        return Token(on_calendar(ends), clean(session.scope or "", 200) or None)

    def drop(self, session: Session) -> None:
        """This session was refused; the next `get` signs in afresh. A newer one is left alone."""
        if self._session is session:
            self._session = None

    def refuse(self, session: Session, refusal: AuthFailed) -> None:
        """The vendor refuses even this fresh session: no one asks again until `reset`."""
        if self._session is session:
            self._session = None
            self._refusal = fresh(refusal)

    def reset(self) -> None:
        """Forget session and refusal; a sign-in under way is given up."""
        self._generation += 1
        self._session = None
        self._refusal = None
        if self._task is not None:
            self._task.cancel()
            self._before, self._task = self._task, None

    async def aclose(self) -> None:
        """End a sign-in under way."""
        self._closed = True
        self._session = None
        self._generation += 1
        running = {task for task in (self._task, self._before) if task is not None}
        self._task = self._before = None
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    def _start(self, old: Session | None) -> asyncio.Task[Session | CallFailed]:
        before, self._before = self._before, None
        task = asyncio.create_task(self._run(old, before, self._generation), name="sign-in")
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Session | CallFailed]) -> None:
        if self._task is task:
            self._task = None

    async def _run(
        self, old: Session | None, before: asyncio.Task[Any] | None, generation: int
    ) -> Session | CallFailed:
        try:
            if before is not None:
                await asyncio.wait({before})  # never two sign-ins at the same time
            session = await self._sign_in(old)
        except asyncio.CancelledError:
            return Unreachable("the sign-in was given up", sent=False)
        except CallFailed as error:
            if generation == self._generation:
                if isinstance(error, AuthFailed):
                    self._session = None
                    self._refusal = fresh(error)
                elif not _still_good(error):
                    self._session = None
            return fresh(error)
        if generation == self._generation:
            self._session = session
            self._signed_in = self._clock.boottime()
            self._renew_at = self._renewal(session)
        return session

    def _renewal(self, session: Session) -> float | None:
        """When to renew, on the clock that neither jumps nor sleeps; None: when the vendor refuses it."""
        life = session.lifetime
        if life is None and session.expires_at is not None:
            life = session.expires_at - self._clock.now()
        if life is None or life <= 0:
            return None  # "expired" at birth: the vendor's clock and ours disagree
        return self._clock.boottime() + life - min(MARGIN, life / 2)


def _still_good(error: CallFailed) -> bool:
    """Whether the old session's refresh token can still be whole after a failed refresh."""
    return not (isinstance(error, Unreachable) and error.sent)


def fresh(error: Failure) -> Failure:
    """The same failure for another raiser: no traceback, no cause, so no frame keeps a secret alive."""
    return copy.copy(error)
