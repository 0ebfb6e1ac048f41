"""What the first paint costs in imports: nothing that polls, validates or signs in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reportdash.cli.later import PUT_OFF, TYPING
from tests.bench import folder
from tests.terminal.pty import Terminal
from tests.tui.boards import board

LATE = ("httpx", "aiohttp", "pydantic", "keyring", "cryptography", "reportdash.engine", "reportdash.vendors")


def loaded_by(module: str) -> set[str]:
    """Modules in memory after importing one, in a process of its own."""
    code = f"import sys, {module}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def under(name: str, modules: set[str]) -> set[str]:
    return {module for module in modules if module == name or module.startswith(f"{name}.")}


@pytest.mark.parametrize("module", ["reportdash.tui.app", "reportdash.cli.dash"])
def test_the_screen_imports_nothing_that_polls(module: str) -> None:
    modules = loaded_by(module)
    assert not [name for late in LATE for name in under(late, modules)]


def test_what_keys_and_data_need_is_imported_after_the_first_paint() -> None:
    modules = loaded_by("reportdash.tui.app")
    for late in ("commands", "live", "operator", "attention", "below", "screens.dialog", "screens.help"):
        assert f"reportdash.tui.{late}" not in modules
    assert "reportdash.board.query" not in modules


def test_the_dialogs_of_keys_bring_no_cryptography() -> None:
    modules = set()
    for module in ("tui.stores", "tui.screens.unlock", "tui.screens.passphrase", "tui.screens.login"):
        modules |= loaded_by(f"reportdash.{module}")
    assert not [name for late in ("keyring", "cryptography", "_hashlib") for name in under(late, modules)]


@pytest.mark.parametrize(
    "module", ["reportdash.board.view", "reportdash.board.query", "reportdash.board.explain"]
)
def test_the_board_imports_no_screen(module: str) -> None:
    modules = loaded_by(module)
    assert not under("textual", modules) and not under("rich", modules)


FIRST_PAINT = """
import json, os, sys
from reportdash.cli import later, main

put_off = later.put_off


def put_off_and_watch():
    put_off()
    from textual.app import App

    shown = App._display

    def display(app, screen, update):
        shown(app, screen, update)
        with open(sys.argv[1] + ".part", "w") as file:
            json.dump([name for name, one in sys.modules.items() if type(one) is not later.StandIn], file)
        os.rename(sys.argv[1] + ".part", sys.argv[1])
        App._display = shown

    App._display = display


later.put_off = put_off_and_watch
main.main([])
"""

NOT_YET = (
    *LATE,
    "sqlite3.dump",
    "argparse",
    "reportdash.net",
    "reportdash.simulator",
    "reportdash.ledger.ledger",
    "reportdash.ledger.verbs",
    "reportdash.settings.reading",
    "reportdash.tui.commands",
    "reportdash.tui.live",
    "reportdash.told",
    *PUT_OFF,
    TYPING,
    "_ssl",
    "_hashlib",
    "shutil",
    "textual.containers",
    "textual.layouts.factory",
    "textual.scrollbar",
    "textual.types",
    "textual.widgets._data_table",
    "textual.widgets._static",
)


def test_the_first_painting_of_a_full_table_needs_nothing_that_polls(tmp_path: Path) -> None:
    env = folder.prepare(tmp_path, 200)
    listed = tmp_path / "modules.json"
    with Terminal(["-c", FIRST_PAINT, str(listed)], env=env, program=[sys.executable]) as terminal:
        # What stands on the screen is written before the list is.
        terminal.until(lambda text: "DistributionReconciliation" in text and listed.exists())
    modules = set(json.loads(listed.read_text()))
    assert "reportdash.tui.widgets.table" in modules
    assert not [name for late in NOT_YET for name in under(late, modules)]


def test_the_first_thing_that_is_sent_has_the_rows_in_it(tmp_path: Path) -> None:
    with Terminal([], env=folder.prepare(tmp_path, 200)) as terminal:
        terminal.until("DistributionReconciliation")
        first = terminal.bytes.partition(b"DistributionReconciliation")[0]
    assert first.count(b"\x1b[?2026h") <= 1


async def test_no_style_sheet_but_our_own_is_read() -> None:
    async with board() as (app, pilot):
        for key in ("?", "escape", "ctrl+p", "escape", "x"):
            await pilot.press(key)
            assert [Path(place).name for place, _ in app.stylesheet.source] == ["reportdash.tcss"], key
            assert len(app.screen.query("*")) == len(app.screen.children), "something else stands on it"
