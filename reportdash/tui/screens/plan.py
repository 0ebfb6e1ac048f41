"""The dialog of a plan: what happens to which job, what is typed before, and what was agreed to.

Delete, forget and download are wordings of it. It is shown after the disk has been looked at, and never
changes after that: the operator agrees to exactly these jobs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap

from reportdash.board.facts import Run
from reportdash.board.plan import Group, Plan, Section, careful_accounts, copy_text
from reportdash.board.states import Role, face
from reportdash.board.units import digits, size
from reportdash.model import ArtifactState, Job
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.parts import BLANK, Button, Choice, Field, Fold, Row, Words, words
from reportdash.tui.text import Pen, cut, key_run, muted, safe, strong, text_run, width

FOLDED = 5
"""Rows of a heading that are shown before the rest is asked for."""
GO = "go"
ROOMY = 90
"""Cells of room from which on the plan's columns have their full width."""
NARROW = 64
"""Cells of room below which account and copy are left out."""


@dataclass(slots=True, frozen=True)
class Agreed:
    """What the operator agreed to. `lost`: ids of those whose unsaved report is given up with them."""

    jobs: tuple[Job, ...]
    lost: frozenset[str] = frozenset()
    save: tuple[Job, ...] = ()


@dataclass(slots=True, frozen=True)
class Heading:
    """How a section is headed; `reason` in place of the plan's own where it is not empty."""

    sign: Run
    title: str
    reason: str = ""


class PlanDialog(Dialog[Agreed]):
    """Cancel is first and focused; with unsaved reports among the jobs a word is typed."""

    verb = ""
    """Lower case; also the word that is typed."""
    danger = True
    """Whether the button is one to think about."""
    many: int | None = None
    """Jobs at once of which the number has to be typed; None: never."""

    def __init__(
        self,
        pen: Pen,
        plan: Plan,
        title: str,
        *,
        now: float,
        savable: frozenset[str] = frozenset(),
        careful: Iterable[str] = (),
    ) -> None:
        super().__init__(pen, title)
        self.plan = plan
        self.single = plan.placed[0] if len(plan.placed) == 1 else None
        self.now = now
        self.savable = savable
        self.careful = tuple(careful)
        self.unlocked = False
        self.complaint = ""
        self._unfolded: set[int] = set()
        self._job_rows: dict[tuple[int, int, int], list[Row]] = {}
        self._fields: dict[str, Field] = {}
        self._unsaved = {placed.job.id for placed in plan.placed if placed.case.unsaved}

    # The words of the verb.

    @abstractmethod
    def summary(self) -> list[Sequence[Run]]:
        """What will happen, then what cannot be undone."""

    @abstractmethod
    def about(self, job: Job) -> list[Run]:
        """Sentences on what becomes of a single job."""

    def headed(self, group: Group) -> Heading:
        """How a section is headed; a verb has words of its own for what it does and what it keeps."""
        if group.section is Section.CANNOT:
            return Heading(Run("–", Role.TEXT), "Cannot")
        return Heading(Run("✗", Role.BAD, bold=True), "Not now")

    def lost(self) -> list[Run]:
        """The part of the summary on unsaved reports that go as well."""
        count = len(self.kept) if self.unlocked else 0
        return [text_run(", "), Run(f"{digits(count)} of them unsaved", Role.BAD, bold=True)] if count else []

    def left_alone(self) -> list[Run]:
        """The part of the summary on jobs that nothing is done to."""
        rest = len(self.plan.placed) - len(self.going())
        if not rest:
            return []
        stay = "stays as it is" if rest == 1 else "stay as they are"
        return [text_run(", "), strong(digits(rest)), text_run(f" {stay}")]

    # What is agreed to.

    @property
    def kept(self) -> list[Job]:
        """Jobs that stay because their report is not saved, unless the word is typed."""
        return self.plan.jobs(Section.KEEP)

    def going(self) -> list[Job]:
        """The jobs the button acts on now."""
        return self.plan.jobs(Section.GO, *((Section.KEEP,) if self.unlocked else ()))

    def to_type(self) -> list[str]:
        """What has to be typed before the button acts, in order."""
        going = self.going()
        own = [self.verb] if self.unlocked else []
        if self.many is not None and len(going) > self.many:
            own.append(str(len(going)))
        return [*own, *careful_accounts(going, self.careful)]

    def fields(self) -> list[Field]:
        """A field for each word to type; what was typed stays."""
        for word in self.to_type():
            if word not in self._fields:
                what = "word" if word == self.verb else "number" if word.isdecimal() else "account's name"
                label = f"Type the {what} {word}"
                self._fields[word] = Field(label, at=30, cells=28)
        return [self._fields[word] for word in self.to_type()]

    # What stands in it.

    def rows(self, cells: int) -> list[Row]:
        rows: list[Row] = []
        if self.single is not None:
            job = self.single.job
            rows += [_job_row(job, self._copy(job), cells, 0), BLANK]
            if self.single.case.unsaved:
                rows += _wrapped([Run(self.lost_text(job), Role.WARN, bold=True)], cells)
            rows += _wrapped(self.about(job), cells)
            for runs in self.summary():
                rows += _wrapped(runs, cells)
            rows += self._saved_file(job, cells)
        else:
            for runs in self.summary():
                rows += _wrapped(runs, cells)
            for number, group in enumerate(self.plan.groups):
                rows += [BLANK, *self._group(number, group, cells)]
        return rows

    def foot(self, cells: int) -> list[Row]:
        rows = [*self._ways(cells), *self.fields()]
        if self.complaint:
            rows.append(words(Run(self.complaint, Role.WARN, bold=True)))
        return rows

    def lost_text(self, job: Job) -> str:
        """What the operator has to know of an unsaved report."""
        if job.artifact is not None and job.artifact.state is ArtifactState.SAVED:
            return "The saved file is no longer in its place, so this may be the only copy."
        return "Nothing of it is saved on this server."

    def _copy(self, job: Job) -> str:
        return copy_text(job, unsaved=job.id in self._unsaved, now=self.now)

    def _saved_file(self, job: Job, cells: int) -> list[Row]:
        artifact = job.artifact
        if artifact is None or artifact.path is None or not job.saved or job.id in self._unsaved:
            return []
        lines = wrap(safe(artifact.path), max(20, cells - 13), break_on_hyphens=False)
        first: Row = Words([(0, (muted("Saved file"),)), (13, (text_run(size(artifact.bytes)),))])
        return [BLANK, first, *(Words([(13, (text_run(line),))]) for line in lines)]

    def _group(self, number: int, group: Group, cells: int) -> list[Row]:
        heading = self.headed(group)
        reason = safe(heading.reason or group.reason)
        count = digits(len(group.jobs))
        title = [Run(heading.title, Role.STRONG, bold=True)]
        at = max(5, 3 + len(count))
        left: list[tuple[int, Iterable[Run]]] = [
            (0, (heading.sign,)),
            (2, (heading.sign._replace(text=count),)),
            (at, title),
        ]
        beside = cells - width(reason)
        rows: list[Row] = []
        if beside >= at + width(heading.title) + 3:
            rows.append(Words([*left, (beside, (muted(reason),))]))
        else:
            rows.append(Words(left))
            rows += [Words([(at, (muted(line),))]) for line in wrap(reason, cells - at)]
        jobs = group.jobs
        hidden = 0 if number in self._unfolded or len(jobs) <= FOLDED else len(jobs) - FOLDED
        indent = at if cells >= ROOMY else 2
        shown = (number, len(jobs) - hidden, cells)
        if shown not in self._job_rows:
            # The list is frozen, and may be long: its rows are made once for each width.
            self._job_rows[shown] = [
                _job_row(job, self._copy(job), cells, indent) for job in jobs[: len(jobs) - hidden]
            ]
        rows += self._job_rows[shown]
        if hidden:
            rows.append(Fold(f"and {digits(hidden)} more", f"unfold {number}", at=indent))
        return rows

    def _ways(self, cells: int) -> list[Row]:
        """The ways out by key, while unsaved reports are kept."""
        kept = self.kept
        if not kept or self.unlocked:
            return []
        one = len(kept) == 1
        savable = [job for job in kept if job.id in self.savable]
        lose = [
            key_run("u"),
            text_run(f" {self.verb} {'it' if one else 'them'} unsaved (you type the word "),
            strong(self.verb),
            text_run(")"),
        ]
        if self.to_type():
            # Letters belong to the fields.
            save_them = [Fold(f"save {'it' if one else 'what can be saved'} first", "way d", does="does it")]
            unsaved = Fold(f"{self.verb} {'it' if one else 'them'} unsaved", "way u", does="does it")
            return [*(save_them if savable else []), unsaved]
        if not savable:
            return [words(*lose)]
        count = digits(len(savable))
        which = "it" if one else f"the {count} unsaved" if len(savable) == len(kept) else f"{count} of them"
        save = [key_run("d"), text_run(f" save {which} first")]
        if cells >= ROOMY:
            return [Words([(0, save), (34, lose)])]
        return [words(*save), words(*lose)]

    @property
    def cancel_label(self) -> str:
        return "Cancel" if self.going() or self.kept else "Close"

    def buttons(self) -> list[Button]:
        count = len(self.going())
        if not count:
            return []
        label = self.verb.capitalize()
        return [
            Button(label if self.single is not None else f"{label} {digits(count)}", GO, danger=self.danger)
        ]

    # Keys.

    def typed(self, key: str, character: str | None) -> bool:
        both = zip(self.to_type(), self.fields(), strict=True)
        waiting = [field for word, field in both if field.edit.text.strip() != word]
        if waiting and character is not None and character.isprintable() and character != " ":
            # What is typed is meant for the first field, wherever the focus is.
            self.focused_item = waiting[0]
            waiting[0].edit.key(key, character)
            self.changed(waiting[0])
            return True
        return not self.fields() and character is not None and self._way(character)

    def _way(self, letter: str) -> bool:
        """Carry out a way around unsaved reports; False where there is none under this letter."""
        kept = self.kept
        if not kept or self.unlocked:
            return False
        if letter == "d" and self.savable:
            self.dismiss(Agreed((), save=tuple(job for job in kept if job.id in self.savable)))
            return True
        if letter == "u":
            self.unlocked = True
            self.focused_item = self.fields()[0]
            return True
        return False

    def changed(self, item: Field | Choice) -> None:
        self.complaint = ""

    def pressed(self, value: str) -> None:
        if value.startswith("way "):
            self._way(value.split()[1])
            return
        if value.startswith("unfold "):
            self._unfolded.add(int(value.split()[1]))
            self.focused_item = self._cancel
            return
        for word, field in zip(self.to_type(), self.fields(), strict=True):
            if field.edit.text.strip() != word:
                self.complaint = f"Nothing is done yet: {field.label[0].lower()}{field.label[1:]} first."
                self.focused_item = field
                return
        going = self.going()
        lost = frozenset(job.id for job in going if job.id in self._unsaved)
        self.dismiss(Agreed(tuple(going), lost))


def _job_row(job: Job, copy: str, cells: int, at: int) -> Words:
    """A job in the plan: state, report, account, our copy, id."""
    shown = face(job)
    if cells < NARROW:
        # Which report it is matters most.
        name, end = at + 14, cells - width(job.id)
        return Words(
            [
                (at, (text_run(f"{shown.glyph} {shown.word}"),)),
                (name, (text_run(cut(safe(job.name), end - name - 1)),)),
                (end, (muted(job.id),)),
            ]
        )
    wide = cells >= ROOMY
    name = at + 14
    account = 51 if wide else cells - 36
    said = 64 if wide else cells - 25
    end = cells - width(job.id)
    return Words(
        [
            (at, (text_run(f"{shown.glyph} {shown.word}"),)),
            (name, (text_run(cut(safe(job.name), account - name - 2)),)),
            (account, (text_run(cut(safe(job.account), said - account - 1)),)),
            (said, (muted(cut(copy, end - said - 1)),)),
            (end, (muted(job.id),)),
        ]
    )


def _wrapped(runs: Sequence[Run], cells: int) -> list[Row]:
    """Sentences of several styles in lines of at most `cells`, broken at blanks."""
    rows: list[Row] = []
    line: list[Run] = []
    used = 0
    for run in runs:
        for number, word in enumerate(safe(run.text).split(" ")):
            lead = " " if number else ""
            if used and used + len(lead) + width(word) > cells:
                rows.append(words(*line))
                line, used, lead = [], 0, ""
            if lead + word:
                line.append(run._replace(text=lead + word))
                used += len(lead) + width(word)
    if line:
        rows.append(words(*line))
    return rows
