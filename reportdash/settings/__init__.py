"""The operator's settings: one TOML file, each value also as an environment variable.

Importing this package costs nothing: what needs pydantic is loaded by the first use of `Settings`, `load`
or `schema`. Knows no vendor: the class that checks an account is handed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reportdash.settings.first import FirstLook, first_look
from reportdash.settings.paths import config_path, data_dir
from reportdash.settings.text import show, starter

if TYPE_CHECKING:
    from reportdash.settings.reading import load
    from reportdash.settings.records import LeftOut, Settings, schema
    from reportdash.settings.view import View

__all__ = [
    "FirstLook",
    "LeftOut",
    "Settings",
    "View",
    "config_path",
    "data_dir",
    "first_look",
    "load",
    "schema",
    "show",
    "starter",
]


def __getattr__(name: str) -> Any:
    if name == "load":
        from reportdash.settings.reading import load

        return load
    if name == "View":
        from reportdash.settings.view import View

        return View
    if name in ("LeftOut", "Settings", "schema"):
        from reportdash.settings import records

        return getattr(records, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
