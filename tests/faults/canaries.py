"""Where a secret might have stayed, and in which forms: for tests that leave canaries behind them."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote


def forms(secret: str) -> dict[str, bytes]:
    """The ways a secret is written down, by name; base64 also where it stands amid something else."""
    raw = secret.encode()
    found = {"plain": raw, "percent": quote(secret, safe="").encode(), "hex": raw.hex().encode()}
    for before in range(3):
        # Whole groups of three bytes stay the same, whatever stands around them.
        cut = raw[(3 - before) % 3 :]
        found[f"base64+{before}"] = base64.b64encode(cut[: len(cut) // 3 * 3])
        found[f"base64url+{before}"] = base64.urlsafe_b64encode(cut[: len(cut) // 3 * 3])
    return found


def hits(places: Iterable[tuple[str, bytes]], secrets: Iterable[str]) -> list[str]:
    """`place: form of secret` for every secret that is in one of the texts."""
    wanted = [(f"{form} of {secret}", needle) for secret in secrets for form, needle in forms(secret).items()]
    return [f"{place}: {what}" for place, text in places for what, needle in wanted if needle in text]


def files(*folders: Path) -> list[tuple[str, bytes]]:
    """Every regular file below the folders: its path and its content."""
    return [
        (str(path), path.read_bytes())
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if stat.S_ISREG(path.lstat().st_mode)
    ]
