"""The query language of the filter line and of `jobs QUERY`. Pure: text in, a predicate out.

    word  "a phrase"  -word  a|b  field:value  field:a|b  -field:value  name:Entity*  age>2h  size>10MB

Terms stand side by side and must all hold. A plain word is looked for in id, name, account, state,
vendor_status, message and reference. `*` stands for any text; a pattern with it must fit the whole field.
Letter case never matters. In quotes everything is literal; `\\"` and `\\\\` are escapes there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from reportdash.board import fields
from reportdash.model import Health, Job

MAX_LENGTH = 2000
MAX_TERMS = 64


class QueryError(ValueError):
    """A query that cannot be read. `position` counts characters from 0; `text` is a sentence."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(f"{text} (at character {position + 1})")
        self.text = text
        self.position = position


@dataclass(slots=True, frozen=True)
class Value:
    """One text to compare with; `glob`: its `*` stand for any text."""

    text: str
    glob: bool = False
    needle: str = field(init=False, repr=False, compare=False)
    """The text as it is compared."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "needle", self.text.casefold())

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

    def holds(self, job: Job, hay: str | None, health: Health, now: float) -> bool:
        if hay is None:
            hay = fields.haystack(job)
        for value in self.values:
            if _in_hay(value, hay):
                return not self.negated
        return self.negated


@dataclass(slots=True, frozen=True)
class Field:
    """A field that has a value, or one of several."""

    name: str
    values: tuple[Value, ...]
    negated: bool = False

    def __str__(self) -> str:
        return f"{'-' if self.negated else ''}{self.name}:" + "|".join(map(str, self.values))

    def holds(self, job: Job, hay: str | None, health: Health, now: float) -> bool:
        spec = fields.FIELDS[self.name]
        texts = spec.texts(job, health)
        for value in self.values:
            if _is(value, texts, spec.match):
                return not self.negated
        return self.negated


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

    def holds(self, job: Job, hay: str | None, health: Health, now: float) -> bool:
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

    @property
    def by_words(self) -> bool:
        """Whether the haystack of a job is needed."""
        return any(isinstance(t, Words) for t in self.terms)

    def matches(self, job: Job, account_health: Health, now: float, hay: str | None = None) -> bool:
        """Whether every term holds. `hay`: the job's `fields.haystack`, if the caller keeps it."""
        # Asked for every job while the operator types: a plain loop is twice as fast as all().
        for term in self.terms:  # noqa: SIM110
            if not term.holds(job, hay, account_health, now):
                return False
        return True


EVERYTHING = Query()


def parse(text: str) -> Query:
    """The query a text stands for; raises QueryError with the position of what is wrong."""
    if len(text) > MAX_LENGTH:
        raise QueryError(f"a query has at most {MAX_LENGTH} characters", MAX_LENGTH)
    terms = tuple(_terms(text))
    if len(terms) > MAX_TERMS:
        raise QueryError(f"a query has at most {MAX_TERMS} terms", len(text))
    return Query(terms)


_SPACE = re.compile(r"\s*")
_HEAD = re.compile(r"([A-Za-z_]+)(:|>=|<=|>|<)")
_PLAIN = re.compile(r'[^\s"|]+')
_REST = re.compile(r"\S*")
# What a value may be without quotes so that reading it again gives the same value.
_BARE = re.compile(r'(?!-)(?![A-Za-z_]+(?::|[<>]))[^\s"|*\\]+')


def _terms(text: str) -> Iterator[Term]:
    at = _skip(text, 0)
    while at < len(text):
        negated = text[at] == "-"
        at += negated
        if negated and (at == len(text) or text[at].isspace()):
            raise QueryError("a word is missing after the minus", at - 1)
        head = _HEAD.match(text, at)
        if head is None:
            values, at = _values(text, at)
            yield Words(values, negated)
        elif head[2] == ":":
            name = _known(head, tuple(fields.FIELDS))
            values, at = _values(text, head.end())
            _checked(name, values, head.end())
            yield Field(name, values, negated)
        else:
            name = _known(head, tuple(fields.MEASURES))
            bound = _REST.match(text, head.end())
            assert bound is not None
            try:
                limit = fields.MEASURES[name].parse(bound[0])
            except ValueError as error:
                raise QueryError(str(error), head.end()) from None
            at = bound.end()
            yield Compare(name, head[2], bound[0].casefold(), limit, negated)
        at = _skip(text, at)


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    assert space is not None
    return space.end()


def _values(text: str, at: int) -> tuple[tuple[Value, ...], int]:
    """Values separated by `|` up to the next blank, and where they end."""
    values: list[Value] = []
    while True:
        value, at = _value(text, at)
        values.append(value)
        if at < len(text) and text[at] == "|":
            at += 1
        elif at < len(text) and not text[at].isspace():
            raise QueryError("a blank is missing here", at)
        else:
            return tuple(values), at


def _value(text: str, at: int) -> tuple[Value, int]:
    if at < len(text) and text[at] == '"':
        return _quoted(text, at)
    plain = _PLAIN.match(text, at)
    if plain is None:
        raise QueryError("a value is missing here", at)
    return Value(plain[0], glob="*" in plain[0]), plain.end()


def _quoted(text: str, start: int) -> tuple[Value, int]:
    out: list[str] = []
    at = start + 1
    while at < len(text):
        char = text[at]
        if char == '"':
            return Value("".join(out)), at + 1
        if char == "\\" and at + 1 < len(text):
            at += 1
            char = text[at]
        out.append(char)
        at += 1
    raise QueryError("the quote is not closed", start)


def _known(head: re.Match[str], names: tuple[str, ...]) -> str:
    name = head[1].casefold()
    if name in names:
        return name
    from difflib import get_close_matches

    kind = "field" if head[2] == ":" else "quantity"
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}" if near else "the names are " + ", ".join(names)
    raise QueryError(f"there is no {kind} {name}: {hint}; in quotes it is a plain text", head.start())


def _checked(name: str, values: tuple[Value, ...], at: int) -> None:
    """Refuse a value that a field with a closed set of values can never have."""
    allowed = fields.FIELDS[name].allowed
    if not allowed:
        return
    for value in values:
        if not value.glob and value.text.casefold() not in allowed:
            from difflib import get_close_matches

            near = get_close_matches(value.text.casefold(), allowed, n=1)
            hint = f"did you mean {near[0]}" if near else "it is one of " + ", ".join(allowed)
            raise QueryError(f"{name} is never {value.text or 'empty'}: {hint}", at)


_patterns: dict[str, re.Pattern[str]] = {}


def _pattern(text: str) -> re.Pattern[str]:
    """A value with `*`, as an expression over one line."""
    found = _patterns.get(text)
    if found is None:
        if len(_patterns) > 200:
            _patterns.clear()
        body = "[^\n]*".join(re.escape(part) for part in re.split(r"\*+", text.casefold()))
        found = _patterns[text] = re.compile(f"^{body}$", re.MULTILINE)
    return found


def _in_hay(value: Value, hay: str) -> bool:
    return _pattern(value.text).search(hay) is not None if value.glob else value.needle in hay


def _is(value: Value, texts: tuple[str, ...], match: fields.Match) -> bool:
    if value.glob:
        return any(_pattern(value.text).search(text) is not None for text in texts)
    wanted = value.needle
    if match is fields.Match.WHOLE or not wanted:
        return wanted in texts
    if match is fields.Match.START:
        return any(text.startswith(wanted) for text in texts)
    return any(wanted in text for text in texts)
