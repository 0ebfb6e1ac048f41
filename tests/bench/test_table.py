"""What the bench says of a figure: its bounds, its verdict, its floor. No time is measured here."""

from __future__ import annotations

import pyte
import pytest

from tests.bench.floor import Floor, cells
from tests.bench.table import Figure, markdown, percentile


@pytest.mark.parametrize(
    ("value", "least", "verdict"),
    [
        (0.9, False, "dream"),
        (1.0, False, "reach"),
        (1.2, False, "NOT reached"),
        (0.9, True, "NOT reached"),
        (1.0, True, "reach"),
        (1.2, True, "dream"),
    ],
)
def test_a_verdict_says_which_bound_is_kept(value: float, least: bool, verdict: str) -> None:
    reach, dream = (1.0, 1.1) if least else (1.1, 0.95)
    assert Figure("1", "start", "hello", value, reach, dream, least=least).verdict == verdict


def test_a_figure_without_a_bound_has_no_verdict() -> None:
    assert Figure("7", "bytes", "0", 12.0, None).verdict == ""


def test_a_line_of_the_table_has_value_and_bounds_in_their_unit() -> None:
    figures = [
        Figure("3", "key", "DataTable", 0.0344, 1 / 30, 1 / 100, "p99"),
        Figure("7", "bytes", "0", 22_000, 0, 0, unit="B"),
        Figure("13", "worst key", "–", 30.04, 25, 12, unit="ms"),
        Figure("14", "writes", "sqlite3", 0.85, 0.8, 0.9, least=True),
    ]
    assert markdown(figures).splitlines()[2:] == [
        "| 3 | key | DataTable | 0.0344× | ≤ 0.0333× | ≤ 0.0100× | NOT reached | p99 |",
        "| 7 | bytes | 0 | 22,000 B | ≤ 0 B | ≤ 0 B | NOT reached |  |",
        "| 13 | worst key | – | 30.0 ms | ≤ 25.0 ms | ≤ 12.0 ms | NOT reached |  |",
        "| 14 | writes | sqlite3 | 0.85× | ≥ 0.80× | ≥ 0.90× | reach |  |",
    ]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 0.99) == 99.0
    assert percentile(values, 0.5) == 50.0
    assert percentile([3.0], 0.99) == 3.0
    with pytest.raises(ValueError):
        percentile([], 0.5)


def painted(*writes: str) -> list[int]:
    """Bytes of the floor for each of some writes to one screen of 20×3."""
    screen = pyte.Screen(20, 3)
    stream = pyte.Stream(screen)
    floor = Floor(cells(screen))
    found = []
    for write in writes:
        stream.feed(write)
        found.append(floor.bytes_to(cells(screen)))
    return found


def test_a_screen_that_stays_costs_nothing() -> None:
    assert painted("", "\x1b[2;5H") == [0, 0]


def test_a_cell_costs_its_address_and_itself() -> None:
    # ESC [ 2 ; 5 H x
    assert painted("\x1b[2;5Hx") == [7]


def test_cells_side_by_side_share_one_address_and_one_look() -> None:
    red = "\x1b[38;2;255;0;0m"
    assert painted(f"\x1b[2;5H{red}abc\x1b[0m") == [len("\x1b[2;5H") + len(red) + 3]


def test_what_a_line_already_looks_like_is_not_said_again() -> None:
    red = "\x1b[38;2;255;0;0m"
    first, second = painted(f"\x1b[2;5H{red}abc\x1b[0m", f"\x1b[3;5H{red}abc\x1b[0m")
    assert second == first - len(red)


def test_a_short_gap_is_written_over_rather_than_jumped() -> None:
    # One blank that looks the same is cheaper than ESC [ C.
    assert painted("\x1b[2;5Ha c") == [len("\x1b[2;5H") + 3]
