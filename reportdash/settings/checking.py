"""Checks with good sentences: which line a key stands on, what is wrong with it, what to write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reportdash.errors import UsageProblem
from reportdash.settings.lines import Path as KeyPath
from reportdash.settings.lines import key_lines, line_of
from reportdash.settings.sentences import (
    PASSPHRASE_FILES,
    dotted,
    example,
    field_at,
    is_secret,
    nearest,
    one_of,
    plain_name,
    takes,
    takes_bool,
    wrong_value,
)


class Checker:
    """Knows where each value came from: the file `path` with its `text`, or `from_environment`."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        self.from_environment: dict[KeyPath, str] = {}
        self._lines: dict[KeyPath, int] | None = None

    # Where something stands.

    @property
    def lines(self) -> dict[KeyPath, int]:
        """Scanned once, when first asked for: a config without errors needs it only for `config show`."""
        if self._lines is None:
            self._lines = key_lines(self.text)
        return self._lines

    def line(self, path: KeyPath) -> int | None:
        return line_of(self.lines, path)

    def place(self, path: KeyPath) -> str:
        for length in range(len(path), 0, -1):
            if path[:length] in self.from_environment:
                return f"environment variable {self.from_environment[path[:length]]}"
        line = self.line(path)
        return f"{self.path}, line {line}" if line else str(self.path)

    def fail(self, path: KeyPath, sentence: str) -> NoReturn:
        raise UsageProblem(f"{self.place(path)}: {sentence}")

    # Checks that give better sentences than pydantic does.

    def check_names(
        self,
        path: KeyPath,
        table: Mapping[str, Any],
        valid: Sequence[str],
        what: str,
        cls: type[BaseModel] | None = None,
        secrets: Collection[str] = (),
        account: str | None = None,
    ) -> None:
        # A secret first: whatever else is wrong, this one must be said.
        for key in table:
            if key not in valid and is_secret(key, valid, secrets):
                self.secret((*path, key), account)
        fields = cls.model_fields if cls else {}
        for key in table:
            if key not in valid and plain_name(key) in PASSPHRASE_FILES:
                self.fail(
                    (*path, key),
                    f"{dotted((*path, key))} is no key of the config: take it away, and name the file in the "
                    "environment, as REPORTDASH_VAULT_PASSPHRASE_FILE=/path",
                )
            if key not in valid:
                self.unknown((*path, key), what, valid, lambda like: example(like, fields.get(like)))

    def secret(self, path: KeyPath, account: str | None) -> NoReturn:
        where = f"run `reportdash login {account or 'ACCOUNT'}`"
        if path in self.from_environment and account:
            variable = (
                f"REPORTDASH_SECRET__{plain_name(account).upper()}__{plain_name(str(path[-1])).upper()}"
            )
            where = f"name it {variable}, or {where}"
        self.fail(
            path, f"{dotted(path)} is a secret, which never stands in the config: take it away and {where}"
        )

    def unknown(
        self,
        path: KeyPath,
        what: str,
        valid: Collection[str],
        write: Callable[[str], str],
        word: str | None = None,
    ) -> NoReturn:
        like = nearest(word or str(path[-1]), valid)
        if like is not None:
            hint = f"the nearest is {like}: write {write(like)}"
        else:
            hint = f"take it away, or use {one_of(sorted(valid))}"
        self.fail(path, f"{dotted(path)} {what}; {hint}")

    def check_views(self, views: object) -> None:
        for name, view in views.items() if isinstance(views, dict) else ():
            if isinstance(view, dict):
                self.check_names(
                    ("views", name), view, ("filter", "sort", "columns"), "is not a key of a view"
                )
            else:
                self.fail(
                    ("views", name),
                    f'{dotted(("views", name))} takes a table: write [views.{name}], filter = "state:failed"',
                )

    def check_bools(self, path: KeyPath, data: Mapping[str, Any], cls: type[BaseModel]) -> None:
        """Python takes true for 1: `keep_days = true` would forget everything tomorrow."""
        for name, value in data.items():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and not takes_bool(field.annotation):
                key = dotted((*path, name))
                self.fail(
                    (*path, name), f"{key} takes {takes(field.annotation)}: write {example(name, field)}"
                )

    def validate(self, path: KeyPath, cls: type[BaseModel], data: dict[str, Any]) -> Any:
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            self.explain(path, cls, data, error.errors(include_url=False))

    def explain(
        self, path: KeyPath, cls: type[BaseModel], data: dict[str, Any], findings: list[ErrorDetails]
    ) -> NoReturn:
        # The finding that stands first in the file; of one value's several, the first.
        located = [((*path, *_within(finding["loc"], data)), finding) for finding in findings]
        where, finding = min(located, key=lambda item: self.line(item[0]) or 0)
        inner = where[len(path) :]
        if finding["type"] == "missing":
            name = str(finding["loc"][-1])
            field = cls.model_fields.get(name)
            self.fail(where, f"{dotted(path) or 'the config'} has no {name}: write {example(name, field)}")
        if not inner:
            message = str(finding["msg"]).removeprefix("Value error, ")
            self.fail(path, f"{dotted(path)}: {message}")
        value: Any = data
        for part in inner:
            value = value[part]
        field = field_at(cls, inner) if len(inner) == 1 else None
        name = str(inner[-1])
        if len(inner) > 1 and field_at(cls, inner) is not None:
            key = dotted([part for part in where if isinstance(part, str)])
            self.fail(where, f"{key} {_nested_hint(inner)}")
        self.fail(where, wrong_value(finding, dotted(where), name, field, value))


def _nested_hint(inner: Sequence[str | int]) -> str:
    """What to write below a table with free names."""
    if inner[0] == "keys":
        return f'takes a key, a list of keys, or false: write {inner[1]} = "d"'
    if inner[0] == "views":
        if "columns" in inner:
            return 'takes a list of column names: write columns = ["state", "report"]'
        return f'takes text in quotes: write {inner[-1]} = "…"'
    return f'takes a list of texts in quotes: write {inner[0]} = ["…"]'


def _within(location: Sequence[str | int], data: Any) -> KeyPath:
    """The part of pydantic's location that exists in the data; it appends names of types to it."""
    path: KeyPath = ()
    for part in location:
        in_list = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if not in_list and not (isinstance(data, dict) and part in data):
            break
        data = data[part]
        path = (*path, part)
    return path
