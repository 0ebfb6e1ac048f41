"""What a program sent to its terminal, taken apart: text, and control sequences by their kind."""

from __future__ import annotations

import re
from typing import NamedTuple

_PARTS = re.compile(
    rb"(?P<csi>\x1b\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e])"
    rb"|(?P<osc>\x1b\][^\x07\x1b]*(?:\x07|\x1b\\))"
    rb"|(?P<string>\x1b[P_^X][^\x1b]*(?:\x1b\\))"
    rb"|(?P<esc>\x1b[\x20-\x2f]*[\x30-\x4f\x51-\x57\x59\x5a\x60-\x7e])"
    rb"|(?P<text>[^\x00-\x1f\x7f\x1b]+)"
    rb"|(?P<control>[\x00-\x1f\x7f])"
)


class Part(NamedTuple):
    """`kind`: csi, osc, string, esc, text or control."""

    kind: str
    data: bytes


def parts(sent: bytes) -> list[Part]:
    """Every byte, in order; a sequence that has no end is one byte `control` and what follows."""
    found = [Part(match.lastgroup or "", match.group()) for match in _PARTS.finditer(sent)]
    assert b"".join(part.data for part in found) == sent
    return found


# What the board sends, and nothing else: modes by their numbers, the rest by shape.
_MODES = "25|1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2031|2048|7"
OURS = [
    re.compile(rb"\x1b\[\?(%s)[hl]" % _MODES.encode()),
    re.compile(rb"\x1b\[\?(2026|2048)\$p"),
    re.compile(rb"\x1b\[[0-9]{0,3}[ABCDGXLMK]"),
    re.compile(rb"\x1b\[([0-9]{1,3}(;[0-9]{1,3})?)?[Hr]"),
    re.compile(rb"\x1b\[2[23];2t"),
    re.compile(rb"\x1b\[[<>=][0-9]{0,2}u"),
    re.compile(rb"\x1b\]22;[a-z-]+\x07"),
    re.compile(rb"\x1b\]2;reportdash[ -~]*\x07"),
    re.compile(rb"\x1b[M78]"),
]
_SGR = re.compile(rb"\x1b\[([0-9;]*)m")
_WEIGHTS = {b"", *b"0 1 2 4 7 22 24 27 31 32 33 36 39 49".split()}
_COPY = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/]*=*)\x07")


def colours(part: bytes) -> bool:
    """Whether it is a pen of ours: weights, four of the terminal's colours, and those of 8 or 24 bits."""
    found = _SGR.fullmatch(part)
    if found is None:
        return False
    rest = re.sub(rb"[34]8;(5;[0-9]{1,3}|2(;[0-9]{1,3}){3})", b"", found[1])
    return set(rest.split(b";")) <= _WEIGHTS


def copied(part: bytes) -> bytes | None:
    """What a sequence puts on the clipboard, still in base64; None: it does not."""
    found = _COPY.fullmatch(part)
    return found[1] if found else None


def foreign(sent: bytes, *, controls: bytes = b"\r\n\x08") -> list[bytes]:
    """Sequences and controls that are none of the board's. Copies are for the caller to judge."""
    found = []
    for kind, data in parts(sent):
        if kind == "text" or (kind == "control" and data in controls):
            continue
        if kind == "osc" and copied(data) is not None:
            continue
        if not any(ours.fullmatch(data) for ours in OURS) and not colours(data):
            found.append(data)
    return found
