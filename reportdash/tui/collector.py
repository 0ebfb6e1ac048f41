"""Garbage collection that no key has to wait for.

A collection walks what is new since the last one, a full one every object there is: with a hundred thousand
jobs a third of a second. What has stood for long is therefore frozen, that is, left out from then on:
everything that is loaded when the first jobs are in, very many jobs that came at once, and whatever made a
collection long. The rest is collected little by little with the changes that brought it, and looked through
when nobody is at the keys. Records are freed by their reference counts all the same; only a cycle that was
frozen and let go of later (a dialog that was open then) is never found.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from time import thread_time

LONG = 0.004
"""Seconds of work of a full collection after which what it kept is frozen; a busy machine does not count."""
THRESHOLDS = (50_000, 10, 10)
"""New objects before Python collects by itself: it should not come to that."""
LARGER = 5
"""Small collections before one that looks at what they left."""

_small = 0
_begun = 0.0


def start() -> None:
    """Collect from now on; what is there stays. Again after very much has come at once."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    if _watch not in gc.callbacks:
        gc.callbacks.append(_watch)
    gc.enable()


def pause() -> None:
    """Nothing is collected until `start`: very much is about to come, and it will stay."""
    gc.disable()


def tidy() -> None:
    """Collect what came with a flush of changes: little, and so at once."""
    global _small
    if gc.isenabled():
        _small = (_small + 1) % LARGER
        gc.collect(0 if _small else 1)


def look_through() -> None:
    """Collect all, while nobody waits."""
    if gc.isenabled():
        gc.collect()


def give_back() -> None:
    """Give memory that only the start needed back to the system, if the C library can. In a thread."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _watch(phase: str, found: dict[str, int]) -> None:
    global _begun
    if found["generation"] < 2:
        return
    if phase == "start":
        _begun = thread_time()
    elif thread_time() - _begun > LONG:
        gc.freeze()
