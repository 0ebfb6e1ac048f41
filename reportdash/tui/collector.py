"""Garbage collection that no key has to wait for.

A full collection walks every object there is: with a hundred thousand jobs a third of a second. What has
stood for long is therefore frozen, that is, left out from then on: everything that is loaded when the engine
runs, and later whatever made a collection long. Records are freed by their reference counts all the same;
only a cycle that was frozen and let go of later (a dialog that was open then) is never found.
"""

from __future__ import annotations

import gc
from time import perf_counter

LONG = 0.004
"""Seconds of a full collection after which what it kept is frozen."""
THRESHOLDS = (700, 10, 4)
"""Python's own but for the last: a full collection comes early enough to be short."""

_begun = 0.0


def start() -> None:
    """Collect from now on; what is there stays."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    if _watch not in gc.callbacks:
        gc.callbacks.append(_watch)
    gc.enable()


def _watch(phase: str, found: dict[str, int]) -> None:
    global _begun
    if found["generation"] < 2:
        return
    if phase == "start":
        _begun = perf_counter()
    elif perf_counter() - _begun > LONG:
        gc.freeze()
