"""What the dashboard remembers from one start to the next: `screen.toml` in the data folder.

Nothing in it is needed: a file that is gone or can not be read is an empty memory. The views saved on the
screen stand in it as they would stand in the config.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from reportdash.settings.first import LIMIT, views_of

if TYPE_CHECKING:
    from reportdash.settings.view import View

FILE_NAME = "screen.toml"
_HEAD = "# What the dashboard remembers, written by itself. A view can move to the config as it stands.\n"


class Memory(NamedTuple):
    """What was last on the screen.

    `themes`: for each kind of terminal the theme that was chosen, and the config's own then; it counts as
    long as the config still says that. `view`, `filter`: the saved view by name, what was typed beside
    it. `sort`: a column, `-` in front the other way round, empty: the view's own. `looked_at`: unix seconds
    of the last key.
    """

    themes: Mapping[str, tuple[str, str]] = {}
    view: str = ""
    filter: str = ""
    sort: str = ""
    looked_at: float = 0.0
    views: Mapping[str, View] = {}

    def theme(self, kind: str, configured: str) -> str:
        """The theme for a kind of terminal: the one chosen on the screen, else the config's."""
        chosen, over = self.themes.get(kind, ("", ""))
        return chosen if chosen and over == configured else configured


def recall(path: Path | None) -> Memory:
    """What the file holds, as far as it can be understood. Never raises."""
    if path is None:
        return Memory()
    try:
        with path.open("rb") as file:
            data = tomllib.loads(file.read(LIMIT).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return Memory()
    return Memory(
        themes=_themes(data.get("themes")),
        view=_text(data.get("view")),
        filter=_text(data.get("filter")),
        sort=_text(data.get("sort")),
        looked_at=_number(data.get("looked_at")),
        views=views_of(data.get("views")),
    )


def remember(path: Path, **changes: Any) -> Memory:
    """Write these fields of a Memory; the others stay as the file has them, whoever wrote it last.

    Another dashboard on the same folder may write as well. Raises OSError; the old file is whole then.
    """
    old = recall(path)
    new = old._replace(**changes)
    if new == old and path.exists():
        return new
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(_HEAD + _toml(new))
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    return new


def _toml(memory: Memory) -> str:
    from reportdash.settings.sentences import toml_value

    lines = [
        f"{name} = {toml_value(value)}"
        for name in ("view", "filter", "sort", "looked_at")
        if (value := getattr(memory, name))
    ]
    if memory.themes:
        lines += ["", "[themes]", *(f"{toml_value(k)} = {toml_value(v)}" for k, v in memory.themes.items())]
    for name, view in memory.views.items():
        lines += ["", f"[views.{toml_value(name)}]"]
        found = {"filter": view.filter, "sort": view.sort, "columns": view.columns}
        lines += [f"{key} = {toml_value(value)}" for key, value in found.items() if value]
    return "\n".join(lines) + "\n"


def _themes(value: object) -> dict[str, tuple[str, str]]:
    found = value.items() if isinstance(value, dict) else ()
    return {
        kind: (_text(two[0]), _text(two[1])) for kind, two in found if isinstance(two, list) and len(two) == 2
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if good else 0.0  # type: ignore[arg-type]
