"""Python as an installed program has it: its bytecode kept, its output buffered, whatever this shell says.

The bytecode lies in a temporary folder, ours and the libraries' alike, so that both sides of a comparison
load theirs the same way. The first run of each program fills it and is not counted.
"""

from __future__ import annotations

import tempfile
from functools import cache


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="bench-bytecode-")


def environment() -> dict[str, str]:
    """What to add to a measured program's environment."""
    return {
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONUNBUFFERED": "",
        "PYTHONPYCACHEPREFIX": _folder().name,
    }
