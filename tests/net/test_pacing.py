"""The pace of an account, on a clock that stands still unless told."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.clock import ManualClock
from reportdash.errors import Throttled
from reportdash.net.pacing import MAX_RETRY_AFTER, Pacer, parse_retry_after

NOW = 1_767_225_600.0


@given(st.integers(min_value=0, max_value=10**40))
def test_seconds_are_taken_and_held_to_an_hour(seconds: int) -> None:
    assert parse_retry_after(str(seconds), NOW) == min(float(seconds), MAX_RETRY_AFTER)


@given(st.integers(min_value=-200_000, max_value=200_000))
def test_a_date_is_the_time_until_then(ahead: int) -> None:
    at = datetime.fromtimestamp(NOW + ahead, UTC)
    assert parse_retry_after(format_datetime(at, usegmt=True), NOW) == max(0.0, min(float(ahead), 3600.0))


@pytest.mark.parametrize(
    "text", ["Thu, 01 Jan 2026 00:01:00 GMT", "Thursday, 01-Jan-26 00:01:00 GMT", "Thu Jan  1 00:01:00 2026"]
)
def test_the_three_forms_of_an_http_date(text: str) -> None:
    assert parse_retry_after(text, NOW) == 60.0


@given(st.text())
def test_whatever_comes_gives_a_sane_wait_or_none(text: str) -> None:
    wait = parse_retry_after(text, NOW)
    assert wait is None or 0 <= wait <= MAX_RETRY_AFTER


@given(st.text(alphabet="0123456789 +-.,_eE١٢３²\u00a0", min_size=1))
def test_only_ascii_digits_are_seconds(text: str) -> None:
    digits = all(c in "0123456789" for c in text)
    assert (parse_retry_after(text, NOW) is not None) == digits


@pytest.mark.parametrize(
    "text",
    [None, "", " 5 ", "-5", "+5", "5s", "0x1", "1_0", "nan", "inf", "١٢", "Thu, 01 Jan 2026 00:01:00 +0100",
     "Thu, 99 Jan 2026 00:01:00 GMT", "Thu, 01 Jan 99999 00:01:00 GMT", "tomorrow", "Thu, GMT"],
)  # fmt: skip
def test_nonsense_is_none(text: str | None) -> None:
    assert parse_retry_after(text, NOW) is None


def test_a_date_of_another_zone_is_not_an_http_date() -> None:
    at = datetime.fromtimestamp(NOW + 60, timezone(timedelta(hours=2)))
    assert parse_retry_after(format_datetime(at), NOW) is None


async def spend(pacer: Pacer, clock: ManualClock, seconds: float, callers: int = 1) -> list[float]:
    """When turns were had by callers that ask without pause, within `seconds`."""
    turns: list[float] = []

    async def ask() -> None:
        while True:
            await pacer.turn()
            turns.append(clock.monotonic())
            await asyncio.sleep(0)

    tasks = [asyncio.ensure_future(ask()) for _ in range(callers)]
    for _ in range(200):
        await asyncio.sleep(0)
    step = 0.05
    for _ in range(round(seconds / step)):
        await clock.advance(step)
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return turns


async def test_the_rate_is_kept_after_the_burst() -> None:
    clock = ManualClock()
    turns = await spend(Pacer(clock, rate=5, burst=10), clock, 10, callers=8)
    assert 55 <= len(turns) <= 60
    assert sum(t == 0 for t in turns) == 10


async def test_first_come_first_served_and_a_cancelled_one_costs_nothing() -> None:
    clock = ManualClock()
    pacer = Pacer(clock, rate=1, burst=1)
    await pacer.turn()
    order: list[int] = []

    async def ask(number: int) -> None:
        await pacer.turn()
        order.append(number)

    tasks = [asyncio.ensure_future(ask(n)) for n in range(6)]
    await asyncio.sleep(0)
    for gone in (0, 2):
        tasks[gone].cancel()
    await asyncio.sleep(0)
    late = asyncio.ensure_future(ask(6))
    for _ in range(5):
        await clock.advance(1.01)
    await asyncio.gather(*tasks, late, return_exceptions=True)
    assert order == [1, 3, 4, 5, 6]


async def test_one_who_comes_again_does_not_overtake_those_who_stand() -> None:
    class Late(ManualClock):
        late = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.late

    clock = Late()
    pacer = Pacer(clock, rate=1, burst=2)
    for _ in range(2):
        await pacer.turn()
    order: list[str] = []

    async def ask(name: str, times: int) -> None:
        for _ in range(times):
            await pacer.turn()
            order.append(name)

    tasks = [asyncio.ensure_future(ask("greedy", 3)), asyncio.ensure_future(ask("second", 1))]
    await asyncio.sleep(0)
    clock.late = 1.5  # the first sleeper wakes so late that two turns are free
    for _ in range(5):
        await clock.advance(1.01)
    await asyncio.gather(*tasks)
    assert order == ["greedy", "second", "greedy", "greedy"]


async def test_a_long_hold_is_said_at_once_and_a_short_one_waited_out() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    pacer.throttled(60)
    assert pacer.until == clock.now() + 60
    with pytest.raises(Throttled) as caught:
        await pacer.turn()
    assert caught.value.retry_after == 60
    await clock.advance(57)
    turn = asyncio.ensure_future(pacer.turn())
    await asyncio.sleep(0)
    assert not turn.done()
    await clock.advance(3.01)
    await turn
    assert pacer.until is None


async def test_a_shorter_hold_does_not_shorten_a_longer_one() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    pacer.throttled(100)
    pacer.throttled(10)
    assert pacer.until == clock.now() + 100


async def test_a_jump_of_the_wall_clock_moves_no_hold() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    pacer.throttled(60)
    clock.jump(3600)
    with pytest.raises(Throttled):
        await pacer.turn()


@pytest.mark.parametrize("rate", [10.0, math.inf])
async def test_each_429_halves_the_pace_which_comes_back(rate: float) -> None:
    clock = ManualClock()
    pacer = Pacer(clock, rate=rate)
    for expected in (5, 2.5):
        for _ in range(4):
            pacer.throttled(None)  # the answers of four requests that were under way together
        assert pacer.rate == expected
        assert len(await spend(pacer, clock, 6)) <= 1 + 6 * expected
    await clock.advance(25)
    await pacer.turn()
    assert pacer.rate == 5
    await clock.advance(30)
    await pacer.turn()
    assert pacer.rate == rate
    pacer.throttled(None)
    await clock.advance(8 * 3600)  # nobody asked for a night
    await pacer.turn()
    assert pacer.rate == rate


async def test_many_429s_do_not_stop_an_account() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    for _ in range(20):
        pacer.throttled(None)
        await clock.advance(6)
    assert pacer.rate == 0.5
    slow = Pacer(clock, rate=0.1)
    slow.throttled(None)
    assert slow.rate == 0.1


async def test_without_a_rate_nobody_waits() -> None:
    pacer = Pacer(ManualClock(), rate=math.inf)
    for _ in range(1000):
        await pacer.turn()


async def test_what_is_left_of_a_limit_is_spread_over_a_minute() -> None:
    clock = ManualClock()
    pacer = Pacer(clock, rate=10, burst=20)
    pacer.learn({"x-ratelimit-remaining": "50"})
    assert pacer.rate == 10
    pacer.learn({"x-ratelimit-remaining": "30"})
    assert pacer.rate == 0.5
    assert len(await spend(pacer, clock, 60, callers=4)) <= 31
    pacer.learn({"x-ratelimit-remaining": "0"})
    with pytest.raises(Throttled) as caught:
        await pacer.turn()
    assert caught.value.retry_after == pytest.approx(60, abs=0.1)
    pacer.learn({"x-ratelimit-remaining": "4999"})
    assert pacer.rate == 10


@pytest.mark.parametrize("text", ["-1", "many", "", "1.5", "٤"])
async def test_a_nonsense_remaining_is_passed_over(text: str) -> None:
    pacer = Pacer(ManualClock())
    pacer.learn({"x-ratelimit-remaining": text})
    assert pacer.rate == 10
