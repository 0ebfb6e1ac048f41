"""7G's answers, read: the envelope `{result, message, recordCount?, data}` around all but a sign-in (A7 A8).

Pure functions from a `Reply` to `Seen`, `Submitted` and `Body`, or the failure it stands for. Pages as in
`seveng`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from decimal import Decimal, InvalidOperation
from typing import Any

from reportdash.errors import BadPayload, CallFailed, NotFound, SlotsFull, VendorRefused
from reportdash.model import NO_ROWS, Body, JobState, Seen, Signed, Submitted
from reportdash.net.http import Reply
from reportdash.vendors import answers
from reportdash.vendors.contract import pick, word
from reportdash.vendors.unwrapping import Unwrapping

CHUNK = 256 * 1024
GUID = re.compile(r"\{?([0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12})\}?", re.IGNORECASE)
_TOKEN = re.compile(r"(?=.*[0-9])[A-Za-z0-9._:-]{1,128}")  # a digit at least: "null" and "Accepted" are none
_FULL = re.compile(r"maximum|limit|concurrent", re.IGNORECASE)  # how the eleventh is refused is not stated
_LINK_KEYS = ("downloadUrl", "downloadLink", "url", "link", "href")

STATES = {  # [S0]; "pending" by [S3] and A1
    "pending": JobState.QUEUED,
    "incomplete": JobState.RUNNING,
    "complete": JobState.READY,
    "error": JobState.FAILED,
}


def canonical(guid: str) -> str:
    """A GUID as the samples write it [S0]: lower case, with hyphens, without braces."""
    plain = guid.replace("-", "").lower()
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"


def jwt_expiry(access: str) -> float | None:
    """`exp` of a JSON web token (A4 A10), epoch seconds; None where it is not one or names no end."""
    parts = access.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    exp = claims.get("exp") if isinstance(claims, dict) else None
    return (
        float(exp) if isinstance(exp, (int, float)) and not isinstance(exp, bool) and 0 < exp < 1e11 else None
    )


def parse_status(reply: Reply) -> Seen:
    """An answer of GET /Report/Status [S0].

    `data` decides: any word is a status, whatever `result` says, for `result` is true only when complete.
    Raises NotFound for `result: false` without a word (as errors come under HTTP 200, A8) and for a 404,
    BadPayload for what is neither.
    """
    if not answers.good(reply):
        raise answers.failure(reply)
    envelope = reply.object()
    raw = pick(envelope, "data")
    message = answers.text(pick(envelope, "message"))
    status = answers.text(raw, answers.STATUS_WORD) if isinstance(raw, str) else None
    if status is None:
        if answers.truth(pick(envelope, "result")) is False:
            raise NotFound(message or "7G does not know this report", status=reply.status)
        raise BadPayload(f"no status in the answer: {reply.unreadable()}", status=reply.status)
    return Seen(STATES.get(word(raw), JobState.UNKNOWN), status, message)


def parse_submit(reply: Reply) -> Submitted:
    """An answer of POST /Report (A1): the reference stands in `data`, or in it under a name.

    No page shows its JSON, so a GUID is believed whatever `result` says: that is true only when complete.

    Raises SlotsFull, VendorRefused, or BadPayload when it cannot be said whether a report was started.
    """
    if not answers.good(reply):
        failed = answers.submit_failure(reply)
        raise _refusal(failed.text, reply.status) if isinstance(failed, VendorRefused) else failed
    envelope = reply.object()
    data = pick(envelope, "data")
    raw = (pick(data, "reference") or pick(data, "guid")) if isinstance(data, dict) else data
    given = raw.strip() if isinstance(raw, str) else ""
    result = answers.truth(pick(envelope, "result"))
    message = answers.text(pick(envelope, "message"))
    guid = GUID.fullmatch(given)
    if word(given) in STATES:  # it says how a report stands, but not which
        raise BadPayload(f"no reference in the answer: {reply.unreadable()}", status=reply.status)
    if guid or (result is not False and _TOKEN.fullmatch(given)):
        reference = canonical(guid[1]) if guid else given
        return Submitted(reference, Seen(JobState.QUEUED, None, message, reference=reference))
    if result is False:
        raise _refusal(message or answers.words(reply), reply.status)
    raise BadPayload(f"no reference in the answer: {reply.unreadable()}", status=reply.status)


def _refusal(message: str, status: int) -> CallFailed:
    """A refused submit: one report too many [S3] by HTTP 409 or by its words, or a plain no (A8)."""
    kind = SlotsFull if status == 409 or _FULL.search(message) else VendorRefused
    return kind(message, status=status)


def parse_report(reply: Reply) -> Body | Signed:
    """A whole answer of GET /Report (A2): the report itself, or a link to it in an older style.

    Raises VendorRefused where it holds no report, and for `result: false` whatever stands beside it: so
    errors come under HTTP 200 (A8).
    """
    restore = _Restore()
    try:
        envelope = restore.read(reply.body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadPayload(reply.unreadable(), status=reply.status) from error
    if not isinstance(envelope, dict):
        raise BadPayload(reply.unreadable(), status=reply.status)
    data = pick(envelope, "data")
    _judge(envelope, data, reply)
    if link := _link(data):
        return Signed(link)
    try:
        encoded = restore.write(data).encode("utf-8")
    except (ValueError, RecursionError) as error:  # a lone surrogate has no UTF-8
        raise BadPayload(reply.unreadable(), status=reply.status) from error
    return Body(_chunks(encoded), "json", total=len(encoded), note=NO_ROWS if _no_rows(data) else None)


async def unwrapped(reply: Reply) -> AsyncIterator[bytes]:
    """The report in a large answer of GET /Report, in pieces while it comes; the same bytes as of a whole.

    What speaks against it may stand behind it, so it is a report only when this ends without raising
    BadPayload, VendorRefused as `parse_report`, or what the rest of the answer raises.
    """
    restore = _Restore()
    unwrapping = Unwrapping("data", lambda text: restore.write(restore.read(text)))
    try:
        held, size = list[bytes](), 0
        async with aclosing(reply.chunks()) as chunks:
            async for chunk in chunks:
                held.append(chunk)
                size += len(chunk)
                if size >= CHUNK:
                    # In a thread: a piece takes longer than a key may.
                    yield await asyncio.to_thread(unwrapping.feed, b"".join(held))
                    held, size = [], 0
        yield await asyncio.to_thread(unwrapping.feed, b"".join(held), last=True)
        words = {name: json.loads(value) for name, value in unwrapping.words.items()}
    except ValueError as error:  # a lone surrogate has no UTF-8
        raise BadPayload(reply.unreadable(), status=reply.status) from error
    data = words.get("data", {} if unwrapping.found else None)
    _judge(words, data, reply)
    if _link(data):
        raise BadPayload("the answer is too large for one that holds a link", status=reply.status)


def _judge(envelope: Mapping[str, Any], data: Any, reply: Reply) -> None:
    """Whether the envelope stands for a report. Raises BadPayload or VendorRefused."""
    result = answers.truth(pick(envelope, "result"))
    if result is None:  # no envelope of 7G's: an error, perhaps, and saved it would pass for the report
        raise BadPayload(reply.unreadable(), status=reply.status)
    if not result or data is None or data == "" or (isinstance(data, str) and word(data) in STATES):
        said = answers.text(pick(envelope, "message")) or answers.text(data)
        raise VendorRefused(said or "the answer holds no report", status=reply.status)


def _link(data: Any) -> str | None:
    """An address in place of the report (A2): `data` itself, or what an object without rows holds."""
    if isinstance(data, dict) and not any(isinstance(value, (list, dict)) for value in data.values()):
        data = pick(data, *_LINK_KEYS)
    if isinstance(data, str) and re.match(r"https?://[^\s\x00-\x1f]+\Z", data.strip()):
        return data.strip()
    return None


def _no_rows(data: Any) -> bool:
    """Whether the report has no rows: its `results` (A2), or all of it, is empty."""
    if isinstance(data, dict):
        found = pick(data, "results")
        return not data or (isinstance(found, list) and not found)
    return isinstance(data, list) and not data


class _Restore:
    """Reads JSON and writes it again; numbers that a float cannot hold stay as the vendor wrote them (unit
    prices run to 28 digits). Raises ValueError or RecursionError.
    """

    def __init__(self) -> None:
        self._mark = secrets.token_hex(8)
        self._marked = re.compile(rf'"{self._mark}:([^"]*)"')
        self._used = False
        self._decoder = json.JSONDecoder(parse_float=self._number, parse_constant=_no_constant)
        self._encoder = json.JSONEncoder(ensure_ascii=False)

    def read(self, text: str) -> Any:
        return self._decoder.decode(text)

    def write(self, data: Any) -> str:
        encoded = self._encoder.encode(data)
        return self._marked.sub(r"\1", encoded) if self._used else encoded

    def _number(self, raw: str) -> float | str:
        value = float(raw)
        try:
            if Decimal(repr(value)) == Decimal(raw):
                return value
        except InvalidOperation:
            pass
        self._used = True
        return f"{self._mark}:{raw}"


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(view), CHUNK):
        yield bytes(view[start : start + CHUNK])
