"""The orders a table can stand in: one key a job, smaller stands higher. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

from reportdash.board.facts import says
from reportdash.board.states import Kind
from reportdash.model import ArtifactState, Job


class Column(StrEnum):
    """The columns, in the order `s` steps through them."""

    STATE = "State"
    REPORT = "Report"
    ACCOUNT = "Account"
    SAYS = "Vendor says"
    AGE = "Age"
    NEXT = "Next"
    FILE = "File"
    ID = "Id"


DESCENDING = frozenset({Column.STATE})
"""Columns whose natural order is shown as `↓`: the most urgent, the highest, first."""

Key: TypeAlias = float | str
Moment: TypeAlias = Callable[[Job], float]

_FAR = float(2**34)
"""Above any time in seconds: the width of one family, so that family and newness fit in one number."""

_FILE_PLACE = {ArtifactState.FAILED: 1, ArtifactState.FETCHING: 2, ArtifactState.SAVED: 3}


def newness(job: Job) -> float:
    """Smaller is newer; a job without a submit time is the newest."""
    return 0.0 if job.submitted_at is None else _FAR - job.submitted_at


def urgency(job: Job, kind: Kind | int) -> float:
    """The default order: by family, newest first within."""
    return kind * _FAR + (0.0 if job.submitted_at is None else _FAR - job.submitted_at)


def _word(text: str, job: Job, kind: int = 0) -> str:
    # Equal texts stand by urgency, then newest first; 17 characters keep the number's order as text.
    return f"{text.casefold()}\x00{kind}{newness(job):017.5f}"


def _file(job: Job, kind: int) -> float:
    artifact = job.artifact
    if artifact is None or artifact.state is ArtifactState.NONE:
        return (0.0 if kind < Kind.WORKING else 4.0) * _FAR + newness(job)
    return _FILE_PLACE[artifact.state] * _FAR + _FAR / 2 - min(artifact.bytes, _FAR / 2)


def key(column: Column, job: Job, kind: int, moment: Moment) -> Key:
    """The place of a job in the order of `column`. `moment`: its next moment, for the column Next."""
    if column is Column.STATE:
        return urgency(job, kind)
    if column is Column.AGE:
        return newness(job)
    if column is Column.NEXT:
        return moment(job)
    if column is Column.FILE:
        return _file(job, kind)
    if column is Column.REPORT:
        return _word(job.name, job)
    if column is Column.ACCOUNT:
        return _word(job.account, job, kind)
    if column is Column.SAYS:
        return _word(says(job), job)
    return job.id
