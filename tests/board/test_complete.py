"""What is offered while a query is typed: fields, accounts, states, and what a quantity is compared with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.board import fields
from reportdash.board.complete import complete
from reportdash.board.query import parse
from reportdash.model import JobState

KNOWN = {"account": ("billing", "calls", "main", "month end"), "vendor": ("7g", "sigma")}


def choices(text: str, at: int | None = None) -> tuple[str, ...]:
    return complete(text, len(text) if at is None else at, KNOWN).choices


def test_nothing_typed_offers_every_field_and_quantity() -> None:
    assert {choice[:-1] for choice in choices("")} == {*fields.FIELDS, *fields.MEASURES}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acc", ("account:",)),
        ("AGE", ("age>",)),
        ("-hea", ("health:",)),
        ("bil", ("account:billing",)),
        ("mon", ('account:"month end"',)),
        ("exp", ("expires>", "expires_at>", "state:expired")),
        ("not", ("state:notify_failed", 'state:"not sent"')),
        ("account:", ("billing", "calls", "main", '"month end"')),
        ("account:M", ("main", '"month end"')),
        ('account:"mo', ('"month end"',)),
        ("account:main|c", ("calls",)),
        ("-vendor:s", ("sigma",)),
        ("age>1", ("10m", "1h", "1d")),
        ("size<", ("10MB",)),
        ("name:x", ()),
        ("nothing-like-it", ()),
    ],
)
def test_the_word_before_the_cursor_is_completed(text: str, expected: tuple[str, ...]) -> None:
    assert choices(f"name:*end* {text}") == expected


def test_every_state_is_offered_by_the_contracts_name() -> None:
    assert set(JobState) <= set(choices("state:"))


def test_a_choice_takes_the_place_of_the_word_and_leaves_the_others() -> None:
    text = "state:fa|ready account:main"
    found = complete(text, 8, KNOWN)
    assert found.put(text, found.choices[0]) == "state:failed|ready account:main"


def test_a_blank_in_quotes_does_not_end_the_word() -> None:
    text = 'account:"month '
    found = complete(text, len(text), KNOWN)
    assert found.put(text, found.choices[0]) == 'account:"month end"'


@given(st.text('abestcoun:|">-= \\', max_size=20), st.integers(0, 20))
def test_a_choice_that_was_taken_can_be_read(text: str, at: int) -> None:
    found = complete(text, min(at, len(text)), KNOWN)
    assert 0 <= found.start <= found.end <= len(text)
    head = text[: found.start].rpartition(" ")[2].lstrip("-")
    for choice in found.choices:
        if choice[-1] not in ":>" and not {"|", '"'} & set(head):
            assert parse(head + choice)
