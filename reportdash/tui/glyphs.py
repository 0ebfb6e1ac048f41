"""Signs: Unicode as the board writes them, or their ASCII twins, each as wide as what it stands for.

No I/O but the environment handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from rich.cells import cell_len

Glyphs = Literal["unicode", "ascii", "wide"]
"""`wide`: ASCII signs, but words stay as they are: a terminal of a language with wide characters."""

TWINS = str.maketrans(
    {
        "›": ">",
        "·": ".",
        "●": "o",
        "»": "O",
        "✓": "+",
        "▲": "!",
        "–": "-",
        "✗": "X",
        "‹": "<",
        "▌": "|",
        "■": "*",
        "▼": "v",
        "►": ">",
        "├": "|",
        "└": "`",
        "↓": "v",
        "↑": "^",
        "━": "#",
        "─": ".",
        "…": "~",
        "•": "*",
        "≤": "<",
        "█": "_",
        "→": ">",
        "←": "<",
        "×": "x",
        "╭": "+",
        "╮": "+",
        "╰": "+",
        "╯": "+",
        "│": "|",
        "—": "-",
    }
)
"""A sign's ASCII twin."""


def ascii_text(text: str, *, words: bool = False) -> str:
    """Text with ASCII signs; what else is not ASCII becomes `?`, unless `words` may stay."""
    # A middle dot is a state at the start of a cell and a dash between facts; a branch touches its name.
    text = (text[:1] + text[1:].replace("·", "-")).replace("├ ", "|-").replace("└ ", "`-")
    text = text.translate(TWINS)
    if words or text.isascii():
        return text
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in text)


_WIDE_SIGNS = ("zh", "ja", "ko")


def choose(setting: str, environ: Mapping[str, str]) -> Glyphs:
    """`setting` is auto, unicode or ascii. By itself ASCII is chosen for a locale that is not UTF-8, for
    terminals without such signs, and where `●` may be two cells wide."""
    if setting == "unicode":
        return "unicode"
    if setting == "ascii":
        return "ascii"
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    encoding = locale.partition(".")[2].partition("@")[0].replace("-", "").casefold()
    if encoding != "utf8" or environ.get("TERM") in ("linux", "dumb"):
        return "ascii"
    return "wide" if locale.startswith(_WIDE_SIGNS) else "unicode"
