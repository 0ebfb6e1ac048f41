"""Garbage collection on the screen: it begins late, and what made it long is left out from then on."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from weakref import WeakSet

import pytest

from reportdash.tui import collector, theme
from reportdash.tui.actions import Keymap
from reportdash.tui.screens.help import Help
from reportdash.tui.text import Pen
from tests.tui.boards import board


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    passing, collector.passing = collector.passing, WeakSet()
    yield
    gc.unfreeze()
    collector._long, collector.passing = False, passing
    gc.callbacks[:] = callbacks
    gc.set_threshold(*thresholds)
    gc.enable()


def test_what_stands_when_it_begins_is_never_looked_at() -> None:
    gc.disable()
    standing = [[] for _ in range(1000)]  # type: list[list[int]]
    collector.start()
    assert gc.isenabled()
    assert not any(one is standing for one in gc.get_objects())


def test_what_a_long_collection_kept_is_left_out_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "LONG", -1.0)
    collector.start()
    kept = [[] for _ in range(1000)]  # type: list[list[int]]
    assert any(one is kept for one in gc.get_objects())
    collector.look_through()
    assert not any(one is kept for one in gc.get_objects())


async def test_a_closed_dialog_that_something_still_holds_when_a_collection_was_long_is_freed_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collector, "LONG", -1.0)
    async with board((140, 40)) as (app, pilot):
        collector.start()
        await pilot.press("?")
        held = [app.screen]  # as by a timer, that knows the screen it was set by
        shown = weakref.ref(app.screen)
        assert isinstance(app.screen, Help)
        await pilot.press("escape")
        await pilot.pause()
        collector.look_through()
        held.clear()
        for _ in range(50):  # its tasks end a few turns later
            await pilot.pause()
            gc.collect()
            if shown() is None:
                break
        assert shown() is None


def test_what_a_long_collection_kept_is_left_out_once_nothing_is_left_of_any_dialog(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collector, "LONG", -1.0)
    collector.start()
    kept = [[] for _ in range(1000)]  # type: list[list[int]]
    dialog = Help(Pen(theme.load(theme.DEFAULT)), Keymap())
    collector.look_through()
    assert any(one is kept for one in gc.get_objects())
    del dialog
    collector.look_through()
    assert not any(one is kept for one in gc.get_objects())


def test_what_has_begun_is_not_begun_again_though_a_ledger_fails_every_second_for_a_day() -> None:
    gc.disable()
    collector.ensure()
    assert gc.isenabled()
    open_now = [[] for _ in range(1000)]  # type: list[list[int]]
    collector.ensure()
    assert any(one is open_now for one in gc.get_objects()), "what is left of it could never be freed"


def test_a_short_collection_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "LONG", 3600.0)
    collector.start()
    kept = [[] for _ in range(1000)]  # type: list[list[int]]
    collector.look_through()
    assert any(one is kept for one in gc.get_objects())


def test_between_flushes_only_what_is_new_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr(collector, "_small", 0)
    collector.start()
    monkeypatch.setattr(gc, "collect", lambda generation=2: looked.append(generation))
    for _ in range(2 * collector.LARGER):
        collector.tidy()
    assert looked == 2 * [*[0] * (collector.LARGER - 1), 1]
    collector.look_through()
    assert looked[-1] == 2


def test_while_it_is_off_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    collector.start()
    collector.pause()
    monkeypatch.setattr(gc, "collect", lambda generation=2: pytest.fail("it is off"))
    assert not gc.isenabled()
    collector.tidy()
    collector.look_through()
    collector.start()
    assert gc.isenabled()


def test_memory_is_given_back_or_the_c_library_does_not_know_how(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    def mallopt(option: int, value: int) -> int:
        asked.append((option, value))
        return 1

    def trim(kept: int) -> None:
        asked.append((kept,))

    library = SimpleNamespace(malloc_trim=trim, mallopt=mallopt)
    monkeypatch.setattr("ctypes.CDLL", lambda name: library)
    collector.give_back()
    assert asked == [(-3, 131_072), (-1, 131_072), (-8, 2), (0,)]
    monkeypatch.setattr("ctypes.CDLL", lambda name: SimpleNamespace())
    collector.give_back()


async def test_what_a_dialog_leaves_is_collected_a_moment_later_and_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collector, "MOMENT", 0.01)
    monkeypatch.setattr(collector, "_asked", float("-inf"))
    collector.start()
    looked: list[int] = []
    done = asyncio.Event()

    def collect(generation: int = 2) -> None:
        looked.append(generation)
        done.set()

    monkeypatch.setattr(gc, "collect", collect)
    collector.soon()
    collector.soon()
    assert looked == []
    await asyncio.wait_for(done.wait(), 120)
    assert looked == [2]


def test_a_collection_that_was_long_by_its_garbage_leaves_nothing_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collector, "LONG", -1.0)
    monkeypatch.setattr(collector, "GARBAGE", 1_000)
    collector.start()
    kept = [[] for _ in range(1000)]  # type: list[list[int]]
    for _ in range(2_000):
        cycle: list[object] = []
        cycle.append(cycle)
    collector.look_through()
    assert any(one is kept for one in gc.get_objects()), "a dialog that is open now could never be freed"
