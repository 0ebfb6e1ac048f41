"""The operator's clipboard, through the terminal (OSC 52), from this server to wherever they sit.

Nothing tells whether a terminal took it. What is known is what stands in between: tmux and screen keep such
a sequence to themselves unless it is wrapped for them, tmux often even then; so tmux is handed the text too.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from reportdash.board.units import size

MOST = 74_994
"""Bytes of base64 that common terminals take; more is refused rather than cut."""
MOST_BYTES = MOST // 4 * 3
CHUNK = 700
"""screen takes at most 768 bytes a string, and writes what is longer on the screen as text."""
PATIENCE = 2.0
"""Seconds that tmux gets."""


class Between(Enum):
    """What stands between us and the operator's terminal, as far as the environment tells."""

    NOTHING = "nothing"
    TMUX = "tmux"
    SCREEN = "screen"
    OUTER_TMUX = "a tmux at the operator's end"
    EITHER = "a tmux or a screen at the operator's end"


class Said(NamedTuple):
    """One line on what became of the text. `well`: it is where the operator can paste it, for all we know."""

    text: str
    well: bool = True


def between(environ: Mapping[str, str]) -> Between:
    """What the text has to pass. An SSH session keeps TERM, but neither TMUX nor STY."""
    if environ.get("TMUX"):
        return Between.TMUX
    if environ.get("STY"):
        return Between.SCREEN
    term = environ.get("TERM", "")
    if term.startswith("tmux"):
        return Between.OUTER_TMUX
    return Between.EITHER if term.startswith("screen") else Between.NOTHING


def fits(text: str) -> bool:
    """Whether a terminal can take it."""
    return len(_bytes(text)) <= MOST_BYTES


def sequence(text: str, environ: Mapping[str, str]) -> str | None:
    """The escape sequence that copies `text`, wrapped for what stands in between; None: it is too long."""
    if not fits(text):
        return None
    plain = f"\x1b]52;c;{b64encode(_bytes(text)).decode('ascii')}\x07"
    match between(environ):
        case Between.TMUX:
            return _for_tmux(plain)
        case Between.SCREEN:
            return _for_screen(plain)
        case Between.OUTER_TMUX:
            # Which of the two it lets through is its setting; it drops the other.
            return plain + _for_tmux(plain)
        case Between.EITHER if len(plain) <= CHUNK:
            # tmux drops what is wrapped for screen; screen drops the plain form, unless it is long.
            return plain + _for_screen(plain)
        case Between.EITHER:
            return _for_screen(plain)
    return plain


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _for_tmux(plain: str) -> str:
    doubled = plain.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"


def _for_screen(plain: str) -> str:
    chunks = [plain[at : at + CHUNK] for at in range(0, len(plain), CHUNK)]
    return "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)


def said(text: str, what: str, environ: Mapping[str, str]) -> Said:
    """What to tell of a text that was sent by `sequence` alone. `what` it is: `k3f9ta`, `the words`."""
    if not fits(text):
        return Said(_too_long(text), well=False)
    match between(environ):
        case Between.OUTER_TMUX:
            return Said(f"sent {what} to the terminal; its tmux needs set-clipboard on")
        case Between.EITHER:
            return Said(f"sent {what} to the terminal; a tmux there needs set-clipboard on")
    return Said(f"copied {what}")


def _too_long(text: str) -> str:
    return f"too long for a terminal's clipboard: {size(len(_bytes(text)))}, at most {size(MOST_BYTES)}"


def to_tmux(text: str, what: str) -> Said:
    """Hand the text to the tmux we are in, for its buffer and, where it may, the clipboard. Blocks."""
    short = fits(text)
    # With -w (tmux 3.2) tmux sets the clipboard of the terminal as well.
    for options in (["-w"], []) if short else ([],):
        wrong = _load(["tmux", "load-buffer", *options, "-"], _bytes(text))
        if not wrong:
            if options:
                rest = ", and to the clipboard if tmux may"
            else:
                rest = "" if short else f"; too long for the clipboard: {size(len(_bytes(text)))}"
            return Said(f"copied {what} to tmux's buffer{rest}")
        if wrong == "is not there":
            break
    if not short:
        return Said(_too_long(text), well=False)
    return Said(f"tmux {wrong}; sent past it, which needs allow-passthrough on", well=False)


def _load(words: Sequence[str], data: bytes) -> str:
    """Run the command with `data`; what went wrong, empty when nothing did."""
    import os
    import subprocess

    from reportdash.tui.pager import without_secrets

    try:
        done = subprocess.run(  # noqa: S603 - words of ours
            words,
            input=data,
            env=without_secrets(os.environ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        return "is not there"
    except subprocess.TimeoutExpired:
        return "does not answer"
    except OSError:
        return "does not start"
    return "" if done.returncode == 0 else "refused the text"
