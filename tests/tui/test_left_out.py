"""On the screen: an account whose vendor's plug-in can not be used, its one place, and what its keys say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from reportdash.clock import ManualClock
from reportdash.credentials import Chain
from reportdash.engine.runtime import Engine
from reportdash.ledger import Ledger
from reportdash.model import Job, JobState
from reportdash.settings import LeftOut, Settings
from reportdash.tui import theme
from reportdash.tui.actions import Keymap
from reportdash.tui.app import Dashboard
from reportdash.tui.ports import Look
from reportdash.vendors import registry
from tests.engine.rig import START
from tests.tui.boards import screen_text
from tests.tui.desk import ScreenClock

WHY = "the plug-in for vendor 'acme' (acme 1.2) does not load: ImportError: no pandas"
LEFT = LeftOut("acme", WHY, "install acme again")


@asynccontextmanager
async def board(folder: Path, *accounts: str) -> AsyncIterator[tuple[Dashboard, Pilot[Any]]]:
    """The board over `accounts` of 7G, none of them asked for anything, and `pay`, which is left out."""
    clock = ManualClock(START)
    kind = registry.account_class("7g")
    kept = {name: kind(vendor="7g", base_url="http://127.0.0.1:9") for name in accounts}
    settings = Settings.model_validate({"download_dir": folder / "reports", "accounts": kept})
    ledger = await Ledger.open(folder / "ledger.db", clock=clock)
    await ledger.ensure_accounts({"pay": "acme"})
    await ledger.add(Job("abcdef", "pay", "acme", "Balances", "r1", JobState.READY, "done"))
    engine = Engine(
        settings.without({"pay": LEFT}), ledger, Chain(environ={}, use_keyring=False), clock=clock
    )
    await engine.start()

    @asynccontextmanager
    async def open_engine() -> AsyncIterator[Engine]:
        yield engine

    look = Look(theme.load(theme.DEFAULT), "unicode", Keymap({}))
    app = Dashboard(look, None, open_engine, clock=ScreenClock(clock))
    try:
        async with app.run_test(size=(140, 40)) as pilot:
            while app.engine is None or "Balances" not in screen_text(app):
                await pilot.pause()
            yield app, pilot
            app.leave()
    finally:
        await engine.stop()
        await ledger.close()


@pytest.mark.parametrize("accounts", [("main",), ()])
async def test_the_strip_names_it_and_the_key_that_tells_more(
    tmp_path: Path, accounts: tuple[str, ...]
) -> None:
    async with board(tmp_path, *accounts) as (app, _):
        line = screen_text(app).splitlines()[1]
        assert "✗ pay plug-in broken: a" in line
        assert line.count("pay") == 1
        assert all(name in line for name in accounts)


async def test_the_accounts_page_says_the_error_and_what_to_do(tmp_path: Path) -> None:
    async with board(tmp_path, "main") as (app, pilot):
        await pilot.press("a")
        await pilot.press("end")
        words = " ".join(screen_text(app).split())
        assert "pay acme ✗ plug-in broken" in words
        assert f"It is left out: {WHY}; install acme again." in words
        for key in ("l", "p", "x"):
            await pilot.press(key, "down")
            assert "until its plug-in works" not in screen_text(app)
            await pilot.press(key)
            await pilot.pause()
            assert "The account pay is left out until its plug-in works." in screen_text(app), key


async def test_its_jobs_stay_in_the_table_and_their_keys_say_why_not(tmp_path: Path) -> None:
    async with board(tmp_path, "main") as (app, pilot):
        for key in ("d", "x", "r", "p"):
            await pilot.press(key)
            await pilot.pause()
            notice = "".join(run.text for run in app.board.status.notice)
            assert "pay is left out" in notice, key
        assert "Balances" in screen_text(app)
