"""A QUERY from the command line: words joined by blanks, errors with the place pointed at."""

from __future__ import annotations

from collections.abc import Sequence

from reportdash.board.query import QueryError, parse
from reportdash.board.terms import Query
from reportdash.errors import UsageProblem


def query(words: Sequence[str]) -> Query:
    """The query these words stand for. Raises UsageProblem that says where and why."""
    text = " ".join(words)
    try:
        return parse(text)
    except QueryError as error:
        here = f"{text[: error.position]}→{text[error.position :]}"
        raise UsageProblem(f"the query can not be read at the arrow, `{here}`: {error.text}") from None
