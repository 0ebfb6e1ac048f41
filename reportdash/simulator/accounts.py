"""The accounts the simulated vendors accept: made-up credentials, and the settings that go with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT = {
    "main": "7g",
    "funds": "7g",
    "trusts": "7g",
    "billing": "sigma",
    "treasury": "sigma",
    "admissions": "webadmit",
    "graduate": "webadmit",
    "calls": "talkdesk",
    "support": "talkdesk",
}
"""Account name → vendor."""

SECRET_FIELDS = {
    "7g": ("username", "password"),
    "sigma": ("client_id", "client_token"),
    "webadmit": ("api_key",),
    "talkdesk": ("client_id", "client_secret"),
}
_NAMES = {"username", "client_id"}
FIRST_IDENTITY = 4242


@dataclass
class Account:
    """One account at one vendor. `name` is also the user whose jobs it sees.

    `basic` holds Sigma's other way in (username, password); `identity` is WebAdMIT's user identity.
    """

    name: str
    vendor: str
    secrets: dict[str, str]
    basic: dict[str, str] = field(default_factory=dict)
    identity: int = 0


def make_account(name: str, vendor: str, count: int, secrets: Mapping[str, str] | None = None) -> Account:
    """An account with made-up credentials (the same for the same name), overlaid with `secrets`.

    `count` is the number of accounts the vendor has already. Raises ValueError for an unknown vendor.
    """
    if vendor not in SECRET_FIELDS:
        raise ValueError(f"no vendor {vendor!r}; there are {', '.join(SECRET_FIELDS)}")
    own = {field: _secret(name, field) for field in SECRET_FIELDS[vendor]}
    basic = {}
    if vendor == "sigma":
        basic = {field: _secret(name, field) for field in ("username", "password")}
    for key, value in (secrets or {}).items():
        (basic if key in basic else own)[key] = value
    return Account(name, vendor, own, basic, FIRST_IDENTITY + count if vendor == "webadmit" else 0)


def _secret(name: str, field: str) -> str:
    if field in _NAMES:
        return f"demo-{name}"
    return hashlib.sha256(f"{name}/{field}".encode()).hexdigest()[:32]
