"""What the headers of a storage's answer say about size, version and place of its bytes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reportdash.engine.files import Part
from reportdash.model import Signed

# Others than ASCII may stand in one, but cannot be sent back byte for byte.
_ETAG = re.compile(r'"[\x21\x23-\x7e]*"')
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.ASCII)
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


def strong_etag(headers: Mapping[str, str]) -> str | None:
    """The entity tag, if it is one that names the very bytes."""
    etag = headers.get("etag", "").strip()
    return etag if _ETAG.fullmatch(etag) else None


def continues(headers: Mapping[str, str], part: Part, link: Signed) -> bool:
    """Whether a 206 is exactly the rest of the very version we have the beginning of."""
    side, size = part.side, part.size
    found = _RANGE.fullmatch(headers.get("content-range", "").strip())
    if found is None or headers.get("etag", "").strip() != side.etag or link.checksum != side.checksum:
        return False
    first, last, total = (int(n) for n in found.groups())
    fits = first == size and total == side.total and size <= last < total
    return fits and length(headers) in (None, last - first + 1)


def length(headers: Mapping[str, str]) -> int | None:
    """Bytes of the body as announced; None when they are not, or not readably."""
    found = headers.get("content-length", "").strip()
    return int(found) if _LENGTH.fullmatch(found) else None
