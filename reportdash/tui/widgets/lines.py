"""A widget that is nothing but lines: it keeps what it shows and repaints only the lines that changed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from reportdash.tui.text import Pen


def same(one: Strip, other: Strip) -> bool:
    """Whether two lines look the same."""
    return one is other or one == other


class Lines(Widget, inherit_css=False):
    """Lines handed in as strips. No style sheet, border or filter takes part in painting them."""

    can_focus = False

    def __init__(self, pen: Pen, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pen = pen
        self._lines: list[Strip] = []

    def show(self, lines: Sequence[Strip]) -> None:
        """Show these lines; those that look as before are not painted again."""
        old = self._lines
        self._lines = list(lines)
        if not self.is_mounted:
            return
        cells = self.size.width
        changed = [
            Region(0, y, cells, 1)
            for y in range(max(len(old), len(lines)))
            if y >= len(old) or y >= len(lines) or not same(old[y], lines[y])
        ]
        if changed:
            self.refresh(*changed)

    def line(self, y: int) -> Strip:
        """The line at `y`, counted from the top of the widget."""
        if 0 <= y < len(self._lines):
            return self._lines[y]
        return self.pen.blank(self.size.width)

    def render_lines(self, crop: Region) -> list[Strip]:
        cells = self.size.width
        out: list[Strip] = []
        for y in crop.line_range:
            strip = self.line(y)
            if strip.cell_length != cells:
                # Between a resize and the next `show` a line may still have its old width.
                strip = strip.adjust_cell_length(cells, self.pen.blank(1)._segments[0].style)
            if crop.x or crop.width != cells:
                strip = strip.crop(crop.x, crop.right)
            out.append(strip)
        return out

    def text(self) -> str:
        """What stands in the lines, without styles."""
        return "\n".join(self.line(y).text.rstrip() for y in range(self.size.height))
