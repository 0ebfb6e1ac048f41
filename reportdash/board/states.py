"""How each state looks: glyph, word, role and weight, in one table. Pure.

Weight says whether a row concerns the operator, the role says what kind it is; the glyph stands for the
family and the word for the state, so that each can be taken away without loss. Signs are written in their
Unicode form; the screen swaps them for ASCII where a terminal needs it.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

from reportdash.model import ArtifactState, Health, Job, JobState, Stage


class Role(StrEnum):
    """The twelve roles of a theme; the first four are grounds."""

    BG = "bg"
    BAR = "bar"
    MARK = "mark"
    CURSOR = "cursor"
    LINE = "line"
    TEXT = "text"
    STRONG = "strong"
    MUTED = "muted"
    BAD = "bad"
    WARN = "warn"
    GOOD = "good"
    ACCENT = "accent"


class Kind(IntEnum):
    """The family a job counts in, by urgency. EXPIRING is a result to save whose time runs out."""

    FAILED = 0
    EXPIRING = 1
    LOOK = 2
    SAVE = 3
    WORKING = 4
    OVER = 5


class Weight(IntEnum):
    """Whether a row concerns the operator."""

    NEEDS_YOU = 0
    WORKING = 1
    OVER = 2


class Face(NamedTuple):
    """How a state looks in its row."""

    glyph: str
    word: str
    role: Role
    weight: Weight
    kind: Kind


def _needs(glyph: str, word: str, role: Role, kind: Kind = Kind.LOOK) -> Face:
    return Face(glyph, word, role, Weight.NEEDS_YOU, kind)


def _works(glyph: str, word: str, role: Role = Role.TEXT) -> Face:
    return Face(glyph, word, role, Weight.WORKING, Kind.WORKING)


def _over(glyph: str, word: str) -> Face:
    return Face(glyph, word, Role.MUTED, Weight.OVER, Kind.OVER)


FACES: dict[JobState, Face] = {
    JobState.SUBMITTING: _works("›", "submitting"),
    JobState.QUEUED: _works("·", "queued"),
    JobState.RUNNING: _works("●", "running"),
    JobState.FINALIZING: _works("»", "finalizing"),
    JobState.READY: _needs("✓", "ready", Role.GOOD, Kind.SAVE),
    JobState.READY_WITH_WARNINGS: _needs("▲", "warnings", Role.WARN),
    JobState.NOTIFY_FAILED: _needs("▲", "not sent", Role.WARN),
    JobState.EMPTY: _over("–", "empty"),
    JobState.FAILED: _needs("✗", "failed", Role.BAD, Kind.FAILED),
    JobState.CANCELLED: _over("–", "cancelled"),
    JobState.DELETING: _works("‹", "deleting"),
    JobState.DELETED: _over("–", "deleted"),
    JobState.EXPIRED: _needs("▲", "expired", Role.WARN),
    JobState.LOST: _needs("?", "lost", Role.WARN),
    JobState.UNKNOWN: _needs("?", "unknown", Role.WARN),
}
"""Without our copy."""

SAVED: dict[JobState, Face] = {
    **FACES,
    JobState.READY: _over("✓", "ready"),
    JobState.READY_WITH_WARNINGS: _over("▲", "warnings"),
    JobState.NOTIFY_FAILED: _over("▲", "not sent"),
    JobState.EXPIRED: _over("–", "expired"),
}
"""With our copy."""

FETCHING = _works("✓", "ready", Role.GOOD)
"""Ready, and our copy under way."""

UNSURE = _needs("›", "submitting", Role.WARN)
"""A submit that left without a readable answer: only a person can decide."""

WORDS: dict[JobState, str] = {state: shown.word for state, shown in FACES.items()}
"""The word shown, by state; the filter takes it as well as the contract's name."""


def face(job: Job, *, saved: bool | None = None, fetching: bool | None = None, savable: bool = True) -> Face:
    """How `job` looks. `saved` and `fetching` default to what its own artifact says (a group knows better).

    `savable` False: the vendor hands out no file, so a ready job asks nothing of the operator.
    """
    artifact = job.artifact
    state = job.state
    if saved is None:
        saved = artifact is not None and artifact.state is ArtifactState.SAVED
    if saved:
        return SAVED[state]
    if state is JobState.READY:
        if fetching is None:
            fetching = artifact is not None and artifact.state is ArtifactState.FETCHING
        if fetching:
            return FETCHING
        return FACES[state] if savable else SAVED[state]
    if state is JobState.SUBMITTING and job.intent is not None and job.intent.stage is Stage.UNSURE:
        return UNSURE
    return FACES[state]


class HealthFace(NamedTuple):
    """How an account's health looks in the strip; `word` is the short form for narrow screens."""

    glyph: str
    word: str
    role: Role


HEALTH: dict[Health, HealthFace] = {
    Health.OK: HealthFace("", "", Role.TEXT),
    Health.THROTTLED: HealthFace("▲", "throttled", Role.WARN),
    Health.UNREACHABLE: HealthFace("▲", "unreachable", Role.WARN),
    Health.BAD_PAYLOAD: HealthFace("?", "answer not understood", Role.WARN),
    Health.AUTH_FAILED: HealthFace("✗", "key refused", Role.BAD),
    Health.PAUSED: HealthFace("–", "paused", Role.MUTED),
}
