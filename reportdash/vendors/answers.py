"""What vendors' answers have in common: tolerant scalars, the vendor's words, what an HTTP status means.

Pure functions over `Reply`; no vendor is named here. Vendor text leaves this module clean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from reportdash.errors import BadPayload, CallFailed, NotFound, VendorRefused
from reportdash.net.http import Reply
from reportdash.plain import clean
from reportdash.vendors.contract import pick

STATUS_WORD = 80
"""Characters of a vendor's status word that are kept: a longer one is no word."""

_SPOKEN = (
    "message",
    "error_description",
    "errorMsg",
    "description",
    "error",
    "detail",
    "title",
    "errors",
    "fields",
)


def text(value: object, limit: int = 500) -> str | None:
    """A scalar of the vendor as clean text; None for null, objects, arrays and what is blank."""
    if value is None or isinstance(value, (dict, list)):
        return None
    return clean(value, limit) or None


def integer(value: object) -> int | None:
    """A number sent as 200 or as "200"; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    raw = value.strip() if isinstance(value, str) else ""
    return int(raw) if re.fullmatch(r"-?[0-9]{1,15}", raw) else None


def truth(value: object) -> bool | None:
    """A boolean sent as true or as "true"; None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().casefold()) if isinstance(value, str) else None


def token(value: object) -> str | None:
    """A session token fit for a header (visible ASCII, no blanks); None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]{1,16384}", value.strip()):
        return value.strip()
    return None


def segment(value: str) -> str:
    """One path segment, percent-encoded whole; `.` and `..` never get this far (see each `reference`)."""
    return quote(value, safe="")


def html(reply: Reply) -> bool:
    """Whether a page for people came where the vendor speaks JSON: a gateway's, never the vendor's word."""
    kind = reply.headers.get("content-type", "").casefold()
    return "html" in kind or reply.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(
        (b"<!doctype", b"<html")
    )


def words(reply: Reply) -> str:
    """What the vendor says about a refusal, from the places vendors say it; else the start of the body."""
    try:
        said = "; ".join(dict.fromkeys(_said(reply.json(), 0)))
    except BadPayload:
        said = "" if html(reply) else reply.text
    return clean(said) or reply.unreadable()


def _said(data: Any, depth: int) -> Iterator[str]:
    if depth > 4:
        return
    if isinstance(data, str):
        if clean(data):
            yield clean(data)
    elif isinstance(data, list):
        for item in data[:10]:
            if isinstance(item, dict) and (field := text(pick(item, "name"))) and pick(item, "description"):
                yield f"{field}: {clean(pick(item, 'description'))}"
            else:
                yield from _said(item, depth + 1)
    elif isinstance(data, dict):
        named = [value for key in _SPOKEN if (value := pick(data, key))]
        # Below `errors` the keys are field names, so there every value counts.
        for value in named or (list(data.values())[:10] if depth else []):
            yield from _said(value, depth + 1)


def failure(reply: Reply, *, certain: bool = True) -> CallFailed:
    """What a status outside 2xx means for a look, a download or a delete.

    404 and 410 are NotFound (`certain` as the vendor's rule has it), other 4xx VendorRefused in the vendor's
    words; 5xx, redirects and pages for people are BadPayload: they are not the vendor's word on a job.
    """
    if not 400 <= reply.status < 500 or html(reply):
        return BadPayload(reply.unreadable(), status=reply.status)
    if reply.status in (404, 410):
        return NotFound(words(reply), status=reply.status, certain=certain)
    return VendorRefused(words(reply), status=reply.status)


def submit_failure(reply: Reply) -> CallFailed:
    """What a status outside 2xx means for a submit: any 4xx is a plain no; the rest leaves it unsure."""
    if 400 <= reply.status < 500:
        return VendorRefused(words(reply), status=reply.status)
    return BadPayload(reply.unreadable(), status=reply.status)


def good(reply: Reply) -> bool:
    """Whether the status is 2xx."""
    return 200 <= reply.status < 300
