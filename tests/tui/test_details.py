"""The details' lines: what is said at the left and the facts at the right."""

from __future__ import annotations

import pytest

from reportdash.board.facts import Sight
from reportdash.board.states import face
from reportdash.model import JobState
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
