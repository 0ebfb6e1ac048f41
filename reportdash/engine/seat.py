"""One configured account as the engine works with it: its settings, its vendor and its own client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from reportdash.model import Credential
from reportdash.net.client import Client
from reportdash.vendors.contract import AccountSettings, PollPolicy, Vendor


@dataclass(slots=True)
class Seat:
    """An account's vendor bound to the account's client. One client an account: a sick one slows no other."""

    name: str
    settings: AccountSettings
    vendor: Vendor
    client: Client
    find_credential: Callable[[], Awaitable[Credential | None]]
    """The credential as it is now, None if there is none. Raises CredentialProblem with a sentence."""

    @property
    def policy(self) -> PollPolicy:
        """The vendor's policy with the account's own figures in place of the vendor's."""
        return effective(self.vendor.policy, self.settings)

    @property
    def slots(self) -> int | None:
        """Jobs the vendor runs at once for this account; None where it states no such limit."""
        return self.policy.slots


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
