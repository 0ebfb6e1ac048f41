"""Pictures of the board: layout and colours at the sizes the look promises.

`pytest tests/snapshots --snapshot-update` makes them anew; look at them before they are committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tests.tui.boards import dashboard

Snap = Callable[..., bool]

WIDE = (140, 40)
SMALL = (80, 24)


@pytest.mark.parametrize("name", ["dark", "light", "contrast", "ansi", "mono"])
def test_board_in_each_theme(snap_compare: Snap, name: str) -> None:
    glyphs = "ascii" if name == "mono" else "unicode"
    app = dashboard(palette=f"reportdash-{name}", glyphs=glyphs)  # type: ignore[arg-type]
    assert snap_compare(
        app, terminal_size=WIDE, press=["j", "space", "space", "j", "j", "space", "k", "k", "k", "k"]
    )


@pytest.mark.parametrize(
    "size",
    [SMALL, (120, 30), (120, 29), (110, 30), (100, 24), (64, 20), (52, 10)],
    ids=lambda size: f"{size[0]}x{size[1]}",
)
def test_board_at_each_size(snap_compare: Snap, size: tuple[int, int]) -> None:
    assert snap_compare(dashboard(), terminal_size=size, press=["j"])


@pytest.mark.parametrize(
    ("name", "press"),
    [
        ("error", ["j"]),
        ("overview", ["j", "shift+tab"]),
        ("history", ["j", "tab"]),
        ("exchanges", ["j", "tab", "tab", "enter"]),
        ("file", ["end", "tab"]),
    ],
)
def test_details_below_the_table(snap_compare: Snap, name: str, press: Iterable[str]) -> None:
    assert snap_compare(dashboard(), terminal_size=WIDE, press=press)


def test_details_on_a_small_screen(snap_compare: Snap) -> None:
    assert snap_compare(dashboard(), terminal_size=SMALL, press=["j", "enter"])


def test_filter_that_finds_nothing(snap_compare: Snap) -> None:
    assert snap_compare(dashboard(), terminal_size=WIDE, press=["slash", *"age>9d"])


def test_first_run(snap_compare: Snap) -> None:
    app = dashboard(jobs=[], accounts=[], settled=False, configured=False)
    assert snap_compare(app, terminal_size=(100, 30))


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["140x40", "80x24"])
@pytest.mark.parametrize("key", ["question_mark", "ctrl+p"])
def test_dialogs(snap_compare: Snap, size: tuple[int, int], key: str) -> None:
    assert snap_compare(dashboard(), terminal_size=size, press=[key])
