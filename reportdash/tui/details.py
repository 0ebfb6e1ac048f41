"""What the tabs of the details say, as lines of text at columns. Pure: the ledger's rows are handed in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from reportdash.board import facts
from reportdash.board.explain import Explanation, KeyOf, Line, explain
from reportdash.board.facts import Run, Sight
from reportdash.board.health import face_of
from reportdash.board.states import HEALTH, WORDS, Face, Role
from reportdash.board.units import clock_text, digits, plural, size, span
from reportdash.model import (
    HAS_FILE,
    NOT_RECENT,
    UNLISTED,
    Event,
    Exchange,
    Health,
    Job,
    JobState,
    LastError,
)
from reportdash.plain import clean_block
from reportdash.tui import saved
from reportdash.tui.actions import Keymap
from reportdash.tui.text import cut_middle, key_run, muted, strong, text_run

if TYPE_CHECKING:
    from reportdash.engine.preview import Preview

Pieces: TypeAlias = Sequence[tuple[int, Iterable[Run]]]

FACTS_AT = 106
"""Column of the facts at the right, where the pane is wide enough."""
FACTS_WIDTH = 33
STATES = frozenset(map(str, JobState))


class Known(NamedTuple):
    """What the ledger keeps of a job beside its row; None: not read yet."""

    history: tuple[Event, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    error: LastError | None = None
    same_error: int = 0


class Subject(NamedTuple):
    """One job with everything its details are made from. `title`: the vendor's name for people.

    `parts`: a group's children. `previews`: what the files begin with, by path, as far as it was read.
    `store`: what is wrong with the store of its account's key, though nobody has needed that yet.
    """

    job: Job
    face: Face
    sight: Sight
    title: str
    known: Known = Known()
    parts: Sequence[Job] = ()
    previews: Mapping[str, Preview] = MappingProxyType({})
    store: str = ""

    def explanation(self) -> Explanation | None:
        return explain(
            self.job,
            self.known.error,
            self.sight.account,
            self.title,
            self.sight.now,
            since=self.since,
            parts=self.parts,
            fetch=self.sight.fetch,
        )

    @property
    def since(self) -> float | None:
        """When the job came into its state: by its history, else by what its row keeps."""
        at = self.job.settled_at
        for event in reversed(self.known.history):
            if event.state is not self.job.state:
                break
            at = event.at
        return at


class Tab(NamedTuple):
    """A tab: `label` with its count; `lines` for a width."""

    name: str
    label: str


def tabs(subject: Subject) -> list[Tab]:
    """The tabs that have something in them; Overview always."""
    found = [Tab("overview", "Overview")]
    if subject.explanation() is not None:
        found.append(Tab("error", "Error"))
    if subject.known.history:
        found.append(Tab("history", f"History {len(subject.known.history)}"))
    if subject.known.exchanges:
        found.append(Tab("exchanges", f"Exchanges {len(subject.known.exchanges)}"))
    if saved.has_file(subject):
        found.append(Tab("file", "File"))
    return found


def lines(name: str, subject: Subject, cells: int, keymap: Keymap) -> list[Pieces]:
    """The lines of a tab."""
    if name == "error":
        return error_lines(subject, cells, keymap)
    if name == "history":
        return history_lines(subject, cells)
    if name == "exchanges":
        return exchange_lines(subject, cells)
    if name == "file":
        return saved.lines(subject, cells, keymap)
    return overview_lines(subject, cells, keymap)


def _beside(left: list[Pieces], right: list[tuple[str, str]], cells: int) -> list[Pieces]:
    """Facts at the right of what is said; below it where the screen is narrow."""
    rows = [[(0, (muted(name),)), (12, (text_run(value),))] for name, value in right]
    if cells < 100:
        return [*left, [], *[[(2 + x, runs) for x, runs in row] for row in rows]] if left else _indented(rows)
    at = _facts_at(cells)
    out: list[Pieces] = []
    for number in range(max(len(left), len(rows))):
        pieces = list(left[number]) if number < len(left) else []
        if number < len(rows):
            # Two blanks of their own: what is said at the left is cut before them.
            pieces += [(at - 2, (text_run("  "),)), *((at + x, runs) for x, runs in rows[number])]
        out.append(pieces)
    return out


def _facts_at(cells: int) -> int:
    return FACTS_AT if cells >= FACTS_AT + FACTS_WIDTH else cells - FACTS_WIDTH - 1


def flow(runs: Iterable[Run], cells: int) -> list[list[Run]]:
    """Runs broken into lines of at most `cells`, between words."""
    lines: list[list[Run]] = [[]]
    taken = 0
    for run in runs:
        for word in re.findall(r"\s*\S+|\s+", run.text):
            if taken + len(word) > cells and word[0].isspace():
                lines.append([])
                taken = 0
                word = word.lstrip()
            lines[-1].append(run._replace(text=word))
            taken += len(word)
    return lines


def _indented(rows: Sequence[Pieces]) -> list[Pieces]:
    return [[(2 + x, runs) for x, runs in row] for row in rows]


def _said(line: Line, keymap: Keymap) -> list[Run]:
    runs: list[Run] = []
    for part in line:
        if isinstance(part, KeyOf):
            runs.append(key_run(keymap.named(part.action)))
        else:
            runs.append(text_run(part))
    return runs


def _wrapped(text: str, cells: int, most: int) -> list[str]:
    found = wrap(text, max(10, cells), break_long_words=True) or [""]
    if len(found) > most:
        found = [*found[: most - 1], " ".join(found[most - 1 :])]
    return found


def error_lines(subject: Subject, cells: int, keymap: Keymap) -> list[Pieces]:
    """The vendor's words, what they mean, what to do."""
    told = subject.explanation()
    if told is None:
        return overview_lines(subject, cells, keymap)
    role = Role.BAD if told.bad else Role.WARN
    bar = (2, (Run("▌", role),))
    room = (_facts_at(cells) if cells >= 100 else cells) - 6
    out: list[Pieces] = [[bar, (4, (strong(text),))] for text in _wrapped(told.headline, room, 2)]
    out.append([bar, (4, (muted(told.source),))])
    indent = 18 if cells >= 80 else 4
    for title, said in (("What it means", told.means), ("What to do", told.todo)):
        out.append([])
        if indent == 4:
            out.append([(2, (muted(title),))])
        flowing = [part for line in said[:2] for part in flow(_said(line, keymap), room + 6 - indent - 2)]
        for number, runs in enumerate(flowing):
            head = [(2, (muted(title),))] if number == 0 and indent > 4 else []
            out.append([*head, (indent, runs)])
    return _beside(out, _facts(subject), cells)


def _facts(subject: Subject) -> list[tuple[str, str]]:
    """Points in time, the reference, the looks."""
    job, now = subject.job, subject.sight.now
    found: list[tuple[str, str]] = []
    if job.submitted_at is not None:
        found.append(("Tracked" if job.tracked else "Submitted", clock_text(job.submitted_at, now)))
    if job.settled_at is not None:
        word = "Failed" if job.state is JobState.FAILED else "Ended"
        text = clock_text(job.settled_at, now)
        if job.submitted_at is not None and not job.tracked:
            text += f", after {_after(job.settled_at - job.submitted_at)}"
        found.append((word, text))
    if subject.sight.usual is not None:
        found.append(("Usually", _after(subject.sight.usual)))
        if subject.sight.times:
            found.append(("Now", f"{subject.sight.times}× longer than usual"))
    if job.reference:
        found.append(("Reference", cut_middle(job.reference, 18)))
    if job.checks:
        seen = f", last {clock_text(job.seen_at, now)}" if job.seen_at is not None else ""
        found.append(("Checked", f"{digits(job.checks)} time{'' if job.checks == 1 else 's'}{seen}"))
    if subject.known.same_error > 1:
        found.append(("Same error", f"{plural(subject.known.same_error, 'job')} in 24h"))
    if job.attempts:
        found.append(("Failures", f"{job.attempts} in a row"))
    found.append(("Next look", _next_look(subject)))
    if job.expires_at is not None and job.state in HAS_FILE:
        found.append(("Expires", clock_text(job.expires_at, now)))
    return found


def _after(seconds: float) -> str:
    return "under 1m" if seconds < 60 else span(seconds)


def _next_look(subject: Subject) -> str:
    job, account, now = subject.job, subject.sight.account, subject.sight.now
    if account is not None and account.shown in (Health.PAUSED, Health.AUTH_FAILED):
        return f"none: {face_of(account).word}"
    if job.parent is not None:
        return "with its group"
    at = job.next_poll_at
    if (
        account is not None
        and account.until is not None
        and account.shown is not Health.OK
        and at is not None
    ):
        at = max(at, account.until)
    return "none" if at is None else clock_text(max(at, now), now)


def _drift(subject: Subject, keymap: Keymap) -> list[tuple[str, Sequence[Run]]]:
    """Where the vendor's last list and the ledger part: only here, different, only there."""
    job, account, now = subject.job, subject.sight.account, subject.sight.now
    if account is None or account.listed_at is None:
        return []
    at = clock_text(account.listed_at, now)
    found: list[tuple[str, Sequence[Run]]] = []
    if job.drift == UNLISTED:
        said = muted(f"  {subject.title}'s list of {at} does not have it")
        found.append(("Vendor's list", (Run("in the ledger only", Role.WARN), said)))
    elif job.drift == NOT_RECENT:
        said = muted(f"  it is not among {subject.title}'s recent ones of {at}")
        found.append(("Vendor's list", (text_run("in the ledger only"), said)))
    elif job.drift is not None:
        said = text_run(f"  {job.drift} at {at}, {subject.face.word} here")
        found.append(("Vendor's list", (Run("different", Role.WARN), said)))
    if account.only_there_count:
        count = plural(account.only_there_count, "job")
        key = key_run(keymap.named("track"))
        some = ", ".join(account.only_there[:3]) + (", …" if account.only_there_count > 3 else "")
        said = muted(f" adopts, by its list of {at}: {some}")
        found.append(("At vendor only", (text_run(f"{count}, "), key, said)))
    return found


def overview_lines(subject: Subject, cells: int, keymap: Keymap) -> list[Pieces]:
    """What the job is and where it stands."""
    job, face = subject.job, subject.face
    account = subject.sight.account
    rows: list[tuple[str, Sequence[Run]]] = []
    state: list[Run] = [Run(f"{face.glyph} {face.word}", face.role, bold=True)]
    words = facts.says(job, subject.sight.group)
    if words:
        state += [muted("  the vendor says "), text_run(words)]
    if job.note:
        state.append(muted(f"  ({job.note})"))
    rows.append(("State", state))
    if job.message:
        rows.append(("Message", (text_run(job.message),)))
    said = [text_run(job.account), muted(f" · {subject.title}")]
    if account is not None and account.shown is not Health.OK:
        health = face_of(account)
        said.append(Run(f"  {health.glyph} {health.word}", health.role))
        if account.message:
            said.append(muted(f"  {account.message}"))
    elif subject.store:
        said.append(Run(f"  ▲ {subject.store}", Role.WARN))
        said.append(muted("  looked at until the next sign-in"))
    elif job.health is Health.BAD_PAYLOAD:
        health = HEALTH[Health.BAD_PAYLOAD]
        said.append(Run(f"  {health.glyph} {health.word}", health.role))
    rows.append(("Account", said))
    rows += _drift(subject, keymap)
    if job.spec is not None:
        asked = "  ".join(f"{name}={value}" for name, value in job.spec.params.items())
        span_ = " to ".join(text for text in (job.spec.time_from, job.spec.time_to) if text)
        parts = [part for part in (asked, job.spec.format or "", span_) if part]
        rows.append(
            ("Asked for", (text_run(job.spec.report), muted("  " + "  ".join(parts) if parts else "")))
        )
    if job.reference:
        rows.append(("Reference", (text_run(job.reference),)))
    rows.append(("Id", (text_run(job.id),)))
    left: list[Pieces] = [[(2, (muted(name),)), (18, runs)] for name, runs in rows]
    # The reference stands here whole.
    return _beside(left, [fact for fact in _facts(subject) if fact[0] != "Reference"], cells)


def history_lines(subject: Subject, cells: int) -> list[Pieces]:
    """The job's history, the newest first: when, who, what; the vendor's words where they are new."""
    now = subject.sight.now
    out: list[Pieces] = []
    before: tuple[str | None, str | None] = (None, None)
    for event in subject.known.history:
        told = [text_run(_in_words(event.what))]
        said = event.vendor_status, event.message
        # The vendor's word belongs to what the vendor did; a refusal and its message say the same.
        parts = said if event.who == "vendor" else said[1:]
        words = " · ".join(text for text in parts if text and text != event.what)
        if words and said != before:
            told.append(muted(f"  {words}"))
        before = said
        lines: list[Pieces] = []
        for number, runs in enumerate(flow(told, max(20, cells - 31))):
            head: Pieces = [(2, (muted(clock_text(event.at, now)),)), (18, (muted(event.who),))]
            lines.append([*(head if number == 0 else []), (30, runs)])
        out = lines + out
    return out


def _in_words(what: str) -> str:
    """A line of history; a step from state to state in the words of the table."""
    before, arrow, after = what.partition(" → ")
    if before in STATES and after in STATES:
        return f"{WORDS[JobState(before)]}{arrow}{WORDS[JobState(after)]}"
    return what


def exchange_lines(subject: Subject, cells: int) -> list[Pieces]:
    """The last requests and their answers, redacted as they are kept, the newest first."""
    now = subject.sight.now
    out: list[Pieces] = []
    for exchange in reversed(subject.known.exchanges):
        answered = str(exchange.status) if exchange.status is not None else "no answer"
        good = exchange.status is not None and exchange.status < 400 and exchange.error is None
        if out:
            out.append([])
        head: Pieces = [
            (2, (muted(clock_text(exchange.at, now)),)),
            (18, (Run(answered, Role.TEXT if good else Role.WARN, bold=not good),)),
        ]
        asked = wrap(f"{exchange.method} {exchange.url}", max(20, cells - 31), break_on_hyphens=False)
        for number, line in enumerate(asked):
            out.append([*(head if number == 0 else []), (30, (text_run(line),))])
        facts_ = f"{digits(exchange.ms)} ms · {size(exchange.size)}"
        out.append([(30, (muted(facts_ + (f" · {exchange.error}" if exchange.error else "")),))])
        at = 30 if cells >= 100 else 4
        for sign, body in (("›", exchange.request), ("‹", exchange.response)):
            for number, line in enumerate(_body(body, cells - at - 4)):
                out.append([(at, (muted(sign if number == 0 else " "), text_run(f" {line}")))])
    return out


def _body(text: str, cells: int) -> list[str]:
    found: list[str] = []
    for line in clean_block(text).splitlines():
        found += wrap(line, max(20, cells), replace_whitespace=False, drop_whitespace=False) or [""]
    return found if text else []
