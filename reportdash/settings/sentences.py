"""Config errors as one sentence: where, which key, the nearest valid one, what to write.

A value from the config is never repeated: it may be a secret in the wrong place.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

SECRET_NAMES = frozenset(
    {
        "username",
        "password",
        "client_id",
        "client_token",
        "client_secret",
        "api_key",
        "apikey",
        "api_token",
        "token",
        "access_token",
        "refresh_token",
        "bearer",
        "secret",
        "secrets",
        "secret_key",
        "private_key",
        "passwd",
        "passphrase",
        "pwd",
        "pass",
        "user",
        "login",
        "key",
        "credential",
        "credentials",
        "auth_token",
        "x_api_key",
    }
)
"""Names that hold a secret at some vendor, or that people write for one."""
PASSPHRASE_FILES = frozenset({"vault_passphrase_file", "passphrase_file"})
"""What people write for the file of the vault's passphrase, which the environment names."""
# Too short or too common to be guessed at from a misspelling.
_GUESSED_SECRETS = sorted(name for name in SECRET_NAMES if len(name) >= 6)


def plain_name(name: str) -> str:
    """A key as it is compared: lower case, `-` as `_`."""
    return name.lower().replace("-", "_")


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice most like `word`, or None when none is like it."""
    by_plain = {plain_name(choice): choice for choice in choices}
    found = difflib.get_close_matches(plain_name(word), list(by_plain), n=1, cutoff=0.6)
    return by_plain[found[0]] if found else None


def is_secret(name: str, allowed: Collection[str], secrets: Collection[str] = ()) -> bool:
    """Whether a key looks like a secret. `allowed`: valid keys here; `secrets`: the vendor's own fields."""
    plain = plain_name(name)
    if plain in secrets:
        return True
    if plain in allowed or plain in PASSPHRASE_FILES:
        return False
    if plain in SECRET_NAMES:
        return True
    guess = nearest(plain, [*allowed, *_GUESSED_SECRETS])
    return guess is not None and guess not in allowed


def dotted(path: Sequence[str | int]) -> str:
    """A path as people write it: accounts.main.region, keys with odd signs in quotes."""
    parts = [
        str(p) if str(p).replace("-", "_").isidentifier() or str(p).isdigit() else f'"{p}"' for p in path
    ]
    return ".".join(parts)


def one_of(choices: Sequence[str], *, joiner: str = "or") -> str:
    """`"a", "b" or "c"`."""
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} {joiner} {choices[-1]}"


def _kinds(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, flat, without None."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _kinds(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(annotation) for kind in _kinds(part)]
    return [] if annotation is type(None) else [annotation]


def literals(annotation: Any) -> list[str]:
    """The words an annotation allows, if it allows only certain ones."""
    words: list[str] = []
    for kind in _kinds(annotation):
        if typing.get_origin(kind) is Literal:
            words += [str(value) for value in typing.get_args(kind) if isinstance(value, str)]
        elif isinstance(kind, type) and issubclass(kind, Enum):
            words += [str(member.value) for member in kind]
    return words


def takes(annotation: Any) -> str:
    """What a key takes, in words."""
    words = [f'"{word}"' for word in literals(annotation)]
    for kind in _kinds(annotation):
        origin = typing.get_origin(kind)
        if origin is Literal:
            words += ["true" if v else "false" for v in typing.get_args(kind) if isinstance(v, bool)]
        elif kind is bool:
            words += ["true", "false"]
        elif kind is int:
            words.append("a whole number")
        elif kind is float:
            words.append("a number")
        elif kind is str or kind is Path:
            words.append("text in quotes")
        elif origin in (list, tuple, set, frozenset):
            words.append("a list of texts in brackets")
        elif origin in (dict, Mapping):
            words.append("a table")
    return one_of(list(dict.fromkeys(words))) if words else "another kind of value"


def takes_bool(annotation: Any) -> bool:
    """Whether true and false are valid here."""
    kinds = _kinds(annotation)
    return Any in kinds or any(
        kind is bool
        or (typing.get_origin(kind) is Literal and any(isinstance(v, bool) for v in typing.get_args(kind)))
        for kind in kinds
    )


def example(name: str, field: FieldInfo | None) -> str:
    """A valid assignment to show: `poll_min = 5`."""
    if field is None:
        return f'{name} = "…"'
    if field.examples:
        return f"{name} = {toml_value(field.examples[0])}"
    words = literals(field.annotation)
    default = field.default
    if isinstance(default, bool | int | float | str) and default != "":
        return f"{name} = {toml_value(default)}"
    if words:
        return f'{name} = "{words[0]}"'
    for kind in _kinds(field.annotation):
        if typing.get_origin(kind) in (dict, Mapping):
            return f"[{name}.NAME]" if name in ("accounts", "views") else f"[{name}]"
        if kind is bool:
            return f"{name} = true"
        if kind in (int, float):
            return f"{name} = 5"
        if typing.get_origin(kind) in (list, tuple, set, frozenset):
            return f'{name} = ["…"]'
    if isinstance(default, Path):
        return f'{name} = "{default}"'
    return f'{name} = "…"'


def toml_value(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(part) for part in value)}]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml_value(part)}" for key, part in value.items()) + " }"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in text) + '"'


_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def field_at(cls: type[BaseModel], path: Sequence[str | int]) -> FieldInfo | None:
    """The field a path leads to in `cls`; below tables with free names, the field of the table."""
    return cls.model_fields.get(str(path[0])) if path else None


def wrong_value(error: ErrorDetails, key: str, name: str, field: FieldInfo | None, value: object) -> str:
    """The sentence (without its place) for one finding of pydantic about a value."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return f"{key}: {str(error['msg']).removeprefix('Value error, ')}"
    if kind in _BOUNDS:
        bound, limit = _BOUNDS[kind]
        return f"{key} takes a number of {limit} {context.get(bound):g}: write {example(name, field)}"
    if kind in ("string_too_short", "too_short"):
        return f"{key} is empty: write {example(name, field)}, or take the line away"
    words = literals(field.annotation) if field is not None else []
    if field is not None and words and isinstance(value, str):
        like = nearest(value, words)
        hint = f"; the nearest is {name} = {toml_value(like)}" if like else f": write {example(name, field)}"
        return f"{key} takes {takes(field.annotation)}{hint}"
    if field is not None:
        return f"{key} takes {takes(field.annotation)}: write {example(name, field)}"
    return f"{key}: {error['msg']}"
