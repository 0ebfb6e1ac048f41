"""A large 7G report is written anew while it comes: the bytes of a small one, and the same refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.errors import BadPayload, CallFailed, Unreachable, VendorRefused
from reportdash.model import Body
from reportdash.net.http import Reply
from reportdash.vendors import seveng_answers, unwrapping

TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\/\n\u2028é😀'), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**18, 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
REPORTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXT, inner, max_size=6),
    max_leaves=40,
)
FIELDS = st.fixed_dictionaries(
    {"data": REPORTS},
    optional={"result": st.just(True) | st.booleans(), "message": TEXT, "recordCount": REPORTS},
)
WRITINGS = st.sampled_from(
    [{}, {"ensure_ascii": False}, {"indent": 1}, {"separators": (",", ":")}, {"indent": "\t"}]
)


class Pieces:
    """What comes after the beginning of an answer."""

    def __init__(self, pieces: list[bytes], end: Exception | None = None) -> None:
        self.pieces = pieces
        self.end = end
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.end is not None:
            raise self.end

    async def aclose(self) -> None:
        self.closed = True


def streamed(raw: bytes, *sizes: int, end: Exception | None = None) -> Reply:
    pieces, at = list[bytes](), 0
    for size in sizes:
        pieces.append(raw[at : at + size])
        at += size
    pieces.append(raw[at:])
    return Reply(200, {"content-type": "application/json"}, pieces[0], rest=Pieces(pieces[1:], end))


async def whole(raw: bytes) -> bytes | type[CallFailed]:
    """What `raw` is as a whole answer: the report's bytes, or the kind of the failure."""
    try:
        found = seveng_answers.parse_report(Reply(200, {}, raw))
    except CallFailed as failure:
        return type(failure)
    if not isinstance(found, Body):
        return BadPayload  # a link, for which a large answer has no room
    return b"".join([chunk async for chunk in found.chunks])


async def piecewise(raw: bytes, *sizes: int) -> bytes | type[CallFailed]:
    try:
        return b"".join([chunk async for chunk in seveng_answers.unwrapped(streamed(raw, *sizes))])
    except CallFailed as failure:
        return type(failure)


@pytest.fixture(autouse=True, params=["small pieces", "small rows", "as every day"])
def scale(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces so small that each word is cut somewhere, and rows that are too long."""
    if request.param != "as every day":
        monkeypatch.setattr(seveng_answers, "CHUNK", 1)
    if request.param == "small rows":
        monkeypatch.setattr(unwrapping, "ROW", 12)


@given(FIELDS, WRITINGS, st.lists(st.integers(1, 40), max_size=30), st.booleans())
async def test_in_pieces_it_becomes_the_bytes_it_becomes_as_a_whole(
    envelope: dict[str, Any], writing: dict[str, Any], sizes: list[int], bom: bool
) -> None:
    raw = b"\xef\xbb\xbf" * bom + json.dumps(envelope, **writing).encode()
    assert await piecewise(raw, *sizes) == await whole(raw)


@given(FIELDS, st.data())
async def test_a_bent_or_cut_answer_is_no_report_in_pieces_either(
    envelope: dict[str, Any], data: st.DataObject
) -> None:
    raw = json.dumps(envelope).encode()
    at = data.draw(st.integers(0, len(raw) - 1))
    bent = data.draw(
        st.sampled_from([raw[:at], raw[:at] + raw[at + 1 :]]) | st.binary(min_size=1, max_size=2)
    )
    if len(bent) <= 2:
        bent = raw[:at] + bent + raw[at + 1 :]
    came, expected = await piecewise(bent, 7, 11, 13), await whole(bent)
    if isinstance(expected, bytes) and isinstance(came, bytes):
        assert json.loads(came) == json.loads(expected)
    elif isinstance(expected, bytes):  # a field of the envelope that stands twice is believed in none
        assert came is BadPayload
    else:
        assert came in (BadPayload, VendorRefused)


BENT = [
    b"",
    b"[]",
    b"null",
    b'{"result": true, "data": [1}',
    b'{"result": true, "data": [1]]',
    b'{"result": true, "data": {"a" 1}}',
    b'{"result": true, "data": {"a": 1,}}',
    b'{"result": true, "data": [1,]}',
    b'{"result": true, "data": [,1]}',
    b'{"result": true, "data": [{}{}]}',
    b'{"result": true, "data": {"a": {}, {}}}',
    b'{"result": true, "data": [NaN]}',
    b'{"result": true, "data": [01]}',
    b'{"result": true, "data": [1.]}',
    b'{"result": true, "data": [tru]}',
    b'{"result": true, "data": ["\\x"]}',
    b'{"result": true, "data": ["\\u12"]}',
    b'{"result": true, "data": ["\n"]}',
    b'{"result": true, "data": ["\\ud83d"]}',
    b'{"result": true, "data": ["\\ud83d x \\ude00"]}',
    b'{"result": true, "data": ["\xff"]}',
    b'{"result": true, "data": [1]} x',
    b'{"result": true, "data": [1]}{}',
    b'{"data": [1]}',
    b'{"result": "perhaps", "data": [1]}',
    b'{"result": true, "data": "https://files.example.org/r.json"}',
]


@pytest.mark.parametrize("raw", BENT)
async def test_what_is_no_report_is_refused_at_its_end(raw: bytes) -> None:
    assert await piecewise(raw, 20) is BadPayload
    assert await whole(raw) is BadPayload


@pytest.mark.parametrize(
    "raw",
    [
        b'{"data": [1], "result": false, "message": "The store is offline."}',
        b'{"result": false, "message": "The store is offline.", "data": [1]}',
        b'{"result": true, "message": "The store is offline.", "data": null}',
        b'{"result": true, "message": "The store is offline."}',
        b'{"result": true, "message": "The store is offline.", "data": ""}',
        b'{"result": true, "message": "The store is offline.", "data": "incomplete"}',
    ],
)
async def test_a_refusal_counts_wherever_it_stands(raw: bytes) -> None:
    with pytest.raises(VendorRefused, match="store is offline"):
        async for _ in seveng_answers.unwrapped(streamed(raw, 12)):
            pass
    assert await whole(raw) is VendorRefused


async def test_a_field_of_the_envelope_that_stands_twice_is_believed_in_none() -> None:
    assert await piecewise(b'{"result": true, "data": [1], "Data": [2]}') is BadPayload
    assert await piecewise(b'{"result": true, "result": false, "data": [1]}') is BadPayload


async def test_a_long_word_or_number_stays_as_it_is_or_is_refused() -> None:
    long = json.dumps({"result": True, "data": "é\n" * 10_000, "message": "x" * 10_000}).encode()
    assert await piecewise(long, 9, 5000) == await whole(long)
    number = b'{"result": true, "data": [%b]}'
    assert await piecewise(number % (b"9" * 4000), 99) == b"[%b]" % (b"9" * 4000)
    assert await piecewise(number % (b"9" * 5000), 99) is BadPayload


async def test_what_nests_without_end_or_has_fields_without_end_is_refused() -> None:
    for depth, good in ((400, True), (600, False), (100_000, False)):
        raw = b'{"result": true, "data": ' + b"[" * depth + b"]" * depth + b"}"
        assert (await piecewise(raw, 999) == b"[" * depth + b"]" * depth) is good
    many = b'{"result": true, "data": 1' + b"".join(b', "f%d": 1' % n for n in range(200)) + b"}"
    assert await piecewise(many) is BadPayload


async def test_a_rest_that_breaks_is_told_as_it_is_and_given_back() -> None:
    reply = streamed(b'{"result": true, "data": [1', 9, end=Unreachable("cut"))
    with pytest.raises(Unreachable):
        async for _ in seveng_answers.unwrapped(reply):
            pass
    assert isinstance(reply.rest, Pieces) and reply.rest.closed
