"""Signals that end a run in order: what is ignored from the start (`nohup`) stays ignored, and one is enough."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from reportdash.errors import Exit

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command in order."""


def heeded() -> list[signal.Signals]:
    """Those of them that nobody told us to ignore."""
    return [number for number in ENDINGS if signal.getsignal(number) is not signal.SIG_IGN]


def disregard(number: int, frame: object) -> None:
    """A handler, once we are leaving: a terminal that closes may send three signals at once."""


@contextmanager
def orderly() -> Iterator[None]:
    """Around the screen, which has handlers of its own: before it and after it a signal is a SystemExit."""

    def told(number: int, _: object) -> None:
        for each in held:
            signal.signal(each, disregard)
        raise SystemExit(int(Exit.INTERRUPTED if number == signal.SIGINT else Exit.OK))

    held = {number: signal.getsignal(number) for number in heeded()}
    for number in held:
        signal.signal(number, told)
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
