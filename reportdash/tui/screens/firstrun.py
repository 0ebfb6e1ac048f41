"""What stands where the table would be: the first run, an empty table, a filter that finds nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from textual.strip import Strip

from reportdash.board.counts import Counts
from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.board.units import plural
from reportdash.tui.actions import Keymap
from reportdash.tui.text import Pen, cut, key_run, muted, strong, text_run

Pieces: TypeAlias = Sequence[tuple[int, Iterable[Run]]]

STEPS = (
    ("Look around first", "reportdash demo"),
    ("Write the config", "reportdash config init"),
    ("Log in", "reportdash login ACCOUNT"),
    ("Follow a report", "reportdash track ACCOUNT REFERENCE"),
)
SMALLEST = ("[accounts.main]", 'vendor = "7g"', 'base_url = "https://api.7g.com.au"')
WIDTH = 60


def first_run(cells: int, height: int, config: str, pen: Pen) -> list[Strip]:
    """The page without an account, in `height` lines. `config`: where the file belongs."""
    left = max(2, (cells - WIDTH) // 2 + (cells >= 90) * 2) if cells >= WIDTH else 2
    wide = cells >= 70
    where = [(left, (muted("in "), text_run(config)))] if config else []
    lines: list[Pieces] = [[(left, (strong("No account yet"),))], []]
    for number, (what, command) in enumerate(STEPS, 1):
        lines.append(
            [(left, (key_run(str(number)),)), (left + 3, (text_run(what),)), (left + 26, (strong(command),))]
            if wide
            else [(left, (key_run(str(number)),)), (left + 3, (strong(command),))]
        )
    lines += [[], [(left, (muted("The smallest config, for one 7G account:"),))]]
    lines += [where] if where else []
    lines.append([])
    lines += [[(left, (Run("▌", Role.LINE),)), (left + 2, (text_run(text),))] for text in SMALLEST]
    lines += [[], [(left, (muted("This page changes by itself when the file is there. More in docs/."),))]]
    if height < len(lines):
        lines = [line for line in lines if line]
    above = max(0, (height - len(lines)) // 2)
    return _filled([[]] * above + lines, cells, height, pen)


def nothing_found(
    cells: int, height: int, query: str, view: str, counts: Counts, keymap: Keymap, pen: Pen
) -> list[Strip]:
    """A filter, or a saved view, without any job."""
    total = plural(counts.total, "job")
    if query:
        said = [text_run("No job matches "), strong(cut(query, max(10, cells - 50))), text_run(".  ")]
        said += [key_run(keymap.shown("back")), text_run(f" clears the filter, {total} in all")]
    else:
        said = [text_run("No job in the view "), strong(view), text_run(".  ")]
        said += [key_run(keymap.shown("view_1")), text_run(f" shows all jobs, {total} in all")]
    return _filled([[], [(3, said)]], cells, height, pen)


def no_jobs(cells: int, height: int, keymap: Keymap, pen: Pen) -> list[Strip]:
    """Accounts, but no job yet."""
    said = [text_run("No jobs yet.  "), key_run(keymap.shown("submit")), text_run(" submits one, ")]
    said += [key_run(keymap.shown("track")), text_run(" follows one that runs already")]
    return _filled([[], [(3, said)]], cells, height, pen)


def too_small(cells: int, height: int, pen: Pen) -> list[Strip]:
    """One sentence for a window that is too small."""
    words = f"reportdash needs 60×12, this window is {cells}×{height}"
    lines: list[Pieces] = [
        [(0, (text_run(words[at : at + cells]),))] for at in range(0, len(words), max(1, cells))
    ]
    return _filled(lines, cells, height, pen)


def _filled(lines: Sequence[Pieces], cells: int, height: int, pen: Pen) -> list[Strip]:
    made = [pen.strip(pieces, cells) for pieces in lines[:height]]
    return made + [pen.blank(cells)] * (height - len(made))
