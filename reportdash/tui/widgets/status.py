"""The line above the footer: a notice, or what has no column on a narrow screen."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from reportdash.board.facts import Run
from reportdash.board.states import Face, Role, Weight
from reportdash.model import Job
from reportdash.tui.text import Pen, length, muted, strong
from reportdash.tui.widgets.lines import Lines


class Status(Lines):
    """One line. A notice stands until the next key."""

    def __init__(self, pen: Pen) -> None:
        super().__init__(pen, id="status")
        self.notice: tuple[Run, ...] = ()

    def update(self, job: Job | None, face: Face | None, words: str) -> None:
        """Show the notice, else the job (None: nothing). `words`: what the vendor says of it."""
        cells = self.size.width
        if self.notice:
            self.show([self.pen.strip([(1, self.notice)], cells)])
        elif job is None or face is None:
            self.show([self.pen.blank(cells)])
        else:
            self.show([line(job, face, words, cells, self.pen)])


def line(job: Job, face: Face, words: str, cells: int, pen: Pen) -> Strip:
    """`✗ billing says FAILED  Invalid object name …  k3f9t`."""
    left: list[Run] = [Run(face.glyph, face.role, bold=face.weight is Weight.NEEDS_YOU), Run(" ", Role.TEXT)]
    if not words:
        left.append(muted(job.account))
    elif words.startswith("("):
        left += [muted(f"{job.account} "), Run(words, Role.TEXT)]
    else:
        left += [muted(f"{job.account} says "), Run(words, Role.TEXT)]
    if job.message and job.message != words:
        left += [
            Run("  ", Role.TEXT),
            strong(job.message) if face.weight is Weight.NEEDS_YOU else muted(job.message),
        ]
    end: Sequence[Run] = (muted(job.id),)
    return pen.strip([(1, left), (cells - 1 - length(end), end)], cells)
