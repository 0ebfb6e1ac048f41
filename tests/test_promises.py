"""docs/promises.md names tests; each of them exists, and no promise is without one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = [
    line.strip("|").split("|")
    for line in (ROOT / "docs" / "promises.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| \d+ \|", line)
]
NAMED = [(row[0].strip(), test) for row in ROWS for test in re.findall(r"`(tests/[^`]+)`", row[2])]


@cache
def names_in(path: str) -> set[str]:
    """The names of the tests in a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {node.name for node in found if node.name.startswith("test_")}


def test_every_promise_has_one_row_with_a_test_and_what_was_reached() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 43))
    for number, promise, tests, reached in ROWS:
        assert promise.strip() and reached.strip(), number
        assert "::test_" in tests, number


@pytest.mark.parametrize(("number", "test"), NAMED, ids=[test for _, test in NAMED])
def test_a_test_that_a_promise_names_exists(number: str, test: str) -> None:
    path, _, name = test.partition("::")
    assert name in names_in(path), f"promise {number} names {test}"
