"""Garbage collection that no key has to wait for.

A collection walks what is new since the last one, a full one every object there is: with a hundred thousand
jobs a third of a second. What has stood for long is therefore frozen, that is, left out from then on:
everything that is loaded when the first jobs are in, very many jobs that came at once, and whatever made a
collection long. The rest is collected little by little with the changes that brought it, and looked through
when nobody is at the keys, and a moment after a dialog has closed, which is all cycles. Records are freed by
their reference counts all the same. A cycle that was frozen and let go of later is never found: what made a
collection long is therefore frozen only while nothing is left of any dialog, and it is not begun twice.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from contextvars import Context
from time import monotonic, thread_time
from weakref import WeakSet

LONG = 0.008
"""Seconds of work of a full collection after which what it kept is to be frozen; a busy machine does not
count."""
GARBAGE = 2_000
"""Objects from which on it was what a collection freed that made it long, not what it kept."""
MOMENT = 0.7
"""Seconds from the closing of a dialog to its collection: what follows it is painted by then."""
THRESHOLDS = (50_000, 10, 10)
"""New objects before Python collects by itself: it should not come to that."""
LARGER = 5
"""Small collections before one that looks at what they left."""

_MALLOPT = {-3: 128 << 10, -1: 128 << 10, -8: 2}
"""M_MMAP_THRESHOLD and M_TRIM_THRESHOLD in bytes, as they are before glibc adapts them; M_ARENA_MAX."""


passing: WeakSet[object] = WeakSet()
"""Screens that come and go, until they are collected: a timer holds on to one for half a minute."""

_small = 0
_long = False
_begun = 0.0
_asked = float("-inf")


def start() -> None:
    """Collect from now on; what is there stays. Again after very much has come at once."""
    global _long
    _long = False
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    if _watch not in gc.callbacks:
        gc.callbacks.append(_watch)
    gc.enable()


def ensure() -> None:
    """Collect from now on, if it has not begun: this may be called every second for a day."""
    if not gc.isenabled():
        start()


def pause() -> None:
    """Nothing is collected until `start`: very much is about to come, and it will stay."""
    gc.disable()


def tidy() -> None:
    """Collect what came with a flush of changes: little, and so at once."""
    global _small
    if gc.isenabled():
        _small = (_small + 1) % LARGER
        gc.collect(0 if _small else 1)


def soon() -> None:
    """Collect all in a moment: a dialog has closed. Left to add up, a hundred of them held every key up."""
    global _asked
    if gc.isenabled() and monotonic() - _asked > MOMENT:
        _asked = monotonic()
        # A context of its own: ours knows the dialog, which would be kept by what is to collect it.
        asyncio.get_running_loop().call_later(MOMENT, look_through, context=Context())


def look_through() -> None:
    """Collect all, while nobody waits."""
    global _long
    if gc.isenabled():
        gc.collect()
        if _long and not passing:
            _long = False
            gc.freeze()


def give_back() -> None:
    """Give memory that only the start needed back to the system, if the C library can. In a thread.

    From then on large blocks go back as soon as they are free, and all threads share two heaps: glibc learns
    from the first large block to keep such ones, and over days the holes between them are most of its heap.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        for option, value in _MALLOPT.items():
            library.mallopt(option, value)
        library.malloc_trim(0)


def _watch(phase: str, found: dict[str, int]) -> None:
    global _begun, _long
    if found["generation"] < 2:
        return
    if phase == "start":
        _begun = thread_time()
    elif thread_time() - _begun > LONG and found["collected"] < GARBAGE:
        _long = True
