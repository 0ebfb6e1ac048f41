"""Bad weather: faults by chance that repeat for one seed, whatever the timing.

Whether a request meets one, and which, is decided by (seed, vendor, method, path and reference, how many
times it was made) and by nothing else: no fault changes what befalls another request, but that a dead link
stays dead. What callers share is counted in the order of arrival: sign-ins, lists and submits of several
accounts under one path.
"""

# ruff: noqa: S311 - chance here makes repeatable trouble, nothing secret

from __future__ import annotations

import random
from collections.abc import Mapping
from email.utils import formatdate

from reportdash.simulator.faults import Cut, Fault, Half, Lost, Reset, Sleep, Slow
from reportdash.simulator.vendor import Vendor
from reportdash.simulator.wire import Reply, Request

BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1>"
    b"</center>\r\n</body>\r\n</html>\r\n"
)
DEAD_LINKS = (
    (403, "AccessDenied", "Request has expired"),
    (403, "SignatureDoesNotMatch", "The request signature we calculated does not match."),
    (410, "Gone", "The resource is no longer available."),
)
API = {
    "throttled": 20,
    "bad gateway": 20,
    "reset": 10,
    "lost": 8,
    "half": 12,
    "cut": 10,
    "slow": 15,
    "stalled": 8,
    "expired": 6,
}
REPORT = {**API, "cut": 80, "half": 30, "stalled": 30}
STORAGE = {"dead link": 80, "cut": 140, "reset": 40, "slow": 20, "stalled": 20, "bad gateway": 20}
"""Chances in a thousand requests: an API's, one that is answered with a whole report, the storage's."""
NEW = 3
"""For so many requests after a refused token the next one counts as new."""


class Chaos:
    """Called for each request; gives the fault it meets, or None. Slow answers wait by `sleep`."""

    def __init__(self, seed: int, vendors: Mapping[str, Vendor], sleep: Sleep) -> None:
        self._seed, self._vendors, self._sleep = seed, vendors, sleep
        self._counts: dict[tuple[str, ...], int] = {}
        self._dead: dict[str, Reply] = {}

    def __call__(self, request: Request) -> Fault | None:
        key = (request.vendor, request.method, request.path, _reference(request))
        nth = self._counts[key] = self._counts.get(key, 0) + 1
        kind, rng = self._draw(request, key, nth)
        if kind == "expired":
            return self._expired(request, key, nth)
        if request.raw in self._dead:
            return self._dead[request.raw]  # a link that is dead stays so; only a new one helps
        return self._fault(kind, request, rng) if kind else None

    def _draw(self, request: Request, key: tuple[str, ...], nth: int) -> tuple[str | None, random.Random]:
        rng = random.Random("/".join(("chaos", str(self._seed), *key, str(nth))))
        at = rng.random() * 1000
        for kind, chance in _chances(request).items():
            at -= chance
            if at < 0:
                return kind, rng
        return None, rng

    def _expired(self, request: Request, key: tuple[str, ...], nth: int) -> Fault | None:
        """The vendor's own refusal of an old token. No vendor refuses the new one that then comes (perhaps
        after another caller's request), and without a token, at a sign-in or for a key, none expires.
        """
        before = range(max(nth - NEW, 1), nth)
        if any(self._draw(request, key, number)[0] == "expired" for number in before):
            return None
        return self._vendors[request.vendor].expired(request)

    def _fault(self, kind: str, request: Request, rng: random.Random) -> Fault:
        match kind:
            case "throttled":
                return _throttled(request, rng)
            case "bad gateway":
                return Reply(502, BAD_GATEWAY, {"Content-Type": "text/html"})
            case "dead link":
                return self._dead.setdefault(request.raw, _dead_link(rng))
            case "reset":
                return Reset()
            case "lost":
                return Lost()
            case "half":
                return Half()
            case "cut":
                return Cut(share=rng.uniform(0.0, 0.99))
        return Slow(rng.uniform(0.5, 3.0), within=kind == "stalled", sleep=self._sleep)


def _chances(request: Request) -> Mapping[str, int]:
    if request.vendor == "storage":
        return STORAGE
    whole = (request.vendor, request.method, request.path.rstrip("/").lower()) == ("7g", "GET", "/report")
    return REPORT if whole else API


def _throttled(request: Request, rng: random.Random) -> Reply:
    """429; Retry-After in seconds, now and then as a date, as the RFC allows."""
    seconds = rng.choice((1, 2, 3, 4, 15))
    wait = formatdate(request.at + seconds, usegmt=True) if rng.random() < 0.25 else str(seconds)
    return Reply(
        429, b'{"message":"Too many requests"}', {"Content-Type": "application/json", "Retry-After": wait}
    )


def _dead_link(rng: random.Random) -> Reply:
    status, code, message = rng.choice(DEAD_LINKS)
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    body = '<?xml version="1.0" encoding="UTF-8"?>\n' + body
    return Reply(status, body.encode(), {"Content-Type": "application/xml"})


def _reference(request: Request) -> str:
    """Which job the request is about where the path does not say; never a token."""
    for params in (request.query, request.form if request.vendor == "sigma" else {}, request.json()):
        if isinstance(params, dict):
            for name in ("reference", "referenceNumber"):
                if isinstance(params.get(name), str):
                    return str(params[name])
    return ""
