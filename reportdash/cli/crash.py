"""The last net: an error nobody foresaw becomes a short sentence and a private note, exit code 70.

It takes the faults of commands, of the screen and of what runs behind it alike. The note holds the error's
type and its places (file, line, function): no locals, no values, no message text, because any of these may
carry a credential or a signed address. Everything here must work when nearly nothing else does.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reportdash import __version__
from reportdash.cli.output import say
from reportdash.errors import Exit

KEEP = 10
"""Notes kept; older ones go when a new one is written."""
MOST_PLACES = 60
"""Places of one error in a note: the outer half and the inner half of a recursion without end."""
MOST_ERRORS = 20


def report(error: BaseException, data_dir: str | None) -> int:
    """Write the note, say where it is on stderr, return the exit code. `data_dir`: as on the command line."""
    lines = [f"reportdash {__version__}, Python {sys.version.split()[0]}", ""]
    for each in _family(error):
        lines += [type(each).__name__, *_places(each)]
    path = _write("\n".join(lines) + "\n", data_dir)
    where = f"Details without any secret are in {path}" if path else "The details could not be written"
    say(
        f"internal error ({type(error).__name__}). The ledger is kept as it was. {where}; "
        "run the command again, and report it with that file if it comes back."
    )
    return int(Exit.INTERNAL)


def _family(error: BaseException) -> Iterator[BaseException]:
    """The error, those in it and those before it."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < MOST_ERRORS:
        each = waiting.pop(0)
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            before = each.__cause__ or each.__context__
            waiting += [*([before] if before is not None else []), *getattr(each, "exceptions", ())]


def _places(error: BaseException) -> list[str]:
    places: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"  {Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    if len(places) > MOST_PLACES:
        half = MOST_PLACES // 2
        places[half:-half] = [f"  ({len(places) - MOST_PLACES} more)"]
    return places


def _write(text: str, named: str | None) -> Path | None:
    try:
        from reportdash.settings import data_dir

        folder = data_dir(named, os.environ)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except Exception:
        return None
    _clear(folder)
    return path


def _clear(folder: Path) -> None:
    """All but the newest notes go; their names begin with the time."""
    with suppress(OSError):
        for old in sorted(folder.glob("crash-*.txt"))[:-KEEP]:
            old.unlink(missing_ok=True)
