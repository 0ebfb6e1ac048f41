"""The one door between text and the screen: every segment with a vendor's or a person's words is made here.

Controls, escapes, bidi marks and zero-width characters are replaced, nothing is read as markup, and a line is
as wide in cells as it was asked to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.strip import Strip

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.plain import clean
from reportdash.tui.glyphs import Glyphs, ascii_text
from reportdash.tui.theme import Palette


def safe(text: str, limit: int = 500) -> str:
    """`text` in one harmless line of at most `limit` characters."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    return _made_safe(text, limit)


@lru_cache(maxsize=2048)
def _made_safe(text: str, limit: int) -> str:
    # Signs of ours, and a vendor's few words: the same ones on every row.
    text = text[: limit * 4]
    lead = len(text) - len(text.lstrip(" "))
    # `clean` trims; blanks at the ends are layout and stay.
    tail = len(text) - len(text.rstrip(" ")) if lead < len(text) else 0
    return (" " * lead + clean(text, limit) + " " * tail)[:limit]


def width(text: str) -> int:
    """Cells a harmless text takes."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, cells: int) -> str:
    """`text` in at most `cells`, cut at its end with `…`."""
    if width(text) <= cells:
        return text
    if cells <= 0:
        return ""
    kept = chop_cells(text, cells - 1)[0] if cells > 1 else ""
    return kept + "…"


def cut_middle(text: str, cells: int) -> str:
    """A reference in at most `cells`, cut in its middle with `…`."""
    if width(text) <= cells or not text.isascii() or cells < 5:
        return cut(text, cells)
    tail = min(4, cells // 3)
    return f"{text[: cells - 1 - tail]}…{text[-tail:]}"


def fit(runs: Iterable[Run], cells: int) -> list[Run]:
    """Runs cleaned and cut to at most `cells` together."""
    out: list[Run] = []
    left = cells
    for run in runs:
        text = safe(run.text)
        if not text:
            continue
        taken = width(text)
        if taken > left:
            if left > 0:
                out.append(run._replace(text=cut(text, left)))
            return out
        out.append(run if text is run.text else run._replace(text=text))
        left -= taken
    return out


class Pen:
    """Makes lines: a palette, and which signs the terminal can show."""

    def __init__(self, palette: Palette, glyphs: Glyphs = "unicode") -> None:
        self.palette = palette
        self.glyphs = glyphs

    def sign(self, text: str) -> str:
        """Text with the signs this terminal can show."""
        if self.glyphs == "unicode" or text.isascii():
            return text
        return ascii_text(text, words=self.glyphs == "wide")

    @property
    def rule(self) -> str:
        """What rules and frames are drawn with."""
        return "─" if self.glyphs == "unicode" else "-"

    def strip(self, pieces: Sequence[tuple[int, Iterable[Run]]], cells: int, ground: Role = Role.BG) -> Strip:
        """A line of exactly `cells`: runs at columns, each cut where the next piece begins.

        Pieces are in the order of their columns; blanks in between take the style before them.
        """
        style = self.palette.style
        blank = style(Role.TEXT, ground)
        out: list[Segment] = []
        text, pen, at = "", blank, 0

        for number, (column, runs) in enumerate(pieces):
            end = pieces[number + 1][0] if number + 1 < len(pieces) else cells
            if column > at:
                text += " " * (column - at)
                at = column
            for run in fit(runs, min(end, cells) - at):
                made = style(run.role, ground, bold=run.bold, underline=run.underline)
                if run.text.isspace() and not run.underline and not pen.underline:
                    made = pen
                if made is not pen:
                    if text:
                        if pen.underline and text[-1] == " ":
                            kept = text.rstrip(" ")
                            out.append(Segment(kept, pen))
                            out.append(Segment(text[len(kept) :], blank))
                        else:
                            out.append(Segment(text, pen))
                    text, pen = "", made
                text += self.sign(run.text)
                at += width(run.text)
        if pen.underline:
            out.append(Segment(text, pen))
            text, pen = "", blank
        text += " " * (cells - at)
        if text:
            out.append(Segment(text, pen))
        return Strip(out, cells)

    def join(self, parts: Iterable[tuple[int, Sequence[tuple[int, Iterable[Run]]], Role]]) -> Strip:
        """A line of several grounds: each part has its cells, its pieces (columns from its own left end) and
        its ground."""
        return Strip.join([self.strip(pieces, cells, ground) for cells, pieces, ground in parts if cells > 0])

    def blank(self, cells: int, ground: Role = Role.BG) -> Strip:
        """An empty line."""
        return Strip([Segment(" " * cells, self.palette.style(Role.TEXT, ground))], cells)


def length(runs: Iterable[Run]) -> int:
    """Cells that runs take together."""
    return sum(width(safe(run.text)) for run in runs)


def text_run(text: str) -> Run:
    return Run(text, Role.TEXT)


def muted(text: str) -> Run:
    return Run(text, Role.MUTED)


def strong(text: str) -> Run:
    return Run(text, Role.STRONG, bold=True)


def key_run(text: str) -> Run:
    """A key's name, as the footer and sentences show it."""
    return Run(text, Role.ACCENT, bold=True)
