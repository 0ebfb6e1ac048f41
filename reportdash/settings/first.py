"""The first look at the config: what the first paint needs, by tomllib alone.

Full validation follows later and says what is wrong; here a wrong value is simply not used.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from reportdash.settings.view import View

LIMIT = 1 << 20
"""Bytes of a config that are read; a longer file is no config."""

DEFAULT_THEME = "reportdash-dark"
KeyBinding = str | list[str] | bool

MOST_VIEWS = 9
"""Views have the digits for keys."""
ALL_JOBS = "all jobs"
"""The view of our own that is always there."""


class FirstLook(NamedTuple):
    """What the first paint takes from the config; `accounts` is account name -> vendor."""

    theme: str = DEFAULT_THEME
    glyphs: str = "auto"
    mouse: str | bool = "auto"
    wire: bool = True
    read_only: bool = False
    keys: Mapping[str, KeyBinding] = {}
    views: Mapping[str, View] = {}
    accounts: Mapping[str, str] = {}


def first_look(path: Path, environ: Mapping[str, str] | None = None) -> FirstLook:
    """Theme, glyphs, keys and the like as the file and the environment have them. Never raises."""
    try:
        with path.open("rb") as file:
            data = tomllib.loads(file.read(LIMIT).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        data = {}
    environ = environ or {}
    for name in ("theme", "glyphs", "mouse", "wire", "read_only"):
        text = environ.get(f"REPORTDASH_{name.upper()}")
        if text:
            data[name] = {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    return FirstLook(
        theme=_text(data.get("theme"), DEFAULT_THEME),
        glyphs=_choice(data.get("glyphs"), ("auto", "unicode", "ascii")),
        mouse=_mouse(data.get("mouse")),
        wire=data.get("wire") is not False,
        read_only=data.get("read_only") is True,
        keys=_keys(data.get("keys")),
        views=views_of(data.get("views")),
        accounts=_accounts(data.get("accounts")),
    )


def _text(value: object, default: str) -> str:
    return value if isinstance(value, str) and value else default


def _choice(value: object, choices: tuple[str, ...]) -> str:
    return value if isinstance(value, str) and value in choices else choices[0]


def _mouse(value: object) -> str | bool:
    return value if isinstance(value, bool) else "auto"


def _keys(value: object) -> dict[str, KeyBinding]:
    if not isinstance(value, dict):
        return {}
    return {
        action: bound
        for action, bound in value.items()
        if bound is False
        or isinstance(bound, str)
        or (isinstance(bound, list) and all(isinstance(key, str) for key in bound))
    }


def views_of(value: object) -> dict[str, View]:
    views = {}
    for name, raw in value.items() if isinstance(value, dict) else ():
        if isinstance(raw, dict):
            from reportdash.settings.view import View

            columns, sort = raw.get("columns"), raw.get("sort")
            views[name] = View(
                filter=_text(raw.get("filter"), ""),
                sort=sort if isinstance(sort, str) else None,
                columns=tuple(map(str, columns)) if isinstance(columns, list) else None,
            )
    return views


def _accounts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name: _text(raw.get("vendor"), "") for name, raw in value.items() if isinstance(raw, dict)}
