"""Parameters as one line: what is read is what was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.errors import UsageProblem
from reportdash.tui.params import read_params, write_params

KEYS = st.text(st.characters(exclude_categories=("Z", "C"), exclude_characters="="), min_size=1)


@given(st.dictionaries(KEYS, st.text()))
def test_what_is_written_is_read_back(params: dict[str, str]) -> None:
    assert read_params(write_params(params)) == params


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("", {}),
        ("  a=1   b=2 ", {"a": "1", "b": "2"}),
        ("a=1=2", {"a": "1=2"}),
        ("a= b=2", {"a": "", "b": "2"}),
        ('a="two words" b=\'it"s\'', {"a": "two words", "b": 'it"s'}),
        ("a='it''s'", {"a": "it's"}),
        ('filter={"x":1}', {"filter": '{"x":1}'}),
        ("STR_EQUALS:accountNo=4711", {"STR_EQUALS:accountNo": "4711"}),
    ],
)
def test_a_line_of_parameters_is_understood(text: str, params: dict[str, str]) -> None:
    assert read_params(text) == params


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ProductID", "ProductID has no key or no ="),
        ("=1", "=1 has no key"),
        ("a=1 a=2", "a stands there twice"),
        ("a='open", "does not end with one"),
        ("a='x'y", "a blank has to follow"),
    ],
)
def test_a_slip_is_named(text: str, says: str) -> None:
    with pytest.raises(UsageProblem) as found:
        read_params(text)
    assert says in found.value.text
