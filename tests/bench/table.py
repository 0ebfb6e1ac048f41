"""A measured figure beside what it is to reach, and the lines of the table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Figure:
    """One line: `reach` and `dream` are the most that is allowed; None: none is set."""

    number: str
    what: str
    against: str
    value: float
    reach: float | None
    dream: float | None = None
    detail: str = ""

    @property
    def verdict(self) -> str:
        if self.dream is not None and self.value <= self.dream:
            return "dream"
        if self.reach is None:
            return ""
        return "reach" if self.value <= self.reach else "NOT reached"


def markdown(figures: Iterable[Figure]) -> str:
    """The table as Markdown."""
    lines = [
        "| # | figure | against | measured | reach | dream | | detail |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in figures:
        cells = (
            one.number,
            one.what,
            one.against,
            f"{one.value:.2f}×",
            _bound(one.reach),
            _bound(one.dream),
            one.verdict,
            one.detail,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _bound(bound: float | None) -> str:
    return "" if bound is None else f"≤ {bound:.2f}×"
