"""The accounts: what stands there, and logging in, pausing and logging out from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reportdash.board.units import clock_text
from reportdash.clock import ManualClock
from reportdash.engine.runtime import Engine
from reportdash.model import Health, replace
from reportdash.net.sessions import Token
from reportdash.simulator import Simulator
from reportdash.tui import theme
from reportdash.tui.actions import Keymap
from reportdash.tui.app import Dashboard
from reportdash.tui.ports import Look
from reportdash.tui.screens.accounts import Roster
from reportdash.tui.screens.login import Login
from reportdash.tui.screens.logout import LogOut
from reportdash.tui.screens.unlock import Unlock
from tests.credentials.keyrings import PASSPHRASE
from tests.engine.rig import START, Rig
from tests.tui.desk import Desk, ScreenClock, desk
from tests.tui.vaults import keys_in_vault

FIELDS = [("client_id", "client_secret")]


async def roster(at: Desk) -> Roster:
    found = await at.ask("a")
    assert isinstance(found, Roster)
    await at.until(lambda: len(found.places) == len(found.names))
    await at.pilot.pause()
    return found


async def in_memory(at: Desk, name: str = "calls") -> None:
    """Move the account's key from the environment into this process's memory."""
    seat = at.rig.engine.seat(name)
    keys = at.rig.forget_key(name)
    await at.rig.engine.chain.keep(name, seat.vendor.name, keys, seat.settings.origins(), "memory")


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_every_account_stands_there_with_health_and_key(tmp_path: Path, size: tuple[int, int]) -> None:
    async with desk(tmp_path, size=size, accounts=("main", "billing", "calls")) as at:
        await at.rig.ledger.change_account(
            "calls", lambda row: replace(row, health=Health.AUTH_FAILED, since=1.0, message="invalid_client")
        )
        await roster(at)
        for words in ("main", "7G", "billing", "Sigma", "calls", "Talkdesk", "0 of 10", "environment"):
            assert words in at.text
        await at.shows("✗ key refused, l log in")
        await at.press("end")
        assert "invalid_client" in at.text
        assert at.rig.engine.seat("calls").settings.base_url in at.text
        await at.press("escape")
        assert at.app.screen is at.app.board


async def test_p_pauses_and_resumes_the_chosen_account(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("main", "calls")) as at:
        await roster(at)
        await at.press("down", "p")
        await at.shows("– paused")
        assert (await at.rig.row("calls")).paused
        assert not (await at.rig.row("main")).paused
        assert "p resume" in at.text
        await at.press("p")
        await at.shows("p pause")
        assert not (await at.rig.row("calls")).paused


async def test_a_read_only_account_says_why_it_is_not_paused(tmp_path: Path) -> None:
    async with desk(tmp_path, read_only=True) as at:
        await roster(at)
        await at.press("p")
        await at.shows("The account main is read-only")
        assert not (await at.rig.row("main")).paused


async def test_l_logs_in_to_the_chosen_account(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("main", "calls")) as at:
        below = await roster(at)
        await at.press("down", "l")
        await at.until(lambda: isinstance(at.app.screen, Login))
        await at.shows("Log in to calls · Talkdesk")
        await at.press("escape")
        await at.until(lambda: at.app.screen is below)


async def test_logging_out_asks_and_then_takes_the_key_away(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("main", "calls")) as at:
        await in_memory(at)
        below = await roster(at)
        await at.press("down", "x")
        await at.until(lambda: isinstance(at.app.screen, LogOut))
        await at.pilot.pause()
        await at.press("enter")
        await at.until(lambda: at.app.screen is below)
        chain = at.rig.engine.chain
        assert await chain.where("calls", "talkdesk", FIELDS) == "memory"
        await at.press("x")
        await at.until(lambda: isinstance(at.app.screen, LogOut))
        await at.press("tab", "enter")
        await at.shows("calls is logged out.")
        assert await chain.where("calls", "talkdesk", FIELDS) == "none"
        assert (await at.rig.row("calls")).health is Health.AUTH_FAILED
        await at.shows("no key yet")


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("environment", "the environment hands its key in, unset REPORTDASH_SECRET__MAIN__… to end it"),
        ("environment, incomplete", "the environment hands its key in"),
        (
            "environment, a file",
            "a file from the environment hands its key in, unset REPORTDASH_SECRET__MAIN__…__FILE to end it",
        ),
        ("systemd credential", "systemd hands its key in, take it out of the unit to end it"),
        ("credential_command", "its credential_command hands its key in, take it out of the config"),
        ("unknown: keyring locked", "where its key is cannot be seen, keyring locked"),
    ],
)
async def test_a_key_that_no_store_here_gave_is_not_logged_out(
    tmp_path: Path, where: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as at:

        async def found(*_: object) -> str:
            return where

        monkeypatch.setattr(at.rig.engine.chain, "where", found)
        below = await roster(at)
        await at.press("x")
        assert at.app.screen is below
        assert f"main is not logged out: {says}" in " ".join(below.note.split())
        assert (await at.rig.row("main")).health is not Health.AUTH_FAILED


async def test_a_stored_key_is_removed_but_the_account_goes_on_where_another_is_handed_in(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        chain = at.rig.engine.chain
        handed = {name: value for name, value in at.rig.environ.items() if "CALLS" in name}
        await in_memory(at)
        await roster(at)
        at.rig.environ |= handed
        await at.press("x")
        await at.until(lambda: isinstance(at.app.screen, LogOut))
        await at.press("tab", "enter")
        await at.shows("calls: what was stored is removed, but the environment hands its key in")
        assert await chain.where("calls", "talkdesk", FIELDS) == "environment"
        assert (await at.rig.row("calls")).health is not Health.AUTH_FAILED


async def test_many_accounts_scroll_with_the_cursor(tmp_path: Path) -> None:
    names = ("main", "funds", "trusts", "billing", "treasury", "admissions", "graduate", "calls", "support")
    async with desk(tmp_path, size=(80, 20), accounts=names) as at:
        await roster(at)
        await at.press("end")
        assert "▌ support" in at.text
        assert "9 of 9 accounts" in at.text
        await at.press("home")
        assert "▌ main" in at.text


LONG = " ".join(f"the key is disabled since rotation {number}" for number in range(10))


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (60, 12)])
async def test_all_that_is_told_of_an_account_is_reached_however_small_the_window(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with desk(tmp_path, size=size, accounts=("calls", "main", "billing")) as at:
        await at.rig.ledger.change_account(
            "calls", lambda row: replace(row, health=Health.AUTH_FAILED, since=1.0, message=LONG)
        )
        below = await roster(at)
        await at.shows("✗ key refused")
        assert "esc close" in at.text and "l log in" in at.text
        seen = [line.strip("│ ") for line in at.text.splitlines()]
        while "PgDn" in at.text:
            top = below.scroll_top
            await at.press("pagedown")
            assert below.scroll_top > top
            seen += [line.strip("│ ") for line in at.text.splitlines()]
        told = " ".join(" ".join(dict.fromkeys(line for line in seen if "PgDn" not in line)).split())
        assert LONG in told
        for label in ("Address", "Key", "environment", "Polled"):
            assert label in told
        await at.press("down")
        assert "▌ main" in at.text


async def test_an_account_that_was_never_logged_in_is_not_called_ok(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls", "main")) as at:
        at.rig.forget_key("calls")
        await roster(at)
        rows = [line for line in at.text.splitlines() if "│" in line]
        calls, main = (next(row for row in rows if name in row) for name in ("Talkdesk", "7G  "))
        assert "✗ no key yet, l log in" in calls
        assert "not asked yet" in main and " ok" not in main
        await at.rig.engine.logged_in("main")
        await at.shows(" ok ")


async def test_a_dashboard_that_ends_with_the_list_open_ends_well(tmp_path: Path) -> None:
    """As on a hang-up: the ledger is closed while the list still waits for its changes."""
    clock = ManualClock(START)
    async with Simulator(now=clock.now, published_dir=tmp_path / "published") as sim:
        rig = Rig(sim, clock, tmp_path)
        rig.account("main")
        engine = await rig.start()

        @asynccontextmanager
        async def open_engine() -> AsyncIterator[Engine]:
            yield engine
            await rig.close()

        look = Look(theme.load(theme.DEFAULT), "unicode", Keymap({}))
        app = Dashboard(look, None, open_engine, clock=ScreenClock(clock))
        async with app.run_test(size=(140, 40)) as pilot:
            at = Desk(rig, app, pilot)
            await at.until(lambda: app.engine is not None)
            await roster(at)
            app.leave()
            await at.until(lambda: app._exit)
        assert app.return_value == 0


# Where keys are, and what they give.


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_a_key_in_plain_text_has_its_badge_in_row_and_strip(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    furnish = keys_in_vault(plain=("calls",))
    async with desk(tmp_path, size=size, accounts=("main", "calls"), furnish=furnish) as at:
        await at.shows("calls Talkdesk ▲ PLAIN TEXT" if size[0] > 100 else "calls ▲")
        await roster(at)
        row = next(line for line in at.text.splitlines() if "Talkdesk" in line and "not asked" in line)
        assert "▲ PLAIN TEXT" in row
        assert "▲" not in next(line for line in at.text.splitlines() if "▌ main" in line)
        await at.press("end")
        assert "PLAIN TEXT, /" in at.text
        await at.press("x")
        await at.until(lambda: isinstance(at.app.screen, LogOut))
        await at.pilot.pause()
        assert "removed from the file /" in at.text
        await at.press("tab", "enter")
        await at.shows("calls is logged out.")
        await at.until(lambda: "PLAIN TEXT" not in at.text)
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        assert "PLAIN" not in at.text


async def test_a_key_in_plain_text_keeps_its_badge_though_another_one_is_used(tmp_path: Path) -> None:
    fill = keys_in_vault(plain=("calls",))

    async def furnish(rig: Rig) -> None:
        secrets = {key: value for key, value in rig.environ.items() if "CALLS" in key}
        await fill(rig)
        rig.environ.update(secrets)

    async with desk(tmp_path, accounts=("calls",), furnish=furnish) as at:
        await roster(at)
        await at.shows("environment; another one lies in plain text")
        await at.shows("▲ PLAIN TEXT")


async def test_the_details_tell_since_when_a_key_is_good_and_what_it_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, accounts=("calls", "main")) as at:
        await roster(at)
        assert "Token" not in at.text
        seat = at.rig.engine.seat("calls")
        await at.rig.finish(seat.client.sign_in())
        await at.rig.engine.logged_in("calls")
        await at.rig.finish(seat.client.sign_in())
        now = at.rig.clock.now()
        token = seat.client.token
        assert token is not None and token.expires_at is not None
        assert now < token.expires_at < now + 3600
        # A sign-in changes no row: the next key, or the next look, shows what it gave.
        await at.press("down", "up")
        await at.shows(f"Accepted      since {clock_text(now, now)}")
        await at.shows(f"Token         expires {clock_text(token.expires_at, now)}")
        assert token.scope is not None
        assert f"Scope         {token.scope}" in at.text
        mute = Token(None, None)
        monkeypatch.setattr(type(seat.client), "token", property(lambda client: mute))
        await at.press("down", "up")
        assert "does not say when it expires" in at.text
        assert "Scope" not in at.text


async def test_the_last_refusal_stands_there_in_the_vendors_words_with_its_time(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        now = at.rig.clock.now()
        await at.rig.ledger.change_account(
            "calls",
            lambda row: replace(
                row, health=Health.AUTH_FAILED, since=now, accepted_at=now - 7200, message="no such client"
            ),
        )
        await roster(at)
        await at.shows(f"Refused       {clock_text(now, now)}  no such client")
        assert f"Accepted      last new one {clock_text(now - 7200, now)}" in at.text


async def test_a_refusal_that_is_over_is_remembered_with_its_time_and_the_vendors_words(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, accounts=("calls",)) as at:
        now = at.rig.clock.now()
        await at.rig.ledger.change_account(
            "calls",
            lambda row: replace(row, accepted_at=now - 60, refused_at=now - 7200, refusal="no such client"),
        )
        await roster(at)
        await at.shows(f"Last refusal  {clock_text(now - 7200, now)}  no such client")
        # While it stands it is said once.
        await at.rig.ledger.change_account(
            "calls",
            lambda row: replace(row, health=Health.AUTH_FAILED, since=now - 7200, message="no such client"),
        )
        await at.shows("Refused  ")
        await at.until(lambda: "Last refusal" not in at.text)


async def test_l_on_an_account_of_a_locked_vault_unlocks_it_and_all_places_are_seen(
    tmp_path: Path,
) -> None:
    furnish = keys_in_vault("main", "calls")
    async with desk(tmp_path, accounts=("main", "calls"), furnish=furnish) as at:
        await at.until(lambda: isinstance(at.app.screen, Unlock))
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        at.rig.engine.poll()
        below = await roster(at)
        await at.shows("✗ vault locked, l unlocks")
        await at.shows("Locked")
        assert "vault, locked" in at.text
        await at.press("end", "l")
        await at.until(lambda: isinstance(at.app.screen, Unlock))
        await at.pilot.pause()
        await at.press(*("space" if char == " " else char for char in PASSPHRASE), "enter")
        await at.until(lambda: at.app.screen is below)
        await at.until(lambda: set(below.places.values()) == {"vault"})
        await at.until(lambda: "vault locked" not in at.text)
