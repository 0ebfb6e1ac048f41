"""The vendor's own words out of an answer that says no. Pure; the text is still raw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reportdash.net.http import Reply

_NAMES = (
    "error_description", "errormsg", "errormessage", "message", "description", "detail", "title", "reason",
    "error", "errors", "code", "errorcode",
)  # fmt: skip
_DEPTH = 4


def words(reply: Reply) -> str:
    """`HTTP 401: what the vendor says`, or the bare status where it says nothing readable."""
    said = ""
    kind = reply.headers.get("content-type", "").lower()
    try:
        said = _find(json.loads(reply.body[: 64 * 1024]), _DEPTH)
    except (ValueError, RecursionError):
        if "html" not in kind and not reply.body[:64].lstrip().startswith((b"<", b"{", b"[")):
            said = reply.body[:600].decode("utf-8", "replace")
    said = " ".join(said.split())
    return f"HTTP {reply.status}: {said}" if said else f"HTTP {reply.status}, no reason given"


def _find(data: Any, depth: int) -> str:
    """The first text under a name that carries messages, the nearest to the top."""
    if isinstance(data, str):
        return data
    if depth == 0:
        return ""
    if isinstance(data, list):
        return next((found for item in data if (found := _find(item, depth - 1))), "")
    if not isinstance(data, Mapping):
        return ""
    lowered = {str(key).casefold().replace("-", "_"): value for key, value in data.items()}
    for name in _NAMES:
        value = lowered.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value and (found := _find(value, depth - 1)):
            return found
    nested = (value for value in lowered.values() if isinstance(value, Mapping | list))
    return next((found for value in nested if (found := _find_named(value, depth - 1))), "")


def _find_named(data: Any, depth: int) -> str:
    """As `_find`, but a bare text in a list is no message."""
    if isinstance(data, list):
        return next(
            (found for item in data if isinstance(item, Mapping) and (found := _find(item, depth))), ""
        )
    return _find(data, depth)
