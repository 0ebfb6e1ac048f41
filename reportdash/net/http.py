"""A request and its answer, as vendors see them: plain records, no library's types."""

from __future__ import annotations

import json as _json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from reportdash.errors import BadPayload
from reportdash.plain import clean

MAX_REPLY = 8 * 1024 * 1024
"""Bytes of one API answer at most; a request for a report's own body raises it with `cap`."""
MOST_VALUES = 400_000
"""Values in one JSON answer at most, by the signs that part and open them: three bytes can cost a hundred,
and all are read on the loop of the screen."""
_SIGNS = (b",", b"[", b"{")
MAX_REPORT = 512 * 1024 * 1024
BEGINNING = 256 * 1024
"""Bytes of a streamed answer that are read before it is handed back; a shorter one is read whole."""


@dataclass(slots=True, frozen=True)
class Request:
    """One call. `path` is appended to the account's base_url, unless it is an absolute address.

    At most one of `json` and `form`. `timeout` is the whole call's deadline in seconds; `cap` the largest
    answer in bytes. `stream`: of a larger answer with a status 2xx only the beginning is read, the rest comes
    as `Reply.chunks`, and `timeout` is over when it begins to. `public` calls go unsigned. `job` names the
    job the exchange is kept for. `secret` names fields of query, json or form (beyond the known ones) that
    are never shown.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 30.0
    cap: int = MAX_REPLY
    stream: bool = False
    public: bool = False
    job: str | None = None
    secret: tuple[str, ...] = ()
    refusal_is_answer: bool = False  # a 403 on a fresh session is handed back: it is about the job

    def __repr__(self) -> str:
        return f"Request({self.method})"  # everything else may hold a token


class Rest(Protocol):
    """What is still to come of an answer."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


@dataclass(slots=True, frozen=True)
class Reply:
    """One answer, read whole but for its `rest`. Header names are lower case. `url` is the address that was
    asked, unsigned.

    `hide` takes the account's secrets out of a text; what this record says of itself goes through it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    hide: Callable[[str], str] = field(default=str, compare=False)
    rest: Rest | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"Reply({self.status}, {len(self.body)} bytes)"

    @property
    def length(self) -> int | None:
        """Bytes of the body; where it still comes, as announced, None if they were not."""
        if self.rest is None:
            return len(self.body)
        announced = self.headers.get("content-length", "")
        return int(announced) if announced.isascii() and announced.isdigit() else None

    @property
    def framed(self) -> bool:
        """Whether the end of the body shows: a cut one raises, where it is read here or in `chunks`."""
        announced = self.headers.get("content-length", "")
        return (announced.isascii() and announced.isdigit()) or "transfer-encoding" in self.headers

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body in pieces, once. Raises Unreachable where it is cut or falls silent, BadPayload where it
        grows beyond the cap.
        """
        for start in range(0, len(self.body), BEGINNING):
            yield self.body[start : start + BEGINNING]
        if self.rest is not None:
            async with aclosing(self.rest):
                async for chunk in self.rest:
                    yield chunk

    @property
    def text(self) -> str:
        """The body as text for people; never raises."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises BadPayload for HTML, half JSON, too deep, lone surrogates, NaN, more
        values than an answer has, and a key that is told twice with different values.
        """
        if sum(map(self.body.count, _SIGNS)) > MOST_VALUES:
            raise BadPayload(f"an answer of more than {MOST_VALUES} values was not read", status=self.status)
        try:
            data = _json.loads(self.body, parse_constant=_refuse, object_pairs_hook=_once)
            _json.dumps(data, ensure_ascii=False).encode("utf-8")
        except (ValueError, RecursionError, UnicodeError) as error:
            raise BadPayload(self.unreadable(), status=self.status) from error
        return data

    def object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises BadPayload for anything else."""
        data = self.json()
        if not isinstance(data, dict):
            raise BadPayload(self.unreadable(), status=self.status)
        return data

    def unreadable(self) -> str:
        """One line that says what came instead of JSON."""
        kind = self.headers.get("content-type", "").split(";")[0].strip() or "no content type"
        size = "of unknown length" if self.length is None else f"{self.length} bytes"
        start = clean(self.hide(self.body[:2048].decode("utf-8", "replace")), 60)
        what = f"HTTP {self.status}, {clean(kind, 40)}, {size}"
        return f"{what}: {start}" if start else what


@dataclass(slots=True)
class Session:
    """What a sign-in gave; memory only. `expires_at` seconds since the epoch, None if it does not say."""

    token: str
    refresh: str | None = None
    expires_at: float | None = None
    lifetime: float | None = None  # seconds from now, where the vendor says it that way
    scope: str | None = None  # what the token allows, in the vendor's words

    def __repr__(self) -> str:
        return "Session(…)"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object; of two different words for one thing neither is believed."""
    found = dict(pairs)
    if len(found) != len(pairs) and any(found[key] != value for key, value in pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
