"""The fields and quantities a query can name, and the text a plain word is looked for in. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from reportdash.board.states import WORDS, Weight, face
from reportdash.clock import rfc3339
from reportdash.model import ArtifactState, Health, Job, JobState, Verified


class Match(Enum):
    """How a value without `*` has to fit a field."""

    WHOLE = "whole"
    START = "start"
    PART = "part"


class FieldSpec(NamedTuple):
    """`texts(job, account health)`: what the field reads as, casefolded; an absent one is ("",)."""

    texts: Callable[[Job, Health], tuple[str, ...]]
    match: Match = Match.WHOLE
    allowed: tuple[str, ...] = ()


class MeasureSpec(NamedTuple):
    """A quantity that can be compared. `of` gives None where a job has none; `parse` raises ValueError."""

    of: Callable[[Job, float], float | None]
    parse: Callable[[str], float]
    example: str
    by_time: bool = False


def haystack(job: Job) -> str:
    """Everything a plain word is looked for in, one field a line, casefolded."""
    word = WORDS[job.state]
    parts = (
        job.id,
        job.name.replace("\n", " "),
        job.account,
        job.state,
        "" if word == job.state else word,
        job.vendor_status or "",
        job.message or "",
        job.reference or "",
    )
    return "\n".join(parts).casefold()


def _text(name: str) -> Callable[[Job, Health], tuple[str, ...]]:
    def read(job: Job, health: Health) -> tuple[str, ...]:
        return ((getattr(job, name) or "").casefold(),)

    return read


def _time(name: str) -> Callable[[Job, Health], tuple[str, ...]]:
    def read(job: Job, health: Health) -> tuple[str, ...]:
        return ((rfc3339(getattr(job, name)) or "").casefold(),)

    return read


def _state(job: Job, health: Health) -> tuple[str, ...]:
    return str(job.state), WORDS[job.state]


def _health(job: Job, health: Health) -> tuple[str, ...]:
    return (str(health if health is not Health.OK else job.health),)


def _artifact(job: Job, health: Health) -> tuple[str, ...]:
    return (str(job.artifact.state if job.artifact else ArtifactState.NONE),)


def _of_artifact(name: str) -> Callable[[Job, Health], tuple[str, ...]]:
    def read(job: Job, health: Health) -> tuple[str, ...]:
        return (str((getattr(job.artifact, name) if job.artifact else None) or "").casefold(),)

    return read


def _is(job: Job, health: Health) -> tuple[str, ...]:
    shown = face(job)
    names = [shown.kind.name.casefold()]
    if shown.weight is Weight.NEEDS_YOU:
        names.append("needs")
    return tuple(names)


_STATE_NAMES = tuple(dict.fromkeys([*map(str, JobState), *WORDS.values()]))

FIELDS: dict[str, FieldSpec] = {
    "id": FieldSpec(_text("id"), Match.START),
    "account": FieldSpec(_text("account")),
    "vendor": FieldSpec(_text("vendor")),
    "name": FieldSpec(_text("name"), Match.PART),
    "reference": FieldSpec(_text("reference"), Match.PART),
    "state": FieldSpec(_state, allowed=_STATE_NAMES),
    "vendor_status": FieldSpec(_text("vendor_status")),
    "message": FieldSpec(_text("message"), Match.PART),
    "health": FieldSpec(_health, allowed=tuple(map(str, Health))),
    "submitted_at": FieldSpec(_time("submitted_at"), Match.START),
    "updated_at": FieldSpec(_time("updated_at"), Match.START),
    "settled_at": FieldSpec(_time("settled_at"), Match.START),
    "expires_at": FieldSpec(_time("expires_at"), Match.START),
    "next_poll_at": FieldSpec(_time("next_poll_at"), Match.START),
    "attempts": FieldSpec(lambda job, health: (str(job.attempts),)),
    "parent": FieldSpec(_text("parent"), Match.START),
    "artifact": FieldSpec(_artifact, allowed=tuple(map(str, ArtifactState))),
    "path": FieldSpec(_of_artifact("path"), Match.PART),
    "sha256": FieldSpec(_of_artifact("sha256"), Match.START),
    "verified": FieldSpec(_of_artifact("verified"), allowed=tuple(map(str, Verified))),
    "is": FieldSpec(_is, allowed=("needs", "failed", "look", "save", "working", "over")),
}
"""Every field of the contract's JSON, the copy's own among them, and `is`: the families of line 1."""

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
