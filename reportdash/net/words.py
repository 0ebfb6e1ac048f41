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
        said = _find(json.loads(reply.body[: 64 * 1024]), _DEPTH, named=reply.body[:1] == b'"')
    except (ValueError, RecursionError):
        if "html" not in kind and not reply.body[:64].lstrip().startswith((b"<", b"{", b"[")):
            said = reply.body[:600].decode("utf-8", "replace")
    said = " ".join(said.split())
    return f"HTTP {reply.status}: {said}" if said else f"HTTP {reply.status}, no reason given"


def _find(data: Any, depth: int, *, named: bool = False) -> str:
    """The first text under a name that carries messages, nearest to the top; `named`: we are below one."""
    if isinstance(data, str):
        return data if named else ""
    if depth == 0:
        return ""
    if isinstance(data, list):
        return next((found for item in data if (found := _find(item, depth - 1, named=named))), "")
    if not isinstance(data, Mapping):
        return ""
    lowered = {str(key).casefold().replace("-", "_"): value for key, value in data.items()}
    for name in _NAMES:
        value = lowered.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value and (found := _find(value, depth - 1, named=True)):
            return found
    # Elsewhere a bare text is data, not a message; below `errors` it is one.
    return next((found for value in lowered.values() if (found := _find(value, depth - 1, named=named))), "")
