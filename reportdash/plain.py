"""Vendor text made harmless: one function, used wherever a vendor's words enter our records."""

from __future__ import annotations

import re

# C0, DEL, C1, zero-width and bidi controls, fillers nobody sees, line/paragraph separators, variation
# selectors, BOM, interlinear marks, format controls, tag characters, surrogates, noncharacters: none may
# reach a terminal, a file name or the ledger.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufdd0-\ufdef\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U000110bd\U000110cd\U00013430-\U0001345f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U0001fffe\U0001ffff\U000e0000-\U000e0fff]"
)
# Marks that stand on the character before them: no script needs so many on one, and a tower of them is drawn
# over the lines above and below.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0e31\u0e34-\u0e3a"
    "\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u0f71-\u0f84\u135d-\u135f\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20f0\u302a-\u302d\u3099\u309a\ua66f-\ua67d\ufe20-\ufe2f"
)
MOST_MARKS = 6
_TOWER = re.compile(f"(?<=[{_MARKS}]{{{MOST_MARKS}}})[{_MARKS}]+")
_SPACES = re.compile(r"[\t\n\r\v\f\x85\u2028\u2029]+")


def clean(text: object, limit: int = 500) -> str:
    """One line of printable text, at most `limit` characters (cut with `…`).

    Line breaks and tabs become one space, every other control or invisible character `�`.
    Never raises; a non-string is shown by its `str`.
    """
    raw = text if isinstance(text, str) else str(text)
    raw = raw[: limit * 4]
    raw = harmless(_SPACES.sub(" ", raw)).strip()
    return raw if len(raw) <= limit else raw[: limit - 1] + "…"


def clean_block(text: str, limit: int = 4096) -> str:
    """Like `clean`, but line breaks stay: for bodies of exchanges. At most `limit` characters."""
    lines = text[: limit * 2].replace("\r\n", "\n").replace("\t", "  ").split("\n")
    block = "\n".join(harmless(line) for line in lines)
    return block if len(block) <= limit else block[: limit - 1] + "…"


def harmless(text: str) -> str:
    """`text` with no control and no invisible character in it, and no towers of marks."""
    text = _UNSAFE.sub("\ufffd", text)
    return text if text.isascii() else _TOWER.sub("\ufffd", text)


def escaped(text: str) -> str:
    """JSON text with such characters written as JSON writes them: the same data, harmless to a terminal."""
    if text.isascii() and text.isprintable():
        return text  # as nearly every line is, and there are many
    return _TOWER.sub(_escape, _UNSAFE.sub(_escape, text))


def _escape(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
