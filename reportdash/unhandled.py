"""What an event loop caught because nobody else did: a fault of ours, or the trouble of some connection.

asyncio's own report of it quotes the values at hand; ours goes to the debug log, by kind and place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reportdash import log
from reportdash.errors import CallFailed, LeaseLost, Problem

_FORESEEN = (OSError, Problem, CallFailed, LeaseLost, EOFError)
_HERE = str(Path(__file__).parent)


def unhandled(context: Mapping[str, Any]) -> BaseException | None:
    """The error of a loop's report, if it is one that nobody foresaw, on its way through our code."""
    error = context.get("exception")
    if not isinstance(error, BaseException):
        return None
    log.failure("unhandled", error)
    return error if not isinstance(error, _FORESEEN) and _passed_here(error) else None


def _passed_here(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(_HERE):
            return True
        trace = trace.tb_next
    return False
