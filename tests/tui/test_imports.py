"""What the first paint costs in imports: nothing that polls, validates or signs in."""

from __future__ import annotations

import subprocess
import sys

import pytest

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


@pytest.mark.parametrize(
    "module", ["reportdash.board.view", "reportdash.board.query", "reportdash.board.explain"]
)
def test_the_board_imports_no_screen(module: str) -> None:
    modules = loaded_by(module)
    assert not under("textual", modules) and not under("rich", modules)
