"""Vendor text made harmless: one function, used wherever a vendor's words enter our records."""

from __future__ import annotations

import re

# C0, DEL, C1, zero-width and bidi controls, line/paragraph separators, BOM, interlinear marks,
# tag characters, surrogates, noncharacters: none may reach a terminal, a file name or the ledger.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f"
    "\ufeff\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_SPACES = re.compile(r"[\t\n\r\v\f\x85\u2028\u2029]+")


def clean(text: object, limit: int = 500) -> str:
    """One line of printable text, at most `limit` characters (cut with `…`).

    Line breaks and tabs become one space, every other control or invisible character `�`.
    Never raises; a non-string is shown by its `str`.
    """
    raw = text if isinstance(text, str) else str(text)
    raw = raw[: limit * 4]
    raw = _UNSAFE.sub("\ufffd", _SPACES.sub(" ", raw)).strip()
    return raw if len(raw) <= limit else raw[: limit - 1] + "…"


def clean_block(text: str, limit: int = 4096) -> str:
    """Like `clean`, but line breaks stay: for bodies of exchanges. At most `limit` characters."""
    lines = text[: limit * 2].replace("\r\n", "\n").replace("\t", "  ").split("\n")
    block = "\n".join(_UNSAFE.sub("\ufffd", line) for line in lines)
    return block if len(block) <= limit else block[: limit - 1] + "…"
