"""The vendor's own words of a refusal, out of whatever it sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.net.http import Reply
from reportdash.net.words import words


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"result": false, "message": "Login failed", "data": {}}', "Login failed"),
        (b'{"error": "invalid_client", "error_description": "unknown client"}', "unknown client"),
        (b'{"headerMap": {"replyType": "FAILURE", "errorMsg": "Token expired"}}', "Token expired"),
        (b'{"code": "401", "message": "no scope", "fields": []}', "no scope"),
        (b'{"errors": {"schema": ["name is missing"]}}', "name is missing"),
        (b'{"errors": [{"detail": "second"}]}', "second"),
        (b'{"error": {"message": "inner"}}', "inner"),
        (b'{"error": 42}', "42"),
        (b"Not allowed from here", "Not allowed from here"),
        (b'"just a text"', "just a text"),
    ],
)
def test_the_message_is_found(body: bytes, said: str) -> None:
    assert words(Reply(401, {}, body)) == f"HTTP 401: {said}"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>x</html>", b'{"half": "js', b"{}", b"null", b"[[[[[[1]]]]]]", b'{"ok": true}'],
)
def test_where_nothing_readable_is_said_the_status_stands(body: bytes) -> None:
    assert words(Reply(403, {}, body)) == "HTTP 403, no reason given"


def test_an_html_page_is_no_message() -> None:
    assert (
        words(Reply(403, {"content-type": "text/html; charset=x"}, b"Forbidden"))
        == "HTTP 403, no reason given"
    )


@given(st.binary(max_size=200))
def test_any_body_gives_words(body: bytes) -> None:
    assert words(Reply(500, {}, body)).startswith("HTTP 500")


def test_deep_nesting_ends() -> None:
    assert words(Reply(500, {}, b"[" * 60_000)) == "HTTP 500, no reason given"
