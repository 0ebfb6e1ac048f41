"""Python as an installed program has it: its bytecode kept, its output buffered, whatever this shell says.

The bytecode lies in a temporary folder, ours and the libraries' alike, so that both sides of a comparison
load theirs the same way. The first run of each program fills it and is not counted.
"""

from __future__ import annotations

import tempfile

_CACHE = tempfile.TemporaryDirectory(prefix="bench-bytecode-")
ENVIRONMENT = {
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONUNBUFFERED": "",
    "PYTHONPYCACHEPREFIX": _CACHE.name,
}
