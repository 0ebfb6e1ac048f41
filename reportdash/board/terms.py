"""The terms a query is made of, and what they ask of a job. Pure; `query` reads them from a text.

`str()` of a term or a query is a text that reads back as the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from reportdash.board import fields
from reportdash.model import Health, Job

# What a value may be without quotes so that reading it again gives the same value.
_BARE = re.compile(r'(?!-)(?![A-Za-z_][A-Za-z_0-9]*(?::|[<>]))[^\s"|*\\]+')


@dataclass(slots=True, frozen=True)
class Value:
    """One text to compare with; `glob`: its `*` stand for any text."""

    text: str
    glob: bool = False
    needle: str = field(init=False, repr=False, compare=False)
    """The text as it is compared."""

    parts: list[str] = field(init=False, repr=False, compare=False)
    """What stands between the stars, as it is compared."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "needle", self.text.casefold())
        object.__setattr__(self, "parts", self.needle.split("*"))

    def __str__(self) -> str:
        if self.glob or _BARE.fullmatch(self.text):
            return self.text
        return '"' + self.text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(slots=True, frozen=True)
class Words:
    """A plain word, or one of several."""

    values: tuple[Value, ...]
    negated: bool = False

    def __str__(self) -> str:
        return ("-" if self.negated else "") + "|".join(map(str, self.values))

    def holds(self, job: Job, health: Health, now: float) -> bool:
        found = any(self.stands_in(fields.FIELDS[name], getattr(job, name)) for name in fields.SPOKEN)
        return found is not self.negated

    def stands_in(self, spec: fields.FieldSpec, value: Any) -> bool:
        """Whether one of the words is part of a field's value, negated or not."""
        return any(_is(word, spec.read(value), fields.Match.PART) for word in self.values)


@dataclass(slots=True, frozen=True)
class Field:
    """A field that has a value, or one of several."""

    name: str
    values: tuple[Value, ...]
    negated: bool = False

    def __str__(self) -> str:
        return f"{'-' if self.negated else ''}{self.name}:" + "|".join(map(str, self.values))

    def holds(self, job: Job, health: Health, now: float) -> bool:
        return self.passes(fields.FIELDS[self.name].of(job, health))

    def passes(self, value: Any) -> bool:
        """Whether a job with this value of the field passes."""
        spec = fields.FIELDS[self.name]
        texts = spec.read(value)
        return any(_is(wanted, texts, spec.match) for wanted in self.values) is not self.negated


@dataclass(slots=True, frozen=True)
class Compare:
    """A quantity against a bound (`limit` is its number); a job without the quantity is on neither side."""

    name: str
    op: str
    bound: str
    limit: float
    negated: bool = False

    def __str__(self) -> str:
        return f"{'-' if self.negated else ''}{self.name}{self.op}{self.bound}"

    def holds(self, job: Job, health: Health, now: float) -> bool:
        have = fields.MEASURES[self.name].of(job, now)
        if have is None:
            return self.negated
        bound = self.limit
        held = {">": have > bound, "<": have < bound, ">=": have >= bound, "<=": have <= bound}[self.op]
        return held is not self.negated


Term: TypeAlias = Words | Field | Compare


@dataclass(slots=True, frozen=True)
class Query:
    """What `parse` made of a text. `str()` gives it back in its plain form."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def by_time(self) -> bool:
        """Whether the passing of time alone can change what matches."""
        return any(isinstance(t, Compare) and fields.MEASURES[t.name].by_time for t in self.terms)

    @property
    def by_health(self) -> bool:
        """Whether the health of an account can change what matches."""
        return any(isinstance(t, Field) and t.name == "health" for t in self.terms)

    def matches(self, job: Job, account_health: Health, now: float) -> bool:
        """Whether every term holds."""
        return all(term.holds(job, account_health, now) for term in self.terms)


def _is(value: Value, texts: tuple[str, ...], match: fields.Match) -> bool:
    if value.glob:
        return any(_fits(value.parts, text) for text in texts)
    wanted = value.needle
    if match is fields.Match.WHOLE or not wanted:
        return wanted in texts
    if match is fields.Match.START:
        return any(text.startswith(wanted) for text in texts)
    return any(wanted in text for text in texts)


def _fits(parts: list[str], text: str) -> bool:
    """Whether the whole text is the parts in their order with anything between them.

    Each part is taken where it comes first: no going back, however many stars there are.
    """
    end = len(text) - len(parts[-1])
    at = len(parts[0])
    if end < at or not text.startswith(parts[0]) or not text.endswith(parts[-1]):
        return False
    for part in parts[1:-1]:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True
