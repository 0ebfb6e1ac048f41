"""The details' lines: what is said at the left and the facts at the right."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from reportdash.board.facts import Group, Sight
from reportdash.board.states import face
from reportdash.board.units import clock_text
from reportdash.engine.preview import Preview, Table
from reportdash.model import (
    NOT_RECENT,
    UNLISTED,
    Account,
    Artifact,
    ArtifactState,
    Event,
    Exchange,
    Job,
    JobState,
    Verified,
    replace,
)
from reportdash.tui import details, theme
from reportdash.tui.actions import Keymap
from reportdash.tui.details import Known, Subject
from reportdash.tui.text import Pen
from tests.tui import rows

PEN = Pen(theme.load(theme.DEFAULT))


@pytest.mark.parametrize("cells", [100, 120, 140, 200])
def test_a_long_message_ends_before_the_facts_beside_it(cells: int) -> None:
    job = rows.job("aaaaaa", "main", "Report", JobState.READY, 60, "complete", message="Long words " * 40)
    subject = Subject(job, face(job), Sight(rows.NOW), "7G")
    lines = [PEN.strip(pieces, cells).text for pieces in details.lines("overview", subject, cells, Keymap())]
    message = next(line for line in lines if "Long words" in line)
    said, _, fact = message.partition("…")
    assert said.rstrip()
    assert fact.startswith("  ")
    assert fact.strip().startswith("Ended")


def overview(job: Job, account: Account | None, cells: int = 140) -> str:
    subject = Subject(job, face(job), Sight(rows.NOW, account=account), "WebAdMIT")
    lines = [PEN.strip(pieces, cells).text for pieces in details.lines("overview", subject, cells, Keymap())]
    return "\n".join(lines)


LISTED = Account("admissions", "webadmit", listed_at=rows.NOW - 600)


def test_a_row_the_vendors_list_does_not_have_says_so() -> None:
    job = replace(rows.job("aaaaaa", "admissions", "Report", JobState.READY, 60, "Available"), drift=UNLISTED)
    said = overview(job, LISTED)
    assert "in the ledger only" in said
    assert f"WebAdMIT's list of {clock_text(rows.NOW - 600, rows.NOW)} does not have it" in said


def test_a_row_that_a_list_of_recent_ones_leaves_out_is_no_alarm() -> None:
    job = replace(
        rows.job("aaaaaa", "admissions", "Report", JobState.READY, 60, "Available"), drift=NOT_RECENT
    )
    assert "in the ledger only  it is not among WebAdMIT's recent ones of" in overview(job, LISTED)


def test_a_row_the_vendors_list_tells_differently_says_both() -> None:
    job = replace(
        rows.job("aaaaaa", "admissions", "Report", JobState.DELETED, 60, "done"), drift="listed as done"
    )
    said = overview(job, LISTED)
    assert "different" in said and "listed as done at" in said and "deleted here" in said


def test_jobs_at_the_vendor_only_are_counted_and_named_with_the_key_that_adopts_them() -> None:
    job = rows.job("aaaaaa", "admissions", "Report", JobState.READY, 60, "Available")
    account = replace(LISTED, only_there=("86446/2", "86446/3", "86446/4", "86446/5"), only_there_count=12)
    said = overview(job, account)
    assert "12 jobs, t adopts" in said
    assert "86446/2, 86446/3, 86446/4, …" in said and "86446/5" not in said


def test_where_list_and_ledger_agree_nothing_is_said() -> None:
    job = rows.job("aaaaaa", "admissions", "Report", JobState.READY, 60, "Available")
    for account in (LISTED, Account("admissions", "webadmit"), None):
        assert "list" not in overview(job, account).replace("Available", "")


def test_a_job_that_takes_longer_than_usual_says_how_long_is_usual() -> None:
    job = rows.job("aaaaaa", "main", "Report", JobState.RUNNING, 3600, "incomplete")
    subject = Subject(job, face(job), Sight(rows.NOW, usual=600.0, times=6), "7G")
    said = "\n".join(PEN.strip(p, 140).text for p in details.lines("overview", subject, 140, Keymap()))
    assert "Usually     10m" in said and "6× longer than usual" in said


def shown(subject: Subject, name: str, cells: int = 140) -> list[str]:
    return [PEN.strip(p, cells).text.rstrip() for p in details.lines(name, subject, cells, Keymap())]


def test_the_history_tells_the_vendors_words_only_where_they_are_new() -> None:
    job = rows.job("aaaaaa", "main", "Report", JobState.READY, 60, "complete")
    at, R = rows.NOW, JobState.READY
    history = (
        Event(at, "submit", "operator", JobState.SUBMITTING),
        Event(at, "running → ready", "vendor", R, "complete", "one row is late"),
        Event(at, "saved 2.0 MB", "reportdash", R, "complete", "one row is late"),
        Event(at, "delete refused: locked", "vendor", R, "complete", "delete refused: locked"),
    )
    told = shown(Subject(job, face(job), Sight(at), "7G", Known(history)), "history")
    assert [line[18:] for line in told] == [
        "vendor      delete refused: locked  complete",
        "reportdash  saved 2.0 MB",
        "vendor      running → ready  complete · one row is late",
        "operator    submit",
    ]


def test_the_history_names_states_as_the_table_does() -> None:
    job = rows.job("aaaaaa", "billing", "Report", JobState.NOTIFY_FAILED, 60, "NOTIFICATION_FAILED")
    history = (
        Event(rows.NOW, "running → notify_failed", "vendor", JobState.NOTIFY_FAILED),
        Event(rows.NOW, "in_progress → done_ok", "vendor", JobState.RUNNING),
    )
    told = shown(Subject(job, face(job), Sight(rows.NOW), "Sigma", Known(history)), "history")
    assert [line[30:] for line in told] == ["in_progress → done_ok", "running → not sent"]


@pytest.mark.parametrize("cells", [80, 140])
def test_long_lines_of_history_and_long_addresses_are_folded_not_cut(cells: int) -> None:
    job = rows.job("aaaaaa", "main", "Report", JobState.FAILED, 60, "error")
    words = " ".join(f"word{n}" for n in range(60))
    url = "https://example.org/" + "/".join(f"part{n}" for n in range(40))
    known = Known(
        (Event(rows.NOW, f"not saved: {words}", "reportdash", JobState.FAILED),),
        (Exchange(rows.NOW, "GET", url, 200, 12, size=1234),),
    )
    subject = Subject(job, face(job), Sight(rows.NOW), "7G", known)
    assert "".join(line[30:] + " " for line in shown(subject, "history", cells)).split() == [
        "not",
        "saved:",
        *words.split(),
    ]
    told = shown(subject, "exchanges", cells)
    assert "".join(line[30:].strip() for line in told[:-1]) == f"GET {url}"
    assert told[-1].strip() == "12 ms · 1.2 kB"


def saved(path: str, size: int = 1234) -> Artifact:
    return Artifact(ArtifactState.SAVED, path, size, size, "9f" * 32, Verified.LENGTH)


def file_tab(found: Preview | None, cells: int = 100, size: int = 1234) -> list[str]:
    job = rows.job(
        "aaaaaa", "main", "Report", JobState.READY, 60, "complete", artifact=saved("/r/a.csv", size)
    )
    previews = {} if found is None else {"/r/a.csv": found}
    return shown(Subject(job, face(job), Sight(rows.NOW), "7G", previews=previews), "file", cells)


TABLE = Table(("Name", "Sum"), (("Ada", "1.5"), ("Grace, the long", "22")), 2, frozenset({1}))


def test_the_file_tab_shows_an_aligned_table_with_numbers_to_the_right() -> None:
    told = file_tab(Preview((1234, 1), ("CSV", "UTF-8"), TABLE))
    assert told[0].split(maxsplit=1) == [
        "Size",
        "1.2 kB  1234 bytes  length checked only: the vendor gives no checksum",
    ]
    assert told[1].split() == ["Path", "/r/a.csv"] and told[2].split() == ["SHA-256", "9f" * 32]
    assert told[3:] == [
        "  2 rows · CSV · UTF-8",
        "  Name             Sum",
        "  Ada              1.5",
        "  Grace, the long   22",
    ]


def test_the_titles_are_bold() -> None:
    job = rows.job("aaaaaa", "main", "Report", JobState.READY, 60, "complete", artifact=saved("/r/a.csv"))
    subject = Subject(
        job, face(job), Sight(rows.NOW), "7G", previews={"/r/a.csv": Preview((1234, 1), table=TABLE)}
    )
    titles, row = details.lines("file", subject, 100, Keymap())[4:6]
    assert all(run.bold for _, runs in titles for run in runs)
    assert not any(run.bold for _, runs in row for run in runs)


def test_a_wide_table_shows_the_columns_that_fit_and_says_how_many_more_there_are() -> None:
    titles = tuple(f"Column {n}" for n in range(30))
    table = Table(titles, (tuple(f"value {n}" for n in range(30)),) * 20, None, frozenset())
    told = file_tab(Preview((1234, 1), ("CSV",), table), 80)
    assert told[4] == "  first 20 rows · 23 more columns · CSV"
    assert all(len(line) < 80 for line in told[4:])
    assert told[5].split("  ")[1] == "Column 0" and "Column 6" in told[5]


def test_a_number_is_never_cut() -> None:
    table = Table(("Name", "Sum"), (("x" * 30, "123456789012345"),), 1, frozenset({1}))
    told = file_tab(Preview((1234, 1), (), table), 45)
    assert told[-3:] == ["  1 row · 1 more column", "  Name", f"  {'x' * 30}"]


def test_wide_characters_keep_the_columns_aligned() -> None:
    table = Table(("名前", "B"), (("田中", "x"), ("Ada", "y")), 2, frozenset())
    told = file_tab(Preview((1234, 1), (), table))
    assert [cell_len(line[: line.index(sign)]) for line, sign in zip(told[4:], "Bxy", strict=True)] == [8] * 3


def test_terminal_escapes_in_a_cell_never_reach_the_terminal() -> None:
    evil = "\x1b]52;c;Z290\x07\x1b[2J\x9b31m\u202e[@click=app.quit]x[/]"
    table = Table((evil,), ((evil,),), 1, frozenset())
    for found in (
        Preview((1234, 1), (evil,), table),
        Preview((1234, 1), (), None, (evil,)),
        Preview(None, why=evil),
    ):
        text = "".join(file_tab(found))
        assert not set(text) & set("\x1b\x07\x9b\u202e")


def test_what_cannot_be_shown_is_a_sentence_and_a_changed_file_is_told() -> None:
    assert file_tab(Preview(None, why="The file is no longer where it was saved."))[-1].strip() == (
        "The file is no longer where it was saved."
    )
    told = file_tab(Preview((99, 1), (), TABLE))
    assert told[3].strip() == "The file has changed since it was saved: it has 99 B now."
    assert len(file_tab(None)) == 3, "until it is read nothing is said"


def test_lines_of_a_text_say_whether_they_are_all() -> None:
    assert file_tab(Preview((1234, 1), ("text",), lines=("a", "b")))[3:] == ["  2 lines · text", "  a", "  b"]
    cut = Preview((1234, 1), ("text",), lines=("a",), whole=False)
    assert file_tab(cut)[3] == "  first 1 line · text"


def test_a_group_shows_each_parts_file() -> None:
    group = rows.job("g", "billing", "Pack", JobState.READY, 60, None, children_total=3)
    parts = [
        rows.job("a", "billing", "Debtors", JobState.READY, 60, "N", parent="g", artifact=saved("/r/a.csv")),
        rows.job("b", "billing", "Ledger", JobState.READY, 60, "N", parent="g"),
        rows.job("c", "billing", "Assets", JobState.EMPTY, 60, "N", parent="g"),
    ]
    sight = Sight(rows.NOW, group=Group(done=3, total=3, saved=1, files=2))
    long = TABLE._replace(rows=TABLE.rows * 10, total=20)
    subject = Subject(
        group, face(group), sight, "Sigma", parts=parts, previews={"/r/a.csv": Preview((1234, 1), (), long)}
    )
    told = shown(subject, "file")
    assert told[0].split(maxsplit=1) == ["Files", "1 of 2 saved  d saves the others"]
    assert told[2].split() == [
        "Debtors",
        "1.2",
        "kB",
        *["length", "checked", "only:", "the", "vendor", "gives", "no", "checksum"],
    ]
    assert told[3].strip() == "/r/a.csv" and told[4].strip() == "first 5 of 20 rows"
    assert told[-2].split() == ["Ledger", "not", "saved"] and told[-1].split() == [
        "Assets",
        "empty:",
        "no",
        "file",
    ]
    busy = replace(group, state=JobState.RUNNING)
    assert "when the whole group is done" in shown(subject._replace(job=busy), "file")[0]
    part = Subject(parts[1], face(parts[1]), Sight(rows.NOW), "Sigma")
    assert "the download of its group saves it" in shown(part, "file")[0]
