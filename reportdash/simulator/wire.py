"""One request as it came in and one reply as it goes out: plain values the vendor handlers work on.

Handlers are synchronous functions from `Request` to `Reply`, so that each call is atomic; delays, cuts and
connection resets belong to the sender in `server` and to `faults`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from reportdash.simulator.content import Content

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(eq=False)
class Request:
    """A request as the simulated vendor received it; kept in `Simulator.requests` for tests to look at.

    `raw` is the request target byte for byte (path and query, percent-encodings untouched), `path` the same
    without the query, `headers` has its names in lower case, `at` is the simulator's clock in epoch seconds.
    `status` is filled in when the reply is known; 0 means that the connection was dropped.
    """

    vendor: str
    method: str
    raw: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    status: int | None = None

    @cached_property
    def path(self) -> str:
        return self.raw.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        return _flat(self.raw.partition("?")[2])

    @cached_property
    def form(self) -> dict[str, str]:
        """The body read as an urlencoded form; empty when it is not one."""
        return _flat(self.body.decode("utf-8", "replace"))

    def json(self) -> Any:
        """The body read as JSON; None when it is absent or not JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except (ValueError, RecursionError):
            return None

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


def _flat(text: str) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(text, keep_blank_values=True).items()}


@dataclass
class Reply:
    """What goes back. `body` is sent as it is; a `stream` (content, start, stop) is sent in chunks instead.

    `rate` throttles a stream (bytes a second). `cut` closes the connection after that many body bytes, with
    the full length announced. `pause` is a silence in seconds in the middle of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stream: tuple[Content, int, int] | None = None
    rate: float | None = None
    cut: int | None = None
    pause: float = 0.0

    @property
    def length(self) -> int:
        if self.stream is not None:
            return self.stream[2] - self.stream[1]
        return len(self.body)


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON reply; keyword names become header names with `-` for `_`."""
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"Content-Type": JSON_TYPE, **names})
