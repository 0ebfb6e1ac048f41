"""One row of the table as a line: the board's facts put into the columns of a width."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from textual.strip import Strip

from reportdash.board import facts
from reportdash.board.facts import Run
from reportdash.board.order import Column
from reportdash.board.states import Face, Role, Weight
from reportdash.board.units import clock_text
from reportdash.board.view import View
from reportdash.model import Job
from reportdash.tui.columns import Place
from reportdash.tui.text import Pen, cut, cut_middle, safe, width


class Flags(NamedTuple):
    """What the row is besides its job."""

    cursor: bool = False
    selected: bool = False

    @property
    def ground(self) -> Role:
        return Role.CURSOR if self.cursor else Role.MARK if self.selected else Role.BG


class Cells(NamedTuple):
    """Everything a row shows. Two equal ones look the same, whatever else changed in the job."""

    state: Run
    name: tuple[Run, ...]
    account: Run
    says: Run
    age: Run
    next: Run | None
    file: tuple[Run, ...]
    id: str
    vendor: str
    reference: str
    submitted: str


def child_id(parent: str, ordinal: int, cells: int = 8) -> str:
    """A child's id as the command line takes it; a long one keeps its number and loses the parent's end."""
    suffix = f".{ordinal}"
    return parent[: cells - len(suffix)] + suffix


def cells(view: View, slot: int, now: float, file_width: int) -> Cells:
    """What the row of a slot shows at `now`."""
    records = view.records
    job = records.job(slot)
    face = records.face(slot)
    sight = records.sight(slot, now)
    over = face.weight is Weight.OVER
    plain = Role.MUTED if over else Role.TEXT
    return Cells(
        state=Run(f"{face.glyph} {face.word}", face.role, bold=face.weight is Weight.NEEDS_YOU),
        name=_name(view, slot, job, face),
        account=Run(job.account, plain),
        says=Run(facts.says(job, sight.group), Role.MUTED),
        age=Run(facts.age(job, now), plain),
        next=facts.next_run(job, sight),
        file=facts.file_runs(job, face, sight, file_width),
        id=job.id if job.parent is None else child_id(job.parent, job.ordinal),
        vendor=job.vendor,
        reference=job.reference or "",
        submitted="" if job.submitted_at is None else clock_text(job.submitted_at, now),
    )


def _name(view: View, slot: int, job: Job, face: Face) -> tuple[Run, ...]:
    if face.weight is Weight.NEEDS_YOU:
        name = Run(job.name, Role.STRONG, bold=True)
    else:
        name = Run(job.name, Role.MUTED if face.weight is Weight.OVER else Role.TEXT)
    records = view.records
    parent = records.parent_of.get(slot, -1)
    if parent >= 0:
        last = records.children[parent][-1] == slot
        return Run("└ " if last else "├ ", Role.MUTED), name
    if job.is_group:
        return Run("► " if slot in view.closed else "▼ ", Role.MUTED), name
    return (name,)


def strip(row: Cells, flags: Flags, places: Iterable[Place], cells: int, pen: Pen) -> Strip:
    """The row as a line of `cells`."""
    ground = flags.ground
    pieces: list[tuple[int, Iterable[Run]]] = []
    if flags.cursor:
        pieces.append((0, (Run("▌", Role.ACCENT, bold=True),)))
    if flags.selected:
        pieces.append((1, (Run("■", Role.ACCENT),)))
    for place in places:
        runs = _column(row, place)
        if not runs:
            continue
        if place.right:
            text = safe(runs[0].text)
            pieces.append((place.x + place.width - width(text), (runs[0]._replace(text=text),)))
        else:
            room = place.width + 1 if place.column is Column.ID else place.width
            pieces.append((place.x, _clipped(runs, room)))
    return pen.strip(pieces, cells, ground)


def _column(row: Cells, place: Place) -> tuple[Run, ...]:
    column = place.column
    if column is Column.STATE:
        return (row.state,)
    if column is Column.REPORT:
        return row.name
    if column is Column.ACCOUNT:
        return (row.account,)
    if column is Column.SAYS:
        return (row.says,)
    if column is Column.AGE:
        return (row.age,)
    if column is Column.NEXT:
        return (row.next,) if row.next is not None else ()
    if column is Column.FILE:
        return row.file
    if column is Column.VENDOR:
        return (Run(row.vendor, Role.MUTED),)
    if column is Column.REFERENCE:
        return (Run(cut_middle(safe(row.reference), place.width), Role.MUTED),)
    if column is Column.SUBMITTED:
        return (Run(row.submitted, Role.MUTED),)
    # A child's id may reach into the blank column at the right end.
    return (Run(row.id, Role.MUTED),)


def _clipped(runs: tuple[Run, ...], cells: int) -> list[Run]:
    out: list[Run] = []
    for run in runs:
        text = cut(safe(run.text), cells)
        if text:
            out.append(run if text is run.text else run._replace(text=text))
        cells -= width(text)
    return out
