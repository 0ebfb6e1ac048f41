"""How the last act on several jobs ended for each of them; those that failed can be tried once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reportdash.board.facts import Run
from reportdash.board.states import Role
from reportdash.board.units import digits
from reportdash.model import Job
from reportdash.tui.batch import Batch, How, words_of
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.form import paragraph
from reportdash.tui.screens.parts import BLANK, Button, Fold, Row, Words
from reportdash.tui.text import Pen, cut, muted, safe, text_run, width

FOLDED = 5
"""Rows of a heading that are shown before the rest is asked for; those that failed are all shown."""
_HEADS = {
    How.FAILED: (Run("✗", Role.BAD, bold=True), "Failed"),
    How.UNSURE: (Run("▲", Role.WARN, bold=True), "Not confirmed"),
    How.GOES_ON: (Run("●", Role.TEXT), "Under way"),
    How.DONE: (Run("✓", Role.TEXT), "Done"),
}


class Results(Dialog[list[Job]]):
    """Gives the jobs to try again."""

    def __init__(self, pen: Pen, act: Batch, now_of: Callable[[Job], Job | None]) -> None:
        super().__init__(pen, f"{act.verb.capitalize()}: {digits(len(act.jobs))} reports")
        self.act = act
        self.now_of = now_of
        self._unfolded: set[How] = set()

    def on_mount(self) -> None:
        self.act.changed = self.redraw
        super().on_mount()

    def on_unmount(self) -> None:
        self.act.changed = lambda: None

    @property
    def cancel_label(self) -> str:
        return "Close"

    def rows(self, cells: int) -> list[Row]:
        rows: list[Row] = []
        for how, (sign, title) in _HEADS.items():
            jobs = self.act.those(how)
            if not jobs:
                continue
            rows += [BLANK] if rows else []
            head = (
                sign._replace(text=f"{sign.text} {digits(len(jobs))}"),
                Run(f" {title}", Role.STRONG, bold=True),
            )
            rows.append(Words([(0, head)]))
            folded = how not in (How.FAILED, How.UNSURE) and how not in self._unfolded and len(jobs) > FOLDED
            for job in jobs[:FOLDED] if folded else jobs:
                rows += self._job(job, cells)
            if folded:
                rows.append(Fold(f"and {digits(len(jobs) - FOLDED)} more", how.name, at=2))
        return rows

    def _job(self, job: Job, cells: int) -> list[Row]:
        end = self.act.ends.get(job.id)
        at = cells - width(job.id)
        account = max(30, at - 16)
        line = Words(
            [
                (2, (text_run(cut(safe(job.name), account - 4)),)),
                (account, (text_run(cut(safe(job.account), at - account - 1)),)),
                (at, (muted(job.id),)),
            ]
        )
        if end is None or end.how is How.DONE or not end.text:
            return [line]
        return [line, *paragraph(words_of(end.text, job), cells, Role.WARN, at=4)]

    def buttons(self) -> list[Button]:
        failed = len(self.act.those(How.FAILED))
        return [Button(f"Retry {digits(failed)}", "retry")] if failed else []

    def keys(self) -> Sequence[tuple[str, str]]:
        return (("esc", "close"), ("tab", "next"), ("enter", "choose"))

    def pressed(self, value: str) -> None:
        if value == "retry":
            # As they are now: what was forgotten meanwhile is left out.
            found = [self.now_of(job) for job in self.act.those(How.FAILED)]
            self.dismiss([job for job in found if job is not None])
        else:
            self._unfolded.add(How[value])
            self.focused_item = self._cancel
