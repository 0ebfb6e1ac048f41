"""The orders a table can stand in: one key a job, smaller stands higher. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Generator
from enum import StrEnum
from operator import attrgetter, itemgetter
from typing import Any, TypeAlias

from reportdash.board.facts import says
from reportdash.board.states import Kind
from reportdash.model import ArtifactState, Job


class Column(StrEnum):
    """What can stand in a column. The last three stand only where a saved view names them."""

    STATE = "State"
    REPORT = "Report"
    ACCOUNT = "Account"
    SAYS = "Vendor says"
    AGE = "Age"
    NEXT = "Next"
    FILE = "File"
    ID = "Id"
    VENDOR = "Vendor"
    REFERENCE = "Reference"
    SUBMITTED = "Submitted"


DESCENDING = frozenset({Column.STATE})
"""Columns whose natural order is shown as `↓`: the most urgent, the highest, first."""

BY_TEXT = frozenset({Column.REPORT, Column.ACCOUNT, Column.SAYS, Column.VENDOR, Column.REFERENCE})
"""Columns whose keys are pairs: a text, and the order of rows with the same."""

SLICE = 500
"""Rows worked on between two chances for a key."""
RUN = 2_000
"""Rows sorted in one go."""

Key: TypeAlias = float | str | tuple[str, float]
Maker: TypeAlias = Callable[[Job, int], Key]

FAMILY = float(2**34)
"""The width of one family, above any time in seconds: family and newness fit in one number."""

_FILE_PLACE = {ArtifactState.FAILED: 1, ArtifactState.FETCHING: 2, ArtifactState.SAVED: 3}


def newness(job: Job) -> float:
    """Smaller is newer; a job without a submit time is the newest."""
    return 0.0 if job.submitted_at is None else FAMILY - job.submitted_at


def urgency(job: Job, kind: Kind | int) -> float:
    """The default order: by family, newest first within."""
    at = job.submitted_at
    return kind * FAMILY + (0.0 if at is None else FAMILY - at)


class _Folded(dict[str, str]):
    """Texts as they are compared; most rows share theirs."""

    def __missing__(self, text: str) -> str:
        folded = text.casefold()
        if len(self) < RUN:
            self[text] = folded
        return folded


def _by_text(read: Callable[[Job], str], *, urgent: bool = False) -> Maker:
    """Equal texts stand (`urgent`: by family, and within it) newest first."""
    folded = _Folded()
    if urgent:
        return lambda job, kind: (folded[read(job)], urgency(job, kind))
    return lambda job, kind: (folded[read(job)], newness(job))


def _file(job: Job, kind: int) -> float:
    artifact = job.artifact
    if artifact is None or artifact.state is ArtifactState.NONE:
        return (0.0 if kind < Kind.WORKING else 4.0) * FAMILY + newness(job)
    return _FILE_PLACE[artifact.state] * FAMILY + FAMILY / 2 - min(artifact.bytes, FAMILY / 2)


def maker(column: Column) -> Maker:
    """What makes the place of a job, whose family is handed in, in the order of `column`.

    Not of the column Next, which only a Sight knows.
    """
    if column is Column.STATE:
        return urgency
    if column is Column.FILE:
        return _file
    if column is Column.REPORT:
        return _by_text(attrgetter("name"))
    if column is Column.ACCOUNT:
        return _by_text(attrgetter("account"), urgent=True)
    if column is Column.SAYS:
        return _by_text(says)
    if column is Column.VENDOR:
        return _by_text(attrgetter("vendor"), urgent=True)
    if column is Column.REFERENCE:
        return _by_text(lambda job: job.reference or "")
    if column is Column.ID:
        return lambda job, kind: job.id
    return lambda job, kind: newness(job)


def portions(column: Column, tops: list[int], keys: list[Any]) -> Generator[None, None, list[list[int]]]:
    """Slots divided into parts whose keys follow each other, so that each is sorted for itself.

    By family or by text first, where there are few: within one the rows mostly stand as the ledger has them.
    """
    if column is Column.STATE:
        first: Callable[[Any], Any] = _family
    elif column in BY_TEXT:
        first = _text
    else:
        return (yield from _divided(tops, keys))
    groups: dict[Any, list[int]] = defaultdict(list)
    for start in range(0, len(tops), RUN):
        for slot in tops[start : start + RUN]:
            groups[first(keys[slot])].append(slot)
        if len(groups) > RUN:
            return (yield from _divided(tops, keys))
        yield
    parts: list[list[int]] = []
    for name in sorted(groups):
        parts += yield from _divided(groups[name], keys)
    return parts


_text = itemgetter(0)


def _family(key: float) -> float:
    return key // FAMILY


def _divided(slots: list[int], keys: list[Any]) -> Generator[None, None, list[list[int]]]:
    """By bounds that a sample of the keys gives."""
    if len(slots) <= RUN:
        return [slots]
    sample = sorted(keys[slot] for slot in slots[:: max(1, len(slots) // 512)])
    bounds = sample[16::16]
    parts: list[list[int]] = [[] for _ in range(len(bounds) + 1)]
    for start in range(0, len(slots), SLICE):
        for slot in slots[start : start + SLICE]:
            parts[bisect_left(bounds, keys[slot])].append(slot)
        yield
    return parts


def place(
    rows: array[int], keys: list[Any], group_of: Callable[[int], int], group: int, reverse: bool
) -> int:
    """The row where a block with this group's key stands, or would stand: a binary search."""
    wanted = keys[group]
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        other = group_of(rows[middle])
        have = keys[other]
        if have == wanted:
            before = other < group
        else:
            before = (have > wanted) if reverse else (have < wanted)
        if before:
            low = middle + 1
        else:
            high = middle
    return low
