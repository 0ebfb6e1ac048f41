"""Secret values as records, as they are kept in a store. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

VERSION = 1
LONGEST = 64 * 1024
"""Characters of one account's values; no vendor's key is near it."""


class Secrets(Mapping[str, str]):
    """Field -> value. Its text form shows the fields only, so that a traceback with locals shows no value."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, field: str) -> str:
        return self._values[field]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"

    def __reduce__(self) -> NoReturn:
        """Neither pickled nor copied with a record that holds them (dataclasses.asdict)."""
        raise TypeError("secrets are not pickled")


@dataclass(slots=True, frozen=True)
class Stored:
    """One credential as a store has it. `origins`: every origin it may be sent to."""

    origins: tuple[str, ...]
    fields: Secrets

    def encode(self) -> str:
        return json.dumps(
            {"v": VERSION, "origin": " ".join(self.origins), "fields": dict(self.fields)}, sort_keys=True
        )

    @classmethod
    def decode(cls, text: str) -> Stored | None:
        """None for what is not ours or is from another version."""
        try:
            data = json.loads(text)
            if data["v"] != VERSION:
                return None
            origins, fields = data["origin"].split(), data["fields"]
            if not all(isinstance(part, str) and part for pair in fields.items() for part in pair):
                return None
            return cls(tuple(origins), Secrets(fields))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


def variable(account: str, field: str) -> str:
    """The environment variable of a secret: REPORTDASH_SECRET__NORTH_CAMPUS__API_KEY."""
    return f"REPORTDASH_SECRET__{account}__{field}".upper().replace("-", "_")


def unfit(values: Mapping[str, str]) -> str:
    """Why these values cannot be kept, as `password is not UTF-8 text`; empty: they can."""
    for field, value in values.items():
        if not value:
            return f"{field} is empty"
        if not is_text(value):
            return f"{field} is not UTF-8 text"
    if sum(map(len, values.values())) > LONGEST:
        return f"{' and '.join(values)} must be shorter, {LONGEST} characters at most"
    return ""


def is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: bytes of another encoding, read as text, cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def choose(fields: Sequence[Sequence[str]], present: Mapping[str, str]) -> Secrets | None:
    """The values of the first alternative set that is complete, and only those."""
    for wanted in fields:
        if wanted and all(present.get(field) for field in wanted):
            return Secrets({field: present[field] for field in wanted})
    return None
