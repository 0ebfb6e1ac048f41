"""Our clock against the vendor's: what the Date of an answer says, and how sure that is."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import Throttled
from reportdash.net.dates import Offset, http_date, offset
from reportdash.net.http import Request
from tests.net.conftest import MakeKit
from tests.net.lying import Asked, Liar, Peer, always

NOW = 1_767_225_600.0
CALL = Request("GET", "/x", public=True)


def date(at: float) -> dict[str, str]:
    return {"date": formatdate(at, usegmt=True)}


def test_the_middle_of_the_trip_is_held_against_the_middle_of_the_second() -> None:
    assert offset(date(NOW), NOW + 9.5, 2.0) == Offset(10.0, 1.5)
    assert offset(date(NOW), NOW - 100.5, 2.0) == Offset(-100.0, 1.5)


def test_whatever_the_true_time_was_it_lies_within_the_uncertainty() -> None:
    for hundredths in range(300):
        true = NOW + hundredths / 100  # the vendor's clock when it wrote the Date
        for took, share in ((0.0, 0.0), (4.0, 0.0), (4.0, 1.0), (4.0, 0.3)):
            asked = true - took * share + 7.0  # ours is seven seconds ahead
            found = offset(date(int(true)), asked, took)
            assert found is not None and abs(found.seconds - 7.0) <= found.uncertainty + 1e-6


def test_only_what_is_certain_is_beyond_a_limit() -> None:
    assert Offset(61.0, 0.5).beyond(60) and Offset(-61.0, 0.5).beyond(60)
    assert not Offset(61.0, 1.5).beyond(60)


@pytest.mark.parametrize(
    "headers",
    [{}, {"date": "yesterday"}, {"date": "Thu, 99 Jan 2026 00:00:00 GMT"}, {**date(NOW), "age": "12"}],
)
def test_no_date_nonsense_and_a_cached_answer_say_nothing(headers: dict[str, str]) -> None:
    assert offset(headers, NOW, 0.0) is None


def test_dates_of_all_three_forms_are_read() -> None:
    at = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
    for text in (
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ):
        assert http_date(text) == at


async def test_a_client_keeps_what_the_last_answer_with_a_date_said(kit: MakeKit) -> None:
    clock = ManualClock(NOW)

    async def script(asked: Asked, peer: Peer) -> None:
        await peer.answer(200, {}, date(NOW + 300) if asked.path == "/dated" else None)

    async with Liar(script) as liar:
        client = kit(liar.base, clock=clock).client
        assert client.clock_offset is None
        await client.send(Request("GET", "/undated", public=True))
        assert client.clock_offset is None
        await client.send(Request("GET", "/dated", public=True))
        await client.send(Request("GET", "/undated", public=True))
    assert client.clock_offset == Offset(-300.5, 0.5)


async def test_a_refusal_has_a_date_as_well(kit: MakeKit) -> None:
    async with Liar(always(503, {}, date(NOW - 90))) as liar:
        client = kit(liar.base, clock=ManualClock(NOW)).client
        with pytest.raises(Throttled):
            await client.send(CALL)
    assert client.clock_offset == Offset(89.5, 0.5)
