"""The operator's clipboard, through the terminal (OSC 52), from this server to wherever they sit."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

MOST = 74_994
"""Bytes of base64 that common terminals take; more is refused rather than cut."""


def sequence(text: str, environ: Mapping[str, str]) -> str | None:
    """The escape sequence that copies `text`, wrapped for tmux and screen; None when it is too long."""
    packed = b64encode(text.encode("utf-8", "replace")).decode("ascii")
    if len(packed) > MOST:
        return None
    plain = f"\x1b]52;c;{packed}\x07"
    if environ.get("TMUX"):
        doubled = plain.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\"
    if environ.get("TERM", "").startswith("screen"):
        # screen takes at most 768 bytes a string.
        chunks = [plain[at : at + 700] for at in range(0, len(plain), 700)]
        return "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)
    return plain
