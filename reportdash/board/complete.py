"""What could stand where the cursor is in a query being typed. Pure: text in, texts that fit out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from reportdash.board import fields
from reportdash.board.terms import Value

_HEAD = re.compile(r"-?([A-Za-z_][A-Za-z_0-9]*)(:|>=|<=|>|<)")
_SPANS = ("10m", "1h", "6h", "1d", "7d")


class Completion(NamedTuple):
    """`choices` can each stand in place of `text[start:end]`; the first is the likeliest. `word`: where the
    whole term begins, its field and its minus included."""

    start: int
    end: int
    choices: tuple[str, ...]
    word: int

    def put(self, text: str, choice: str) -> str:
        """The text with a choice in its place."""
        return text[: self.start] + choice + text[self.end :]


def complete(text: str, at: int, known: Mapping[str, Sequence[str]]) -> Completion:
    """What fits the word before the cursor `at`. `known`: values that occur, by field, as for `account`."""
    word = start = _word(text, at)
    end = at
    while end < len(text) and not text[end].isspace():
        end += 1
    head = _HEAD.match(text[start:at])
    if head is None:
        start += text[start:at].startswith("-")
        return Completion(start, end, _open(text[start:at].casefold(), known), word)
    name, value = head[1].casefold(), start + head.end()
    if head[2] != ":":
        return Completion(value, end, _fitting(text[value:at], _bounds(name)), word)
    value = max(value, text.rfind("|", value, at) + 1)
    # Values after the cursor stay.
    bar = text.find("|", at, end)
    end = end if bar < 0 else min(end, bar)
    return Completion(value, end, _fitting(text[value:at], _values(name, known)), word)


def _word(text: str, at: int) -> int:
    """Where the word begins in which the cursor stands; blanks in quotes are part of it."""
    start, quoted, escaped = 0, False, False
    for place, char in enumerate(text[:at]):
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char.isspace():
            start = place + 1
    return start


def _open(typed: str, known: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Fields, and values whose field is plain from themselves: states and accounts."""
    names = [f"{name}:" for name in fields.FIELDS if name not in fields.MEASURES]
    names += [f"{name}>" for name in fields.MEASURES]
    found = [name for name in names if name.startswith(typed)]
    if not typed:
        return tuple(found)
    for field in ("state", "account"):
        values = _values(field, known)
        found += [f"{field}:{Value(value)}" for value in values if value.casefold().startswith(typed)]
    return tuple(found)


def _values(name: str, known: Mapping[str, Sequence[str]]) -> Sequence[str]:
    spec = fields.FIELDS.get(name)
    return (spec.allowed if spec is not None else ()) or known.get(name, ())


def _bounds(name: str) -> Sequence[str]:
    if name not in fields.MEASURES:
        return ()
    return _SPANS if fields.MEASURES[name].by_time else (fields.MEASURES[name].example,)


def _fitting(typed: str, values: Iterable[str]) -> tuple[str, ...]:
    wanted = typed.removeprefix('"').casefold()
    return tuple(str(Value(value)) for value in values if value.casefold().startswith(wanted))
