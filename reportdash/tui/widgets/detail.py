"""The details of one job: a rule with its title and tabs, and the lines of the tab that is open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.strip import Strip

from reportdash.board.facts import Run
from reportdash.board.states import Role, Weight
from reportdash.board.units import plural
from reportdash.plain import clean
from reportdash.tui import details, saved
from reportdash.tui.actions import Keymap
from reportdash.tui.details import Subject, Tab
from reportdash.tui.rows import child_id
from reportdash.tui.text import Pen, length, muted, strong, text_run
from reportdash.tui.widgets.lines import Lines

MARGIN = 3
"""Blank columns right of the tabs."""


class Detail(Lines):
    """The first line is the rule, the second blank, the others the tab's. `active` has the keys.

    `notice` takes the last line. `on_files` is told which files the tab File shows, when it comes into sight.
    """

    def __init__(self, pen: Pen, keymap: Keymap, *, id: str = "detail") -> None:
        super().__init__(pen, id=id)
        self.keymap = keymap
        self.subject: Subject | None = None
        self.active = False
        self.wanted: str | None = None
        self.scroll = 0
        self.notice: tuple[Run, ...] = ()
        self.on_files: Callable[[tuple[str, ...]], None] | None = None
        self._looked_at: tuple[str, ...] | None = None

    @property
    def tab(self) -> str:
        """The open tab: the one the operator chose if it has something in it, else the one that matters."""
        names = [tab.name for tab in self.tabs]
        if self.wanted in names:
            return self.wanted or ""
        return "error" if "error" in names else "overview"

    @property
    def tabs(self) -> list[Tab]:
        return [] if self.subject is None else details.tabs(self.subject)

    def step(self, by: int) -> None:
        """Open the next tab, or the one before."""
        names = [tab.name for tab in self.tabs]
        if names:
            self.wanted = names[(names.index(self.tab) + by) % len(names)]
            self.scroll = 0
            self.update(self.subject)

    def scroll_by(self, by: int) -> None:
        """Move the lines of the tab."""
        self.scroll += by
        self.update(self.subject)

    def scroll_to_end(self, end: bool) -> None:
        """The first lines of the tab, or the last."""
        # More lines than any tab has; `update` brings it to what there is.
        self.scroll = 1 << 20 if end else 0
        self.update(self.subject)

    def _look(self, files: tuple[str, ...] | None) -> None:
        """Ask for what these files begin with, once each time the tab File comes into sight."""
        if self.on_files is not None and files != self._looked_at:
            self._looked_at = files
            self.on_files(files or ())

    @property
    def page(self) -> int:
        """Lines of a tab that fit."""
        return max(1, self.size.height - 2)

    def update(self, subject: Subject | None) -> None:
        """Show a job (None: nothing). Another job starts at its first line."""
        if subject is None or self.subject is None or subject.job.id != self.subject.job.id:
            self.scroll = 0
        self.subject = subject
        self._look(saved.paths(subject) if subject is not None and self.tab == "file" else None)
        cells = self.size.width
        if cells <= 0:
            return
        if subject is None:
            self.show([self._rule(cells, (), (), "")])
            return
        body = details.lines(self.tab, subject, cells, self.keymap)
        self.scroll = max(0, min(self.scroll, len(body) - self.page))
        seen = body[self.scroll : self.scroll + self.page]
        title, about = _title(subject)
        lines = [self._rule(cells, title, about, self.tab), self.pen.blank(cells)]
        lines += [self.pen.strip(pieces, cells) for pieces in seen]
        lines += [self.pen.blank(cells)] * (self.size.height - len(lines))
        if len(body) > self.scroll + self.page:
            more = f"{plural(len(body) - self.scroll - self.page, 'more line')}"
            last = seen[-1] if seen else []
            end = (cells - 3 - len(more), (text_run("  "), muted(more)))
            lines[len(seen) + 1] = self.pen.strip([*last, end], cells)
        if self.notice:
            lines[-1] = self.pen.strip([(1, self.notice)], cells)
        self.show(lines)

    def text(self) -> str:
        """Everything the open tab says, for the clipboard."""
        if self.subject is None:
            return ""
        if self.tab == "error":
            told = self.subject.explanation()
            # In one line: it may be pasted into a shell.
            return clean(told.headline) if told is not None else ""
        body = details.lines(self.tab, self.subject, max(80, self.size.width), self.keymap)
        return "\n".join(self.pen.strip(pieces, 400).text.rstrip() for pieces in body)

    def _rule(self, cells: int, title: Sequence[Run], about: Sequence[Run], open_tab: str) -> Strip:
        role = Role.ACCENT if self.active else Role.LINE
        tabs = self._tab_runs(open_tab)
        start = cells - MARGIN - length(tabs) if tabs else cells
        if start < 20:
            start = max(12, start + MARGIN - 1)
        rule = self.pen.rule
        pieces: list[tuple[int, Sequence[Run]]] = [(0, (Run(rule, role),))]
        at = 1
        if title:
            head = [*title, Run(" ", Role.TEXT), *about]
            if length(head) > start - 6:
                head = list(title)
            pieces.append((2, head))
            at = 3 + min(length(head), start - 4)
        if at < start - 1:
            pieces.append((at, (Run(rule * (start - 1 - at), role),)))
            pieces.append((start - 1, (Run(" ", Role.TEXT),)))
        pieces.append((start, tabs))
        return self.pen.strip(pieces, cells)

    def _tab_runs(self, open_tab: str) -> list[Run]:
        runs: list[Run] = []
        gap = "   " if self.size.width >= 100 else "  "
        for tab in self.tabs:
            if runs:
                runs.append(Run(gap, Role.TEXT))
            here = tab.name == open_tab
            label = tab.label if self.size.width >= 80 else tab.label.split(" ")[0]
            runs.append(Run(label, Role.STRONG, bold=True, underline=True) if here else muted(label))
        return runs


def _title(subject: Subject) -> tuple[list[Run], list[Run]]:
    job, face = subject.job, subject.face
    if face.weight is Weight.NEEDS_YOU:
        title = [Run(f"{face.glyph} {job.name}", face.role, bold=True)]
    else:
        title = [Run(f"{face.glyph} ", face.role), strong(job.name)]
    shown = job.id if job.parent is None else child_id(job.parent, job.ordinal, 12)
    return title, [muted(f"{job.account} · {subject.title} · {shown}")]
