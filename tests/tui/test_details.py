"""The details' lines: what is said at the left and the facts at the right."""

from __future__ import annotations

import pytest

from reportdash.board.facts import Sight
from reportdash.board.states import face
from reportdash.board.units import clock_text
from reportdash.model import NOT_RECENT, UNLISTED, Account, Job, JobState, replace
from reportdash.tui import details, theme
from reportdash.tui.actions import Keymap
from reportdash.tui.details import Subject
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
