"""What a change did to the rows. Pure."""

from __future__ import annotations


class Delta:
    """`touched`: slots whose row may look different; `moved`: rows stand elsewhere.

    `rebuild`: the change is too large for single moves, the whole order has to be made anew.
    """

    __slots__ = ("moved", "rebuild", "touched")

    def __init__(self, touched: set[int] | None = None, *, rebuild: bool = False) -> None:
        self.touched = touched if touched is not None else set()
        self.moved = False
        self.rebuild = rebuild

    def add(self, later: Delta) -> None:
        """Take what another change did in as well."""
        self.touched |= later.touched
        self.moved |= later.moved
        self.rebuild |= later.rebuild
