"""What a change did to the rows. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Delta:
    """What a change did: slots whose row may look different, and whether rows stand elsewhere."""

    touched: set[int] = field(default_factory=set)
    moved: bool = False
    rebuild: bool = False
    """The change is too large for single moves: run `rebuild`."""
