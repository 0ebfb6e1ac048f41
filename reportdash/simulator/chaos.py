"""Bad weather: faults by chance that repeat for one seed, whatever the timing.

Whether a request meets one is decided by (vendor, method, path and reference, how many times it was made).
"""

# ruff: noqa: S311 - chance here makes repeatable trouble, nothing secret

from __future__ import annotations

import random
from collections.abc import Mapping
from email.utils import formatdate

from reportdash.simulator.faults import Cut, Fault, Half, Lost, Reset, Serve, Slow
from reportdash.simulator.vendor import Vendor
from reportdash.simulator.wire import Reply, Request

BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1>"
    b"</center>\r\n</body>\r\n</html>\r\n"
)
EXPIRED_LINK = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
    b"<Message>Request has expired</Message></Error>"
)
API = {"throttled": 20, "bad gateway": 20, "reset": 12, "lost": 8, "half": 12, "slow": 25, "expired": 6}
STORAGE = {"dead link": 40, "cut": 120, "reset": 30, "slow": 30, "bad gateway": 20}
"""Chances in a thousand requests."""


class Chaos:
    """Called for each request; gives the fault it meets, or None."""

    def __init__(self, seed: int, vendors: Mapping[str, Vendor]) -> None:
        self._seed, self._vendors = seed, vendors
        self._counts: dict[tuple[str, ...], int] = {}

    def __call__(self, request: Request) -> Fault | None:
        key = (request.vendor, request.method, request.path, _reference(request))
        nth = self._counts[key] = self._counts.get(key, 0) + 1
        rng = random.Random("/".join(("chaos", str(self._seed), *key, str(nth))))
        chances = STORAGE if request.vendor == "storage" else API
        at = rng.random() * 1000
        for kind, chance in chances.items():
            at -= chance
            if at < 0:
                return self._fault(kind, request, rng)
        return None

    def _fault(self, kind: str, request: Request, rng: random.Random) -> Fault:
        match kind:
            case "throttled":
                return _throttled(request, rng)
            case "bad gateway":
                return Reply(502, BAD_GATEWAY, {"Content-Type": "text/html"})
            case "dead link":
                return Reply(403, EXPIRED_LINK, {"Content-Type": "application/xml"})
            case "reset":
                return Reset()
            case "lost":
                return Lost()
            case "half":
                return Half()
            case "slow":
                return Slow(rng.uniform(0.5, 3.0))
            case "cut":
                return Cut()
        vendor = self._vendors[request.vendor]

        async def expired(_: Request, serve: Serve) -> Reply | None:
            vendor.expire_tokens()
            return await serve()

        return expired


def _throttled(request: Request, rng: random.Random) -> Reply:
    """429; Retry-After in seconds, now and then as a date, as the RFC allows."""
    seconds = rng.randint(1, 4)
    wait = formatdate(request.at + seconds, usegmt=True) if rng.random() < 0.25 else str(seconds)
    return Reply(
        429, b'{"message":"Too many requests"}', {"Content-Type": "application/json", "Retry-After": wait}
    )


def _reference(request: Request) -> str:
    """Which job the request is about where the path does not say; never a token."""
    for params in (request.query, request.form if request.vendor == "sigma" else {}, request.json()):
        if isinstance(params, dict):
            for name in ("reference", "referenceNumber"):
                if isinstance(params.get(name), str):
                    return str(params[name])
    return ""
