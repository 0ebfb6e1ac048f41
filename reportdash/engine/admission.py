"""Whether this process may poll an account: the credential it finds, and what the vendor says to it."""

from __future__ import annotations

from collections.abc import Mapping

from reportdash.engine.core import Core
from reportdash.engine.health import HealthDesk
from reportdash.engine.seat import Seat
from reportdash.errors import AuthFailed, BadPayload, CallFailed, NoCredential, Problem
from reportdash.model import NO_KEY, Account, Credential, Health
from reportdash.plain import clean


class Admission:
    """One account's credential in this process. `refusal`: why it does not do, if so."""

    def __init__(self, core: Core, seat: Seat, health: HealthDesk) -> None:
        self._core = core
        self._seat = seat
        self._health = health
        self.refusal: str | None = None
        self._refused: Mapping[str, str] | None = None  # the credential the vendor said no to
        self._accepted_at: float | None = None

    async def credential(self, row: Account) -> Credential | None:
        """A credential the vendor has not refused yet; None, with the reason on the account's row."""
        try:
            found, words = await self._seat.find_credential(), NO_KEY
        except Problem as problem:
            found, words = None, clean(problem.text)
        if found is None:
            self.refusal = words
            if row.health is not Health.AUTH_FAILED or not row.keyless or row.message != words:
                await self._health.keyless(self._seat.name, words)
            return None
        if row.health is Health.AUTH_FAILED and self._refused == found.fields:
            self.refusal = row.message or NO_KEY
            return None
        self.refusal = None
        if self._refused is not None:  # somebody logged in, or the key is another one
            self._refused = None
            self._seat.client.drop_session()
        return found

    async def accepted(self, credential: Credential) -> bool:
        """Whether the vendor takes a credential at an account whose last one it refused.

        False as well where it cannot be told now: it is asked again later.
        """
        asked = self._core.clock.now()
        try:
            await self._seat.client.sign_in()
            await self._seat.vendor.prove()
        except (AuthFailed, NoCredential) as error:
            self._refused = dict(credential.fields)
            self.refusal = clean(error.text)
            await self._health.failed(self._seat, error, asked=asked)
            return False
        except BadPayload:
            return False
        except CallFailed as error:  # the account is throttled or out of reach: polling minds that
            await self._health.failed(self._seat, error, asked=asked)
            return True
        await self._health.accepted(self._seat.name)
        return True

    async def refused(self, row: Account) -> None:
        """The vendor said no while we polled: remember to which credential, if it was ours."""
        if not self._health.refused_us(self._seat.name):
            return  # another process was refused; ours is proved anew
        self.refusal = row.message or NO_KEY
        try:
            found = await self._seat.find_credential()
        except Problem:
            found = None
        self._refused = dict(found.fields) if found is not None else None

    def notice(self, row: Account, *, first: bool = False) -> None:
        """Sign in anew when another process has stored a new credential."""
        if first:
            self._health.refused_us(self._seat.name)  # what was before is over
        if not first and self._accepted_at is not None and row.accepted_at != self._accepted_at:
            self._seat.client.drop_session()
        self._accepted_at = row.accepted_at
