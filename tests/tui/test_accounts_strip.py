"""Line 2: what is said of accounts in trouble, and what of it is left where room lacks."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from reportdash.board.health import KeyTrouble
from reportdash.model import VAULT_LOCKED, Account, Health, replace
from reportdash.tui import theme
from reportdash.tui.text import Pen
from reportdash.tui.widgets.accounts import Slots, line

PEN = Pen(theme.load(theme.DEFAULT))
TITLES = {"7g": "7G", "sigma": "Sigma", "webadmit": "WebAdMIT", "talkdesk": "Talkdesk"}


def at(hour: int, minute: int) -> float:
    """A moment of one day in the zone of whoever runs this."""
    return time.mktime((2026, 11, 17, hour, minute, 0, 0, 0, -1))


NOW = at(14, 4)
MAIN = Account("main", "7g", accepted_at=1.0)
THROTTLED = Account("admissions", "webadmit", Health.THROTTLED, since=at(14, 1), until=at(14, 33))
DOWN = Account("billing", "sigma", Health.UNREACHABLE, since=at(14, 2), until=at(14, 7), failures=6)
LOCKED = Account(
    "calls", "talkdesk", Health.AUTH_FAILED, since=at(13, 0), message=f"{VAULT_LOCKED} here", keyless=True
)
REFUSED = Account("calls", "talkdesk", Health.AUTH_FAILED, since=at(13, 0), message="invalid_client")


def shown(
    *accounts: Account,
    cells: int,
    now: float = NOW,
    read_only: tuple[str, ...] = (),
    plain_text: tuple[str, ...] = (),
    broken: Mapping[str, KeyTrouble] = {},
) -> str:
    slots = {"main": Slots(7, 10)}
    strip = line(
        accounts,
        now,
        cells,
        PEN,
        titles=TITLES,
        slots=slots,
        login_key="l",
        read_only=read_only,
        plain_text=plain_text,
        broken=broken,
    )
    assert strip.cell_length == cells
    return strip.text.strip()


def test_with_room_every_trouble_has_its_words_and_times() -> None:
    assert shown(MAIN, THROTTLED, cells=140) == (
        "main 7G · 7 of 10 slots     ▲ admissions WebAdMIT · throttled until 14:33"
    )
    assert shown(DOWN, cells=140) == "▲ billing Sigma · unreachable since 14:02, next try 14:07"
    assert shown(REFUSED, cells=140) == "✗ calls Talkdesk · key refused, l log in"


def test_a_try_that_is_due_or_not_planned_is_not_told() -> None:
    assert shown(DOWN, cells=140, now=at(14, 8)) == "▲ billing Sigma · unreachable since 14:02"
    early = replace(DOWN, until=None, failures=2)
    assert shown(early, cells=140) == "▲ billing Sigma · unreachable since 14:02"


@pytest.mark.parametrize(
    ("cells", "throttled", "down"),
    [
        (140, "throttled until 14:33", "unreachable since 14:02, next try 14:07"),
        (118, "throttled until 14:33", "unreachable since 14:02, next try 14:07"),
        (96, "throttled until 14:33", "unreachable since 14:02"),
        (80, "throttled", "unreachable"),
    ],
)
def test_where_room_lacks_vendors_go_first_then_the_next_try_then_times(
    cells: int, throttled: str, down: str
) -> None:
    text = shown(MAIN, THROTTLED, DOWN, REFUSED, cells=cells)
    assert text == f"main  ▲ admissions {throttled}  ▲ billing {down}  ✗ calls log in: l"


def test_at_80_columns_the_times_stand_if_there_is_room() -> None:
    assert shown(MAIN, THROTTLED, cells=80) == "main  ▲ admissions throttled until 14:33"
    assert shown(MAIN, DOWN, cells=80) == "main  ▲ billing unreachable since 14:02, next try 14:07"


def test_many_accounts_in_little_room_keep_the_troubled_ones() -> None:
    many = [Account(f"account-{n}", "7g", accepted_at=1.0) for n in range(20)]
    assert shown(*many, THROTTLED, cells=80) == "▲ admissions throttled until 14:33  20 accounts ok"


def test_accounts_whose_slots_are_taken_keep_their_place_when_not_all_fit() -> None:
    many = [Account(f"account-{n}", "sigma", accepted_at=1.0) for n in range(9)]
    assert shown(*many, MAIN, cells=140) == "main 7G · 7 of 10 slots     9 accounts ok"


def test_a_vendor_that_says_full_while_we_count_fewer_is_quoted_for_a_while() -> None:
    full = replace(MAIN, slots_full_at=NOW - 60)
    assert shown(full, cells=140) == "main 7G · slots full (vendor)"
    assert shown(replace(MAIN, slots_full_at=NOW - 3600), cells=140) == "main 7G · 7 of 10 slots"


def test_an_account_in_which_nothing_is_changed_says_so() -> None:
    both = ("main", "billing")
    assert shown(MAIN, cells=140, read_only=both) == "main 7G · 7 of 10 slots · read-only"
    assert shown(MAIN, cells=80, read_only=both) == "main read-only"
    assert shown(DOWN, cells=140, read_only=both).endswith("next try 14:07 · read-only")


def test_where_no_name_has_room_the_troubles_are_counted() -> None:
    down = [replace(DOWN, name=f"billing-number-{n}") for n in range(4)]
    assert shown(MAIN, REFUSED, *down, cells=60) == "✗ 1 key refused  ▲ 4 unreachable  1 ok"


def test_a_locked_vault_is_not_a_refused_key() -> None:
    assert shown(LOCKED, cells=140) == "✗ calls Talkdesk · vault locked, l unlocks"
    assert shown(LOCKED, cells=80) == "✗ calls unlock: l"
    down = [replace(DOWN, name=f"billing-number-{n}") for n in range(4)]
    text = shown(replace(REFUSED, name="support"), LOCKED, *down, cells=60)
    assert text == "✗ 1 key refused  ✗ 1 vault locked  ▲ 4 unreachable"


def test_a_key_in_plain_text_is_said_in_words_at_every_width_and_never_folded_into_those_that_are_well() -> (
    None
):
    assert shown(MAIN, cells=140, plain_text=("main",)) == "main 7G · 7 of 10 slots ▲ PLAIN TEXT"
    assert shown(MAIN, REFUSED, cells=80, plain_text=("main",)) == "main ▲ PLAIN TEXT  ✗ calls log in: l"
    many = [Account(f"account-{n}", "7g", accepted_at=1.0) for n in range(20)]
    assert shown(MAIN, *many, cells=60, plain_text=("main",)) == "main ▲ PLAIN TEXT  20 accounts ok"
    down = [replace(DOWN, name=f"billing-number-{n}") for n in range(4)]
    text = shown(MAIN, *down, cells=60, plain_text=("main",))
    assert text == "▲ 4 unreachable  ▲ 1 PLAIN TEXT  1 ok"


def test_where_the_counts_have_no_room_either_all_trouble_with_keys_is_one_count() -> None:
    shut = [replace(REFUSED, name=f"calls-{n}") for n in range(3)]
    locked = [replace(LOCKED, name=f"support-{n}") for n in range(3)]
    none = replace(REFUSED, name="desk", message="no key yet")
    text = shown(MAIN, *shut, *locked, none, DOWN, cells=60, plain_text=("main",))
    assert text == "✗ 7 no usable key  ▲ 1 unreachable  ▲ 1 PLAIN TEXT  1 ok"


GONE = "the vault /data/credentials.vault is gone: put a copy of it back"


def test_a_vault_that_is_no_use_is_said_before_a_sign_in_needs_it_and_after() -> None:
    calls = Account("calls", "talkdesk", accepted_at=1.0)
    broken = {"calls": KeyTrouble.GONE}
    assert shown(MAIN, calls, cells=140, broken=broken) == (
        "main 7G · 7 of 10 slots     ▲ calls Talkdesk · vault gone, l log in"
    )
    assert shown(MAIN, calls, cells=80, broken=broken) == "main  ▲ calls vault gone"
    many = [Account(f"account-{n}", "7g", accepted_at=1.0) for n in range(20)]
    assert shown(*many, calls, cells=60, broken=broken) == "▲ calls vault gone  20 accounts ok"
    shut = replace(LOCKED, message=GONE)
    assert shown(shut, cells=140, broken=broken) == "✗ calls Talkdesk · vault gone, l log in"
    assert shown(shut, cells=80, broken=broken) == "✗ calls vault gone: l"
    down = [replace(DOWN, name=f"billing-number-{n}") for n in range(4)]
    assert shown(calls, *down, cells=60, broken=broken) == "▲ 1 vault gone  ▲ 4 unreachable"
