"""A measured figure beside what it is to reach, and the lines of the table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Figure:
    """One line: `reach` and `dream` are the most that is allowed, with `least` the least; None: none is set.

    `unit`: "×" for a ratio, "B" for bytes, "ms" for milliseconds.
    """

    number: str
    what: str
    against: str
    value: float
    reach: float | None
    dream: float | None = None
    detail: str = ""
    unit: str = "×"
    least: bool = False

    @property
    def verdict(self) -> str:
        if self.dream is not None and self._keeps(self.dream):
            return "dream"
        if self.reach is None:
            return ""
        return "reach" if self._keeps(self.reach) else "NOT reached"

    def _keeps(self, bound: float) -> bool:
        return self.value >= bound if self.least else self.value <= bound

    def bound(self, bound: float | None) -> str:
        """A bound as the table has it."""
        if bound is None:
            return ""
        return f"{'≥' if self.least else '≤'} {self.shown(bound)}"

    def shown(self, value: float) -> str:
        """A value with its unit; small ratios keep the digits that tell them apart."""
        if self.unit == "B":
            return f"{value:,.0f} B"
        if self.unit == "ms":
            return f"{value:.1f} ms"
        return f"{value:.4f}×" if 0 < value < 0.1 else f"{value:.2f}×"


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
            one.shown(one.value),
            one.bound(one.reach),
            one.bound(one.dream),
            one.verdict,
            one.detail,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed. Raises ValueError when there are none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("a percentile of nothing")
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]
