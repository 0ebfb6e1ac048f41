"""Rows as blocks: the slots that stand for themselves, each group followed by its shown parts. Pure.

Both walks work in slices: iterate with `yield from`, a key gets its turn at each yield.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator
from itertools import compress, islice

from reportdash.board.order import RUN
from reportdash.board.records import Records


def tops(records: Records, matched: bytearray, count: int) -> Generator[None, None, tuple[list[int], int]]:
    """The slots, of the first `count`, whose rows stand for themselves, and how many match on their own.

    A group stands when a part of it matches, for context.
    """
    parent_of = records.parent_of
    found: list[int] = []
    for start in range(0, count, RUN):
        end = min(start + RUN, count)
        part = compress(range(start, end), matched[start:end])
        found += [slot for slot in part if parent_of.get(slot, -1) < 0] if parent_of else part
        yield
    own = len(found)
    for_context = {
        parent
        for parent, children in records.children.items()
        if parent < count and not matched[parent] and any(matched[child] for child in children)
    }
    yield
    if for_context:
        # Two runs in order: sorting merges them.
        found = sorted([*found, *(slot for slot in sorted(for_context) if records.jobs[slot] is not None)])
    return found, own


def with_parts(
    tops: list[int], records: Records, shown: Callable[[int], list[int]]
) -> Generator[None, None, array[int]]:
    """The rows: each group of `tops` with its `shown` parts below it."""
    groups = records.children.keys()
    if not groups:
        return array("I", tops)
    rows = array("I")
    for start in range(0, len(tops), RUN):
        part = array("I", islice(tops, start, start + RUN))
        done = 0
        for at in [at for at, slot in enumerate(part) if slot in groups]:
            rows += part[done : at + 1]
            rows.extend(shown(part[at]))
            done = at + 1
        rows += part[done:]
        yield
    return rows
