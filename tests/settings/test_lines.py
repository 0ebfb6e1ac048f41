"""On which line a key stands, for any valid TOML."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reportdash.settings.lines import key_lines, line_of

TEXT = '''\
# [not.a.table]
top = "a # b"   # c = 1
"quoted key" = """
fake = 1
[also.fake]
"""
[accounts.main]            # one
vendor = '7g'
list = [
  "a",  # x = 2
  { y = 1 },
]
inline = { a = 1, b.c = "}" }
  [accounts."odd.name"]
  d . e = 3
[[rows]]
k = 1
[[rows]]
k = 2
[rows.sub]
z = 1979-05-27 07:32:00
'''


def test_every_kind_of_key_is_found() -> None:
    tomllib.loads(TEXT)
    lines = key_lines(TEXT)
    assert {
        path: lines[path] for path in lines if path[0] in ("top", "quoted key", "fake", "not", "also")
    } == {
        ("top",): 2,
        ("quoted key",): 3,
    }
    expected = {
        ("accounts", "main"): 7,
        ("accounts", "main", "vendor"): 8,
        ("accounts", "main", "list", 0): 10,
        ("accounts", "main", "list", 1, "y"): 11,
        ("accounts", "main", "inline", "b", "c"): 13,
        ("accounts", "odd.name"): 14,
        ("accounts", "odd.name", "d", "e"): 15,
        ("rows", 0, "k"): 17,
        ("rows", 1, "k"): 19,
        ("rows", 1, "sub", "z"): 21,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert line_of(lines, ("accounts", "main", "absent")) == 7
    assert line_of(lines, ("nowhere",)) is None


def _paths(data: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    found = {path} if path else set()
    if isinstance(data, dict):
        for key, value in data.items():
            found |= _paths(value, (*path, key))
    return found


_values = st.sampled_from(
    [
        "1",
        "-2.5e3",
        "true",
        '"a]"',
        "'}'",
        '"""x\n= [y]"""',
        "'''\n'''",
        "[]",
        "[1,\n 2,]",
        "{}",
        '{ a = "," }',
        "1979-05-27T07:32:00Z",
        '"\\""',
        "[[1], ['#']]",
    ]
)
_keys = st.sampled_from(["a", "b-c", '"d.e"', "'f'", "g.h", '"\\u0041"', "1"])


@given(st.lists(st.tuples(_keys, _values, st.sampled_from(["", "  # x = 1", "\n\n"])), max_size=6))
def test_every_key_that_tomllib_sees_has_its_line(pairs: list[tuple[str, str, str]]) -> None:
    text = "".join(f"{key} = {value}{end}\n" for key, value, end in pairs)
    text += "[table.x]\n" + text
    try:
        data = tomllib.loads(text)
    except ValueError:
        key_lines(text)
        return
    assert _paths(data) <= set(key_lines(text))


@given(st.text(alphabet="[]{}=.,\"'#\n ab\\", max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    key_lines(text)
