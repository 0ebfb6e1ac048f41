"""The query language of the filter line and of `jobs QUERY`. Pure: text in, a predicate out.

    word  "a phrase"  -word  a|b  field:value  field:a|b  -field:value  name:Entity*  age>2h  size>10MB

Terms stand side by side and must all hold. A plain word is looked for in id, name, account, state,
vendor_status, message and reference. `*` stands for any text; a pattern with it must fit the whole field.
Letter case never matters. In quotes everything is literal; `\\"` and `\\\\` are escapes there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from reportdash.board import fields
from reportdash.board.terms import Compare, Field, Query, Term, Value, Words

MAX_LENGTH = 2000
MAX_TERMS = 64


class QueryError(ValueError):
    """A query that cannot be read. `position` counts characters from 0; `text` is a sentence."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(f"{text} (at character {position + 1})")
        self.text = text
        self.position = position


def parse(text: str) -> Query:
    """The query a text stands for; raises QueryError with the position of what is wrong."""
    if len(text) > MAX_LENGTH:
        raise QueryError(f"a query has at most {MAX_LENGTH} characters", MAX_LENGTH)
    terms = tuple(_terms(text))
    if len(terms) > MAX_TERMS:
        raise QueryError(f"a query has at most {MAX_TERMS} terms", len(text))
    return Query(terms)


_SPACE = re.compile(r"\s*")
_HEAD = re.compile(r"([A-Za-z_][A-Za-z_0-9]*)(:|>=|<=|>|<)")
_PLAIN = re.compile(r'[^\s"|]+')
_REST = re.compile(r"\S*")


def _terms(text: str) -> Iterator[Term]:
    at = _skip(text, 0)
    while at < len(text):
        negated = text[at] == "-"
        at += negated
        if negated and (at == len(text) or text[at].isspace()):
            raise QueryError("a word is missing after the minus", at - 1)
        head = _HEAD.match(text, at)
        if head is None:
            found, at = _values(text, at)
            yield Words(tuple(found.values()), negated)
        elif head[2] == ":":
            name = _known(head, fields.FIELDS)
            found, at = _values(text, head.end())
            _checked(name, found)
            yield Field(name, tuple(found.values()), negated)
        else:
            name = _known(head, fields.MEASURES)
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


def _values(text: str, at: int) -> tuple[dict[int, Value], int]:
    """Values separated by `|` up to the next blank, each with its place, and where they end."""
    values: dict[int, Value] = {}
    while True:
        start = at
        values[start], at = _value(text, at)
        if at < len(text) and text[at] == "|":
            at += 1
        elif at < len(text) and not text[at].isspace():
            raise QueryError("a blank is missing here", at)
        else:
            return values, at


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


def _known(head: re.Match[str], names: Collection[str]) -> str:
    name = head[1].casefold()
    if name in names:
        return name
    if name in fields.MEASURES:
        raise QueryError(f"{name} is compared, as in {name}>{fields.MEASURES[name].example}", head.start(2))
    if name in fields.FIELDS:
        raise QueryError(f"{name} has no order to compare by: write {name}: and a value", head.start(2))
    kind = "field" if head[2] == ":" else "quantity"
    hint = _hint(name, names, "the names are")
    raise QueryError(f"there is no {kind} {name}: {hint}; in quotes it is a plain text", head.start())


def _checked(name: str, values: Mapping[int, Value]) -> None:
    """Refuse a value that a field with a closed set of values can never have."""
    allowed = fields.FIELDS[name].allowed
    for at, value in values.items() if allowed else ():
        if not value.glob and value.needle not in allowed:
            hint = _hint(value.needle, allowed, "it is one of")
            raise QueryError(f"{name} is never {value.text or 'empty'}: {hint}", at)


def _hint(word: str, names: Collection[str], otherwise: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, names, n=1)
    return f"did you mean {near[0]}" if near else f"{otherwise} {', '.join(names)}"
