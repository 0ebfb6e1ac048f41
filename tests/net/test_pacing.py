"""The pace of an account, on a clock that stands still unless told."""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.clock import ManualClock
from reportdash.errors import Throttled
from reportdash.net import limits
from reportdash.net.pacing import Hold, Pacer, parse_retry_after

NOW = 1_767_225_600.0


@given(st.integers(min_value=0, max_value=10**40))
def test_seconds_are_taken_and_held_to_an_hour(seconds: int) -> None:
    assert parse_retry_after(str(seconds), NOW) == min(float(seconds), 3600.0)


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
    assert wait is None or 0 <= wait <= 3600


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


def peak(times: Sequence[float], seconds: float = 1.0) -> int:
    """The most of `times` within any `seconds`."""
    ordered = sorted(times)
    return max(bisect_left(ordered, at + seconds - 1e-4) - nth for nth, at in enumerate(ordered))


async def test_the_rate_is_kept_after_the_burst() -> None:
    clock = ManualClock()
    pacer = Pacer(clock, rate=5, burst=10)
    await clock.advance(60)
    turns = await spend(pacer, clock, 10, callers=8)
    assert 55 <= len(turns) <= 60
    assert sum(t == 60 for t in turns) == 10


@pytest.mark.parametrize("rate", [1.0, 5.0, 10.0, 40.0])
async def test_a_start_is_no_rest_so_the_first_second_takes_no_more_than_any_other(rate: float) -> None:
    clock = ManualClock()
    turns = await spend(Pacer(clock, rate=rate), clock, 10, callers=30)
    assert peak(turns) <= rate * 1.1
    assert len(turns) >= 9 * rate


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
    await clock.advance(2)
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


async def test_an_accounts_requests_per_minute_are_kept_in_every_minute() -> None:
    for calls in (0.5, 1, 7, 30, 90, 600):
        clock = ManualClock()
        pacer = Pacer.of_account(clock, calls, None)
        await clock.advance(600)  # a rest, after which the burst is whole
        turns = await spend(pacer, clock, 300, callers=3)
        assert peak(turns, 60) <= max(calls, 1)
        assert len(turns) >= 0.9 * calls * 5 - 1


async def test_a_slow_pace_of_our_own_is_waited_out_and_is_no_throttle() -> None:
    clock = ManualClock()
    pacer = Pacer.of_account(clock, 2, None)
    await pacer.turn()
    turns, pause = pacer.soon()
    assert turns == 0
    assert pause == pytest.approx(30, abs=0.1)
    assert pacer.hold is None
    turn = asyncio.ensure_future(pacer.turn())
    await clock.advance(29)
    assert not turn.done()
    await clock.advance(1.1)
    await turn


# What a vendor says of its limit.


async def test_fewer_than_fifty_left_without_a_reset_is_a_minute_alone() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    pacer.learn({"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "50"})
    assert pacer.hold is None
    pacer.learn({"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "49"})
    assert pacer.hold == Hold(clock.now() + 60, "49 of 5000 calls are left of what the vendor allows")
    with pytest.raises(Throttled) as caught:
        await pacer.turn()
    assert caught.value.retry_after == 60
    assert pacer.soon() == (0, 60)
    await clock.advance(60)
    assert pacer.hold is None
    turns = await spend(pacer, clock, 2)
    assert peak(turns) <= 11, "nothing is saved up while an account is held"


async def test_without_a_known_limit_fifty_is_the_mark() -> None:
    pacer = Pacer(ManualClock())
    pacer.learn({"x-ratelimit-remaining": "49"})
    assert pacer.hold is not None


@pytest.mark.parametrize(
    ("limit", "left", "held"), [(60, 6, False), (60, 5, True), (4, 1, False), (4, 0, True)]
)
async def test_a_small_limit_has_a_tenth_of_it_as_mark(limit: int, left: int, held: bool) -> None:
    pacer = Pacer(ManualClock())
    pacer.learn({"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(left)})
    assert (pacer.hold is not None) == held


async def test_those_under_way_may_not_be_counted_yet() -> None:
    pacer = Pacer(ManualClock(), rate=math.inf)
    for _ in range(4):
        await pacer.turn()
    pacer.over()
    pacer.learn({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "8"})
    assert pacer.hold is not None


@pytest.mark.parametrize("reset", ["20", str(int(NOW) + 20)])
async def test_with_a_reset_what_is_left_is_spread_until_then(reset: str) -> None:
    clock = ManualClock(NOW)
    pacer = Pacer(clock)
    pacer.learn({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "20", "x-ratelimit-reset": reset})
    turns = await spend(pacer, clock, 20, callers=4)
    assert 18 <= len(turns) <= 20
    assert peak(turns, 5) <= 7
    assert pacer.hold is None


async def test_with_nothing_left_the_reset_is_waited_for_and_then_the_limit_counts_anew() -> None:
    clock = ManualClock(NOW)
    pacer = Pacer(clock)
    pacer.learn({"x-ratelimit-limit": "12", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "40"})
    assert pacer.until == NOW + 41
    with pytest.raises(Throttled) as caught:
        await pacer.turn()
    assert caught.value.retry_after == 41
    await clock.advance(41)
    turns = 0
    while pacer.hold is None and turns < 100:
        await clock.advance(0.1)
        with suppress(Throttled):
            await pacer.turn()
            turns += 1
    assert turns == 12


async def test_a_429_that_tells_only_a_reset_waits_for_it() -> None:
    clock = ManualClock(NOW)
    pacer = Pacer(clock)
    told = {"ratelimit-limit": "12", "ratelimit-remaining": "0", "ratelimit-reset": "40"}
    assert pacer.answered(429, told) == 41
    assert pacer.until == NOW + 41


async def test_a_limit_and_its_window_bound_the_pace() -> None:
    clock = ManualClock()
    pacer = Pacer(clock, window=3600)
    assert pacer.rate == 10
    pacer.learn({"x-ratelimit-limit": "1000"})
    assert pacer.rate == pytest.approx(1000 / 3600, rel=0.02)
    turns = 0
    for _ in range(3600):
        while pacer.soon()[0] and pacer._missing() <= 0:
            await pacer.turn()
            turns += 1
        await clock.advance(1)
    assert 950 <= turns <= 1000
    assert Pacer(clock).rate == 10


@pytest.mark.parametrize(
    "text", ["-1", "many", "", "1.5", "٤", "²", " 5 ", "+5", "1_0", "0x1", "nan", "1e3", "9" * 16, "5, 5"]
)
async def test_a_nonsense_limit_is_passed_over(text: str) -> None:
    pacer = Pacer(ManualClock(), window=3600)
    pacer.learn({"x-ratelimit-remaining": text, "x-ratelimit-limit": text, "x-ratelimit-reset": text})
    assert (pacer.rate, pacer.hold) == (10, None)


@given(st.text())
def test_whatever_stands_in_a_reset_gives_at_most_an_hour_or_nothing(text: str) -> None:
    wait = limits.reset(text, NOW)
    assert wait is None or (0 <= wait <= 3600 and text.isascii() and text.isdigit())


@given(st.integers(min_value=0, max_value=10**14))
def test_a_reset_is_seconds_or_a_point_in_time_that_is_near(value: int) -> None:
    wait = limits.reset(str(value), NOW)
    if value < 10_000_000:
        assert wait == min(value, 3600)
    elif -3600 <= value - NOW <= 7 * 86_400:
        assert wait == min(max(value - NOW, 0), 3600)
    else:
        assert wait is None


# What a 429 teaches.


async def answered(pacer: Pacer, clock: ManualClock, calls: int) -> None:
    """So many good answers, a tenth of a second apart or as the pace allows."""
    for _ in range(calls):
        turn = asyncio.ensure_future(pacer.turn())
        await asyncio.sleep(0)
        while not turn.done():
            await clock.advance(0.1)
        pacer.over()
        pacer.answered(200, {})
        await clock.advance(0.1)


@pytest.mark.parametrize(("begun", "wait"), [(0, "57"), (20, "37"), (50, "7")])
async def test_one_429_teaches_a_limit_by_the_minute_wherever_its_minute_began(
    begun: float, wait: str
) -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    await clock.advance(600 + begun)
    await answered(pacer, clock, 30)
    assert pacer.answered(429, {"retry-after": wait}) == float(wait)
    await clock.advance(float(wait))
    turns = await spend(pacer, clock, 300, callers=4)
    assert peak(turns, 60) <= 30
    assert len(turns) >= 0.8 * 150


async def test_a_taught_limit_is_kept_for_an_hour_and_then_tried() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    await answered(pacer, clock, 30)
    pacer.answered(429, {"retry-after": "57"})
    await clock.advance(3500)
    assert pacer.rate < 0.5
    await clock.advance(101)
    await pacer.turn()
    assert pacer.rate == 10


async def test_a_429_after_few_answers_teaches_no_limit_and_one_after_several_only_for_minutes() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    await answered(pacer, clock, 4)
    pacer.answered(429, {"retry-after": "57"})
    assert pacer.rate == 5
    await clock.advance(120)
    await answered(pacer, clock, 6)
    pacer.answered(429, {"retry-after": "57"})
    assert pacer.rate < 0.1
    await clock.advance(301)
    await pacer.turn()
    assert pacer.rate == 10


async def test_a_503_is_no_limit() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    await answered(pacer, clock, 30)
    assert pacer.answered(503, {"retry-after": "30"}) == 30
    assert pacer.rate == 5


async def test_429s_that_are_not_about_the_pace_do_not_starve_an_account() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)

    async def calls(count: int, every: float) -> None:
        for _ in range(count):
            await clock.advance(every)
            pacer.answered(200, {})

    await calls(60, 1.0)
    pacer.answered(429, {"retry-after": "5"})
    await calls(30, 2.0)
    taught = pacer.rate
    assert 0.8 < taught < 1.0
    for _ in range(20):  # a busy vendor, asked at half of what is known
        pacer.answered(429, {"retry-after": "5"})
        await calls(30, 2.0)
    assert pacer.rate == pytest.approx(taught)
    for _ in range(20):  # and one that says so at any pace we go by
        await calls(int(60 * pacer.rate), 1 / pacer.rate)
        pacer.answered(429, {"retry-after": "5"})
        await clock.advance(10)
    await calls(30, 1.0)
    assert pacer.rate >= taught * 0.24
