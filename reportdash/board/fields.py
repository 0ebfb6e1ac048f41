"""The fields and quantities a query can name, and where a plain word is looked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple

from reportdash.board.states import WORDS, Face, Weight, face
from reportdash.clock import rfc3339
from reportdash.model import ArtifactState, Health, Job, JobState, Verified


class Match(Enum):
    """How a value without `*` has to fit a field."""

    WHOLE = "whole"
    START = "start"
    PART = "part"


class FieldSpec(NamedTuple):
    """`of(job, account health)`: a value; `read(value)`: what it reads as, casefolded, an absent one ("",).

    `attribute`: the name of the job's attribute, where the value is nothing else.
    """

    of: Callable[[Job, Health], Any]
    read: Callable[[Any], tuple[str, ...]]
    match: Match = Match.WHOLE
    allowed: tuple[str, ...] = ()
    attribute: str = ""


class MeasureSpec(NamedTuple):
    """A quantity that can be compared. `of` gives None where a job has none; `parse` raises ValueError."""

    of: Callable[[Job, float], float | None]
    parse: Callable[[str], float]
    example: str
    by_time: bool = False


def _folded(value: Any) -> tuple[str, ...]:
    return ((value or "").casefold(),)


def _named(value: Any) -> tuple[str, ...]:
    return (str(value),)


def _attribute(
    name: str,
    match: Match = Match.WHOLE,
    read: Callable[[Any], tuple[str, ...]] = _folded,
    allowed: tuple[str, ...] = (),
) -> FieldSpec:
    get = attrgetter(name)
    return FieldSpec(lambda job, health: get(job), read, match, allowed, name)


def _time(name: str) -> FieldSpec:
    return _attribute(name, Match.START, lambda at: _folded(rfc3339(at)))


def _state(state: JobState) -> tuple[str, ...]:
    return str(state), WORDS[state]


def _of_artifact(name: str, match: Match = Match.WHOLE, allowed: tuple[str, ...] = ()) -> FieldSpec:
    get = attrgetter(name)
    return FieldSpec(
        lambda job, health: get(job.artifact) if job.artifact else None,
        lambda value: (str(value or "").casefold(),),
        match,
        allowed,
    )


def _families(shown: Face) -> tuple[str, ...]:
    names = [shown.kind.name.casefold()]
    if shown.weight is Weight.NEEDS_YOU:
        names.append("needs")
    return tuple(names)


_STATE_NAMES = tuple(dict.fromkeys([*map(str, JobState), *WORDS.values()]))

FIELDS: dict[str, FieldSpec] = {
    "id": _attribute("id", Match.START),
    "account": _attribute("account"),
    "vendor": _attribute("vendor"),
    "name": _attribute("name", Match.PART),
    "reference": _attribute("reference", Match.PART),
    "state": _attribute("state", read=_state, allowed=_STATE_NAMES),
    "vendor_status": _attribute("vendor_status"),
    "message": _attribute("message", Match.PART),
    "health": FieldSpec(
        lambda job, health: health if health is not Health.OK else job.health,
        _named,
        allowed=tuple(map(str, Health)),
    ),
    "submitted_at": _time("submitted_at"),
    "updated_at": _time("updated_at"),
    "settled_at": _time("settled_at"),
    "expires_at": _time("expires_at"),
    "next_poll_at": _time("next_poll_at"),
    "attempts": _attribute("attempts", read=_named),
    "parent": _attribute("parent", Match.START),
    "artifact": FieldSpec(
        lambda job, health: job.artifact.state if job.artifact else ArtifactState.NONE,
        _named,
        allowed=tuple(map(str, ArtifactState)),
    ),
    "path": _of_artifact("path", Match.PART),
    "sha256": _of_artifact("sha256", Match.START),
    "verified": _of_artifact("verified", allowed=tuple(map(str, Verified))),
    "is": FieldSpec(
        lambda job, health: face(job),
        _families,
        allowed=("needs", "failed", "look", "save", "working", "over"),
    ),
}
"""Every field of the contract's JSON, the copy's own among them, and `is`: the families of line 1."""

SPOKEN = ("state", "name", "account", "vendor_status", "message", "id", "reference")
"""The fields a plain word is looked for in."""

_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-z]*)", re.ASCII)


def _parse_span(text: str) -> float:
    found = _NUMBER.fullmatch(text.casefold())
    if found is None or found[2] not in _SPANS:
        raise ValueError("a length of time is missing here, as in 30m, 2h or 3d")
    return float(found[1]) * _SPANS[found[2]]


def _parse_size(text: str) -> float:
    found = _NUMBER.fullmatch(text.casefold())
    if found is None or found[2] not in _SIZES:
        raise ValueError("a size is missing here, as in 912kB or 10MB")
    return float(found[1]) * _SIZES[found[2]]


def _parse_count(text: str) -> float:
    if not re.fullmatch("[0-9]+", text):
        raise ValueError("a whole number is missing here")
    return float(text)


def _parse_date(text: str) -> float:
    try:
        when = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError("a date is missing here, as in 2026-11-22 or 2026-11-22T14:00Z") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _since_submit(job: Job, now: float) -> float | None:
    return None if job.submitted_at is None else now - job.submitted_at


def _until_expiry(job: Job, now: float) -> float | None:
    return None if job.expires_at is None or job.expires_at < now else job.expires_at - now


def _bytes(job: Job, now: float) -> float | None:
    return None if job.artifact is None else float(job.artifact.total or job.artifact.bytes)


def _held(job: Job, name: str) -> float | None:
    value = getattr(job.artifact, name) if job.artifact is not None else None
    return None if value is None else float(value)


def _moment(name: str) -> MeasureSpec:
    def read(job: Job, now: float) -> float | None:
        at: float | None = getattr(job, name)
        return at

    return MeasureSpec(read, _parse_date, "2026-11-22")


MEASURES: dict[str, MeasureSpec] = {
    "age": MeasureSpec(_since_submit, _parse_span, "2h", by_time=True),
    "expires": MeasureSpec(_until_expiry, _parse_span, "6h", by_time=True),
    "size": MeasureSpec(_bytes, _parse_size, "10MB"),
    "bytes": MeasureSpec(lambda job, now: _held(job, "bytes"), _parse_size, "10MB"),
    "total": MeasureSpec(lambda job, now: _held(job, "total"), _parse_size, "10MB"),
    "attempts": MeasureSpec(lambda job, now: float(job.attempts), _parse_count, "2"),
    "submitted_at": _moment("submitted_at"),
    "updated_at": _moment("updated_at"),
    "settled_at": _moment("settled_at"),
    "expires_at": _moment("expires_at"),
    "next_poll_at": _moment("next_poll_at"),
}
"""What `>`, `<`, `>=` and `<=` compare: lengths of time, bytes, counts and moments."""
