"""The last net: an error nobody foresaw becomes a short sentence and a private note, exit code 70.

The note holds the traceback's places (file, line, function) and the error's type: no locals, no values,
no message text, because any of these may carry a credential or a signed address.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path

from reportdash import __version__
from reportdash.cli.output import say
from reportdash.errors import Exit


def report(error: BaseException, data_dir: Path | None) -> int:
    """Write the note, say where it is on stderr, return the exit code."""
    lines = [f"reportdash {__version__}, Python {sys.version.split()[0]}", ""]
    current: BaseException | None = error
    while current is not None:
        lines.append(type(current).__name__)
        lines += [
            f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__)
        ]
        current = current.__cause__ or current.__context__
    path = _write("\n".join(lines) + "\n", data_dir)
    where = f"Details without any secret are in {path}" if path else "The details could not be written"
    say(
        f"internal error ({type(error).__name__}). The ledger is kept as it was. {where}; "
        "run the command again, and report it with that file if it comes back."
    )
    return int(Exit.INTERNAL)


def _write(text: str, data_dir: Path | None) -> Path | None:
    try:
        if data_dir is None:
            from reportdash.settings import data_dir as default_data_dir

            data_dir = default_data_dir(None, os.environ)
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = data_dir / f"crash-{time.strftime('%Y%m%d-%H%M%S')}.txt"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except Exception:
        return None
    return path
