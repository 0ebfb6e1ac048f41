"""The vault's file is damaged, taken away or put back while the board runs: what it says, and how soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.credentials.unlocking import Unlocking
from reportdash.credentials.vault import FILE_NAME, Vault
from reportdash.model import Health, JobState
from reportdash.tui import stores
from reportdash.tui.screens.accounts import Roster
from reportdash.tui.screens.login import Login
from reportdash.tui.screens.logout import LogOut
from reportdash.tui.screens.unlock import Unlock
from tests.credentials.keyrings import PASSPHRASE
from tests.tui.desk import Desk, desk, job_in
from tests.tui.test_unlock_screen import asked, give
from tests.tui.vaults import keys_in_vault, vault_file

HURT = "damaged"
GONE = "gone"


@pytest.fixture(autouse=True)
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """The board glances often."""
    monkeypatch.setattr(stores, "GLANCE", 0.02)


async def unlocked(at: Desk) -> None:
    """Give the passphrase the board asks for at its start."""
    await asked(at)
    await give(at, PASSPHRASE)
    await at.until(lambda: at.app.screen is at.app.board)


def spoil(at: Desk, how: str) -> bytes:
    """Damage the vault's file or take it away; what was in it."""
    path = vault_file(at)
    whole = path.read_bytes()
    if how == GONE:
        path.unlink()
    else:
        path.write_bytes(whole[:-1])
    return whole


def health(at: Desk, name: str = "calls") -> Health:
    return at.app.board.view.records.accounts[name].health


@pytest.mark.parametrize("how", [HURT, GONE])
@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_a_vault_spoiled_while_the_board_runs_is_said_before_a_sign_in_needs_it(
    tmp_path: Path, how: str, size: tuple[int, int]
) -> None:
    names = ("calls", "main")
    async with desk(tmp_path, size=size, accounts=names, furnish=keys_in_vault("calls")) as at:
        await unlocked(at)
        at.rig.engine.poll()
        await at.until(lambda: at.rig.engine.polled_here() == set(names))
        await at.rig.finish(at.rig.engine.seat("calls").client.sign_in())
        whole = spoil(at, how)
        wide = size[0] > 100
        await at.shows(f"▲ calls Talkdesk · vault {how}, l log in" if wide else f"▲ calls vault {how}")
        assert at.notice == f"The vault is {how}: a says what to do"
        assert "main vault" not in at.text
        # It is looked at with the session there is.
        assert health(at) is Health.OK and "calls" in at.rig.engine.polled_here()
        vault_file(at).write_bytes(whole)
        await at.until(lambda: f"vault {how}" not in at.text)
        assert at.notice == stores.BACK


@pytest.mark.parametrize("how", [HURT, GONE])
async def test_an_account_shut_for_its_vault_works_again_as_soon_as_the_file_is_back(
    tmp_path: Path, how: str
) -> None:
    async with desk(tmp_path, accounts=("calls", "main"), furnish=keys_in_vault("calls")) as at:
        await unlocked(at)
        whole = spoil(at, how)
        at.rig.engine.poll()
        await at.shows(f"✗ calls Talkdesk · vault {how}, l log in")
        assert health(at) is Health.AUTH_FAILED
        asked = at.rig.clock.now()
        vault_file(at).write_bytes(whole)
        # Time stands still: nobody waits for the next look by the clock.
        await at.until(lambda: health(at) is Health.OK, time=False)
        assert at.rig.clock.now() == asked
        await at.until(lambda: "vault" not in at.text.splitlines()[1])


async def test_a_row_of_an_account_whose_vault_is_gone_says_so_while_it_is_still_looked_at(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, accounts=("main",), furnish=keys_in_vault("main")) as at:
        await unlocked(at)
        await job_in(at, 1, JobState.RUNNING, "running")
        spoil(at, GONE)
        await at.shows("▲ vault gone  looked at until the next sign-in")


async def test_a_glance_reads_nothing_of_a_file_that_did_not_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        await unlocked(at)
        await at.until(lambda: not at.app.live.stores.locked)
        read: list[int] = []
        glances: list[int] = []
        real, glance = Vault._read, Unlocking.glance

        def counted(self: Vault) -> object:
            read.append(1)
            return real(self)

        async def glanced(self: Unlocking) -> tuple[int, ...]:
            glances.append(1)
            return await glance(self)

        monkeypatch.setattr(Unlocking, "glance", glanced)
        # What the unlocking itself wrote is seen once.
        await at.until(lambda: len(glances) > 3)
        monkeypatch.setattr(Vault, "_read", counted)
        before = len(glances)
        await at.until(lambda: len(glances) > before + 5)
        assert not read
        spoil(at, HURT)
        await at.shows("vault damaged")
        assert read


async def test_l_tells_the_vault_as_it_is_now_and_not_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        await unlocked(at)
        whole = spoil(at, HURT)
        at.rig.engine.poll()
        await at.shows("vault damaged, l log in")
        await at.ask("l")
        await at.shows("Try and keep")
        assert "No key of calls can be used. The vault" in at.text and "is damaged" in at.text
        await at.press("escape")
        # Put back, and nobody has glanced at it yet.
        vault = at.rig.engine.chain.vault
        assert vault is not None
        before = await vault.glance()

        async def as_before(self: Unlocking) -> tuple[int, ...]:
            return before

        monkeypatch.setattr(Unlocking, "glance", as_before)
        vault_file(at).write_bytes(whole)
        await at.ask("l")
        assert isinstance(at.app.screen, Login)
        await at.shows("Try and keep")
        assert "calls has a key (vault); a new one takes its place." in at.text
        assert "damaged" not in "\n".join(line for line in at.text.splitlines() if "│" in line)


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_a_vault_that_is_gone_is_called_gone_with_what_to_do(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with desk(tmp_path, size=size, accounts=("calls", "main"), furnish=keys_in_vault("calls")) as at:
        await unlocked(at)
        below = await at.ask("a")
        assert isinstance(below, Roster)
        await at.until(lambda: below.places.get("calls") == "vault")
        spoil(at, GONE)
        # The list that is open follows.
        await at.until(lambda: below.places["calls"] == "vault, gone")
        await at.pilot.pause()
        said = " ".join(at.text.replace("│", " ").split())
        assert "is gone: put a copy of it back, or log in again, which makes a new one" in said
        assert "without a copy what was in it is lost" in said
        assert "▲ vault gone, l log in" in said
        assert "failed" not in said
        await at.press("x")
        await at.until(lambda: isinstance(at.app.screen, LogOut))
        await at.pilot.pause()
        assert "was in the vault, which is gone" in " ".join(at.text.replace("│", " ").split())
        await at.press("tab", "enter")
        await at.shows("calls is logged out.")


@pytest.mark.parametrize("state", ["locked", HURT])
async def test_a_key_in_a_vault_that_cannot_be_opened_is_not_said_to_be_removed(
    tmp_path: Path, state: str
) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        await at.until(lambda: isinstance(at.app.screen, Unlock))
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        if state == HURT:
            spoil(at, HURT)
        roster = await at.ask("a")
        assert isinstance(roster, Roster)
        below: Roster = roster
        await at.until(lambda: below.places.get("calls") == f"vault, {state}")
        await at.press("x")
        assert at.app.screen is below
        assert below.note == f"calls is not logged out: its key is in the vault, which is {state}."


@pytest.mark.parametrize("how", [HURT, GONE])
async def test_a_vault_spoiled_under_the_dialog_that_asks_for_its_passphrase_is_said_in_it(
    tmp_path: Path, how: str
) -> None:
    async with desk(tmp_path, size=(140, 40), accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        await at.until(lambda: isinstance(at.app.screen, Unlock))
        await at.shows("The key of calls is in the vault, which is locked in this session.")
        whole = spoil(at, how)
        await at.shows(f"{FILE_NAME} is {how}")
        assert "locked" not in at.text
        await at.press(*"whatever", "enter")
        await at.until(lambda: not at.app.screen.unlocking)  # type: ignore[attr-defined]
        assert "there is no vault yet" not in at.text
        vault_file(at).write_bytes(whole)
        await at.shows("The key of calls is in the vault, which is locked in this session.")
        await unlocked(at)
