"""One configured account as the engine works with it: its settings, its vendor and its own client."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from reportdash.clock import Clock
from reportdash.credentials import Chain, variable
from reportdash.errors import Problem
from reportdash.logins import outside
from reportdash.model import Credential, Exchange
from reportdash.net.client import Client
from reportdash.net.pacing import Pacer
from reportdash.vendors import registry
from reportdash.vendors.contract import AccountSettings, Api, PollPolicy, Vendor

_LOGIN = "`reportdash login {}` stores another credential"
Find = Callable[[], Awaitable[Credential | None]]


@dataclass(slots=True)
class Seat:
    """An account's vendor bound to the account's client. One client an account: a sick one slows no other."""

    name: str
    settings: AccountSettings
    vendor: Vendor
    client: Client
    find_credential: Find
    """The credential as it is now, None if there is none. Raises CredentialProblem with a sentence."""

    @property
    def policy(self) -> PollPolicy:
        """The vendor's policy with the account's own figures in place of the vendor's."""
        return effective(self.vendor.policy, self.settings)

    def hide(self, text: str) -> str:
        """`text` without this account's secrets."""
        return self.client.hide(text)

    @property
    def slots(self) -> int | None:
        """Jobs the vendor runs at once for this account; None where it states no such limit."""
        return self.policy.slots


async def another_key(seat: Seat) -> str:
    """What to do about a credential that the vendor refused: a login where that counts, else to change what
    is handed in from outside, which goes before it."""
    with contextlib.suppress(Problem):
        found = await seat.find_credential()
        before = outside(found.source) if found is not None else None
        if found is not None and before is not None:
            return before.change([variable(seat.name, field) for field in found.fields])
    return _LOGIN.format(seat.name)


def finder(chain: Chain, name: str, settings: AccountSettings) -> Find:
    """How the account's credential is found in `chain`, each time anew."""

    async def find() -> Credential | None:
        return await chain.find(name, settings.vendor, settings.secret_fields(), settings.origins())

    return find


def make_client(
    name: str,
    settings: AccountSettings,
    credential: Find,
    *,
    trace: Callable[[str, Exchange], None],
    clock: Clock,
    paced: bool = True,
) -> Client:
    """A client as the account's settings want it; `bind` comes next. `paced` False: no pace at all."""
    window = registry.load(settings.vendor).policy.limit_window
    return Client(
        account=name,
        base_url=settings.base_url,
        extra_origins=settings.origins()[1:],
        ca_file=settings.ca_file,
        allow_insecure=settings.allow_insecure,
        credential=credential,
        trace=trace,
        clock=clock,
        pacer=Pacer.of_account(clock, settings.requests_per_minute, window)
        if paced
        else Pacer(clock, rate=math.inf),
    )


def make_seat(
    client: Client,
    settings: AccountSettings,
    find: Find,
    door: Callable[[Client], Api] = lambda client: client,
) -> Seat:
    """The account's vendor bound to its client, which it reaches through `door`."""
    vendor = registry.load(settings.vendor)(settings, door(client))
    client.bind(vendor)
    return Seat(client.account, settings, vendor, client, find)


def effective(policy: PollPolicy, settings: AccountSettings) -> PollPolicy:
    """`policy` with `poll_min`, `poll_max` and `max_inflight` of the account; a bound given alone wins."""
    low, high = policy.poll_min, policy.poll_max
    if settings.poll_min is not None:
        low = settings.poll_min
        high = max(high, low)
    if settings.poll_max is not None:
        high = settings.poll_max
        low = min(low, high)
    given = settings.max_inflight
    return replace(
        policy,
        poll_min=low,
        poll_max=high,
        max_inflight=given or policy.max_inflight,
        slots=policy.slots if given is None or policy.slots is None else given,
    )
