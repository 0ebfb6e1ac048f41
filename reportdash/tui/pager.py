"""Which command shows a saved file."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path


def command(path: Path, environ: Mapping[str, str]) -> list[str]:
    """$PAGER, else less, with the file as its only further word."""
    words = shlex.split(environ.get("PAGER") or "less") or ["less"]
    # An absolute path never looks like an option.
    return [*words, str(path.absolute())]
