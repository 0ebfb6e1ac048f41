"""The tab File: our copy, where it is and what it was checked against, and the first rows of it.

Pure: what stands in the file was read before (`engine/preview`) and is handed in with the subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, TypeAlias

from reportdash.board import facts
from reportdash.board.facts import Run
from reportdash.board.states import WORDS, Role
from reportdash.board.units import clock_text, digits, plural, size
from reportdash.model import HAS_FILE, Artifact, ArtifactState, Job, Verified
from reportdash.tui.actions import Keymap
from reportdash.tui.text import cut, key_run, muted, safe, strong, text_run, width

if TYPE_CHECKING:
    from reportdash.engine.preview import Preview, Table
    from reportdash.tui.details import Subject

Pieces: TypeAlias = Sequence[tuple[int, Iterable[Run]]]

WIDEST = 32
"""Cells of the widest column; longer words are cut."""
GAP = 2
PART_ROWS = 5
"""Rows shown of each file of a group."""

_PROOFS = {
    Verified.CHECKSUM: "checked against the vendor's checksum",
    Verified.LENGTH: "length checked only: the vendor gives no checksum",
    Verified.NONE: "not checked: the vendor gives neither length nor checksum",
}


def has_file(subject: Subject) -> bool:
    """Whether there is anything to say of our copy, or of a part's."""
    if subject.sight.fetch is not None:
        return True
    return any(
        job.state in HAS_FILE or (job.artifact is not None and job.artifact.state is not ArtifactState.NONE)
        for job in (subject.job, *subject.parts)
    )


def paths(subject: Subject) -> tuple[str, ...]:
    """The saved files whose first rows the tab shows."""
    found = [
        job.artifact.path for job in (subject.job, *subject.parts) if job.saved and job.artifact is not None
    ]
    return tuple(path for path in found if path is not None)


def lines(subject: Subject, cells: int, keymap: Keymap) -> list[Pieces]:
    """The tab: of a group, the file of each of its parts."""
    if not subject.parts:
        return _one(subject, cells, keymap)
    job, group = subject.job, subject.sight.group
    out: list[Pieces] = []
    if subject.sight.fetch is not None:
        out.append([(2, (muted("Download"),)), (_at(cells), facts.fetch_runs(subject.sight.fetch, 21))])
    if group is not None and group.files:
        told: list[Run] = [text_run(f"{group.saved} of {group.files} saved")]
        if job.state not in HAS_FILE:
            told.append(muted("  they can be saved when the whole group is done"))
        elif not group.all_saved and subject.sight.fetch is None:
            told += [text_run("  "), key_run(keymap.named("download")), text_run(" saves the others")]
        out.append([(2, (muted("Files"),)), (_at(cells), told)])
    if job.artifact is not None and job.artifact.state is ArtifactState.FAILED and job.artifact.error:
        out += _folded("Why", job.artifact.error, cells)
    spaced = True
    for part in subject.parts:
        path = part.artifact.path if part.saved and part.artifact is not None else None
        if spaced or path is not None:
            out.append([])
        spaced = path is not None
        out.append([(2, (strong(part.name),)), *_after(part.name, _copy(part))])
        if path is not None:
            out.append([(4, (muted(path),))])
            out += _content(subject, part, path, cells, 4, PART_ROWS)
    return out


def _after(name: str, runs: Sequence[Run]) -> list[tuple[int, Sequence[Run]]]:
    return [(max(34, 2 + width(safe(name)) + GAP), runs)]


def _copy(part: Job) -> list[Run]:
    """What there is of one part's file, in a few words."""
    artifact = part.artifact
    if part.saved and artifact is not None:
        return [text_run(f"{size(artifact.bytes)}  "), muted(_PROOFS[artifact.verified])]
    if artifact is not None and artifact.state is ArtifactState.FETCHING:
        return [text_run("fetching")]
    if artifact is not None and artifact.state is ArtifactState.FAILED:
        return [Run("not saved", Role.BAD, bold=True), muted(f"  {artifact.error or ''}")]
    if part.state in HAS_FILE:
        return [text_run("not saved")]
    word = WORDS[part.state]
    return [muted(f"{word}: no file" if part.settled else f"{word}: no file yet")]


def _one(subject: Subject, cells: int, keymap: Keymap) -> list[Pieces]:
    artifact, fetch = subject.job.artifact, subject.sight.fetch
    rows: list[tuple[str, Sequence[Run]]] = []
    if fetch is not None:
        rows.append(("Download", facts.fetch_runs(fetch, 21)))
        if fetch.trouble:
            at = clock_text(fetch.again_at or subject.sight.now, subject.sight.now)
            rows += [("Why", (text_run(fetch.trouble),)), ("Next try", (text_run(at),))]
    if artifact is None or artifact.state is ArtifactState.NONE:
        if fetch is None:
            rows.append(("File", _none(subject, keymap)))
    elif artifact.state is ArtifactState.SAVED:
        return _saved(subject, artifact, rows, cells)
    elif artifact.state is ArtifactState.FAILED:
        rows.append(("File", (Run("not saved", Role.BAD, bold=True),)))
    elif fetch is None:
        rows.append(("Download", (text_run("another process fetches it"),)))
    out: list[Pieces] = [[(2, (muted(name),)), (_at(cells), runs)] for name, runs in rows]
    if artifact is not None and artifact.state is ArtifactState.FAILED:
        if artifact.error:
            out += _folded("Why", artifact.error, cells)
        if subject.job.state in HAS_FILE:
            again = (key_run(keymap.named("download")), text_run(" tries again; a part goes on"))
            out.append([(2, (muted("What to do"),)), (_at(cells), again)])
    return out


def _none(subject: Subject, keymap: Keymap) -> Sequence[Run]:
    """Why there is no copy yet, and how there will be one."""
    if subject.job.parent is not None:
        return (text_run("not saved  "), muted("the download of its group saves it"))
    if not subject.sight.savable:
        return (muted(f"{subject.title} hands out no file of it here"),)
    return (text_run("not saved  "), key_run(keymap.named("download")), text_run(" saves it"))


def _saved(
    subject: Subject, artifact: Artifact, rows: list[tuple[str, Sequence[Run]]], cells: int
) -> list[Pieces]:
    large = f"  {digits(artifact.bytes)} bytes" if artifact.bytes >= 1000 else ""
    proof = text_run(_PROOFS[artifact.verified])
    length: list[Run] = [text_run(size(artifact.bytes)), muted(large)]
    if cells >= 100:
        rows.append(("Size", (*length, text_run("  "), proof)))
    else:
        rows += [("Size", length), ("Proof", (proof,))]
    out: list[Pieces] = [[(2, (muted(name),)), (_at(cells), runs)] for name, runs in rows]
    if artifact.path:
        out += _folded("Path", artifact.path, cells)
    if artifact.sha256:
        out += _folded("SHA-256", artifact.sha256, cells)
    if artifact.path:
        out += _content(subject, subject.job, artifact.path, cells, 2)
    return out


def _at(cells: int) -> int:
    """Column of the values; a checksum fits on a line of a narrow screen."""
    return 18 if cells >= 100 else 14


def _folded(name: str, text: str, cells: int) -> list[Pieces]:
    """A value as long as it likes, on as many lines as it takes."""
    parts = wrap(text, max(20, cells - _at(cells) - 1), break_on_hyphens=False) or [""]
    out: list[Pieces] = []
    for number, part in enumerate(parts):
        head: list[tuple[int, Sequence[Run]]] = [(2, (muted(name),))] if number == 0 else []
        out.append([*head, (_at(cells), (text_run(part),))])
    return out


# What stands in the file.


def _content(
    subject: Subject, job: Job, path: str, cells: int, indent: int, most: int | None = None
) -> list[Pieces]:
    """The first rows, under a line that says how they are written and how much more there is."""
    preview = subject.previews.get(path)
    if preview is None:
        return []  # it comes as soon as it is read
    bytes_ = job.artifact.bytes if job.artifact is not None else 0
    out: list[Pieces] = []
    if preview.stamp is not None and preview.stamp[0] != bytes_:
        told = f"The file has changed since it was saved: it has {size(preview.stamp[0])} now."
        out.append([(indent, (Run(told, Role.WARN),))])
    if preview.why:
        role = Role.WARN if preview.stamp is None else Role.TEXT
        return [*out, [(indent, (Run(preview.why, role),))]]
    table = preview.table
    if table is None:
        shown = preview.lines[:most]
        more = not preview.whole or len(shown) < len(preview.lines)
        count = f"first {plural(len(shown), 'line')}" if more else plural(len(shown), "line")
        out.append(_heading((count, *preview.about), indent))
        return out + [[(indent, (text_run(line),))] for line in shown]
    return out + _table(preview, table, cells, indent, most)


def _heading(words: Sequence[str], indent: int) -> Pieces:
    return [(indent, (muted(" · ".join(words)),))]


def _table(preview: Preview, table: Table, cells: int, indent: int, most: int | None) -> list[Pieces]:
    rows = table.rows[:most]
    fitting = _columns(table, rows, cells - indent - 1)
    if table.total == len(rows):
        count = plural(len(rows), "row")
    else:
        of = f" of {digits(table.total)}" if table.total is not None else ""
        count = f"first {plural(len(rows), 'row')}" if not of else f"first {len(rows)}{of} rows"
    hidden = len(table.rows[0] if table.rows else table.header) - len(fitting)
    words = [count, *([f"{plural(hidden, 'more column')}"] if hidden else []), *preview.about]
    out = [_heading(words, indent)]
    if table.header:
        out.append(_row(table.header, fitting, table, indent, bold=True))
    out += [_row(row, fitting, table, indent) for row in rows]
    return out


def _columns(table: Table, rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Widths of the columns that fit, from the left; one at least. The last one takes what is left of it."""
    found: list[int] = []
    for column in range(len(table.header) or len(rows[0])):
        texts = [row[column] for row in rows]
        if table.header:
            texts.append(table.header[column])
        wanted = min(WIDEST, max(1, *(width(safe(text)) for text in texts)))
        left = room - (GAP if found else 0)
        if wanted > left:
            # A number that is cut is another number.
            if not found or (left >= 8 and column not in table.numbers):
                found.append(max(1, left))
            break
        found.append(wanted)
        room = left - wanted
    return found


def _row(
    cells: Sequence[str], widths: Sequence[int], table: Table, indent: int, *, bold: bool = False
) -> Pieces:
    at, out = indent, []
    for column, wide in enumerate(widths):
        text = cut(safe(cells[column]), wide)
        start = at + wide - width(text) if column in table.numbers else at
        if text:
            out.append((start, (strong(text) if bold else text_run(text),)))
        at += wide + GAP
    return out
