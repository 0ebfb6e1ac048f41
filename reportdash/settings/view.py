"""A saved view as the config has it. It stands alone because a start without saved views does without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(slots=True, frozen=True)
class View:
    """A saved view: a query, a column to sort by (`-name`: the other way round), the columns shown."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    filter: str = ""
    sort: str | None = None
    columns: tuple[str, ...] | None = None
