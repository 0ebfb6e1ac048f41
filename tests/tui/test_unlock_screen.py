"""The vault's passphrase on the screen: when it is asked for, what it opens, and what it never holds up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from reportdash.credentials import VaultTrouble
from reportdash.credentials.vault import Vault
from reportdash.model import Health, JobState, replace
from reportdash.tui import stores
from reportdash.tui.screens.dialog import Dialog
from reportdash.tui.screens.help import Help
from reportdash.tui.screens.login import Login
from reportdash.tui.screens.passphrase import Change
from reportdash.tui.screens.unlock import Unlock
from tests.credentials.keyrings import PASSPHRASE
from tests.engine.rig import Rig
from tests.tui.desk import Desk, desk, job_in
from tests.tui.vaults import chain_in, keys_in_vault, vault_file

SAYS = "The vault is locked: l unlocks it"


@pytest.fixture(autouse=True)
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """The board does not wait long for whoever is at the keys to rest."""
    monkeypatch.setattr(stores, "LOOK_AGAIN", 0.02)


async def asked(at: Desk) -> Unlock:
    """Wait until the passphrase is asked for."""
    await at.until(lambda: isinstance(at.app.screen, Unlock))
    await at.pilot.pause()
    assert isinstance(at.app.screen, Unlock)
    return at.app.screen


async def give(at: Desk, text: str) -> None:
    await at.press(*("space" if char == " " else char for char in text), "enter")


def health(at: Desk, name: str = "calls") -> Health | None:
    row = at.app.board.view.records.accounts.get(name)
    return row.health if row is not None else None


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_it_is_asked_once_at_the_start_and_the_accounts_come_back_by_themselves(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    names = ("calls", "billing")
    async with desk(tmp_path, size=size, accounts=(*names, "main"), furnish=keys_in_vault(*names)) as at:
        dialog = await asked(at)
        assert "The keys of calls and billing are in the vault, which is locked" in at.text
        assert str(vault_file(at))[:40] in at.text
        assert dialog.focused_item is dialog.field
        at.rig.engine.poll()
        await at.until(lambda: health(at) is health(at, "billing") is Health.AUTH_FAILED)
        await give(at, PASSPHRASE)
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice == "the vault is unlocked: calls and billing can sign in again"
        await at.until(lambda: health(at) is health(at, "billing") is Health.OK)
        await at.rig.engine.logged_in("calls")
        await at.pilot.pause()
        assert at.app.screen is at.app.board


async def test_a_wrong_passphrase_is_said_where_the_next_one_is_typed(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        dialog = await asked(at)
        await give(at, "not this one")
        await at.shows("This passphrase does not open the vault.")
        assert dialog.is_current
        assert dialog.field.edit.text == ""
        assert dialog.focused_item is dialog.field
        await give(at, PASSPHRASE)
        await at.until(lambda: at.app.screen is at.app.board)
        assert not await at.rig.engine.chain.locked_out({"calls": (("client_id",),)})


async def test_not_now_leaves_it_locked_and_l_asks_again(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        await asked(at)
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice == SAYS
        at.rig.engine.poll()
        await at.shows("✗ calls Talkdesk · vault locked, l unlocks")
        await at.ask("l")
        await asked(at)
        await give(at, PASSPHRASE)
        await at.until(lambda: health(at) is Health.OK)
        await at.until(lambda: "vault locked" not in at.text)  # painted a frame later


async def test_an_empty_passphrase_is_named(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        await asked(at)
        await at.press("enter")
        assert "The passphrase is empty." in at.text


async def just_typed(at: Desk) -> None:
    await at.press("s")


async def filtering(at: Desk) -> None:
    await at.press("slash", "a")
    at.app.board.pressed = float("-inf")


async def reading_help(at: Desk) -> None:
    await at.press("question_mark")
    at.app.board.pressed = float("-inf")


@pytest.mark.parametrize("busy", [just_typed, filtering, reading_help])
async def test_whoever_is_at_something_is_told_in_a_line_and_not_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: Callable[[Desk], Awaitable[None]]
) -> None:
    looked = asyncio.Event()
    fill = keys_in_vault("calls")

    async def furnish(rig: Rig) -> None:
        await fill(rig)
        chain = chain_in(rig)
        locked_out = chain.locked_out

        async def later(accounts: Mapping[str, Sequence[Sequence[str]]]) -> list[str]:
            await looked.wait()
            return await locked_out(accounts)

        monkeypatch.setattr(chain, "locked_out", later)
        rig.make_chain = lambda: chain

    async with desk(tmp_path, accounts=("calls", "main"), furnish=furnish) as at:
        await job_in(at, 1, JobState.FAILED, "failed")
        await busy(at)
        before = at.app.screen
        looked.set()
        await at.until(lambda: at.notice == SAYS)
        assert at.app.screen is before
        assert not isinstance(before, Unlock)
        assert isinstance(before, Help) is (busy is reading_help)
        if busy is filtering:
            await at.press("b")
            assert at.app.board.filter.edit.text == "ab"
        await at.press("s" if busy is just_typed else "escape")
        assert at.app.screen is at.app.board
        # The next key takes the line away; it comes again when they rest.
        at.app.board.pressed = float("-inf")
        await at.until(lambda: at.notice == SAYS)


async def test_what_is_typed_the_moment_it_opens_is_taken_for_a_passphrase_and_for_no_command(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, accounts=("calls", "main"), furnish=keys_in_vault("calls")) as at:
        dialog = await asked(at)
        await job_in(at, 1, JobState.FAILED, "failed")
        await at.press("f", "x", "d", "space", "t")
        assert at.app.screen is dialog
        assert dialog.field.edit.text == "fxd t"
        assert len(at.app.board.view.selection) == 0


async def test_the_table_lives_on_while_the_vault_is_being_unlocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    real = Vault.unlock

    def slow(self: Vault, passphrase: str) -> None:
        go.wait()
        real(self, passphrase)

    async with desk(tmp_path, accounts=("calls", "main"), furnish=keys_in_vault("calls")) as at:
        await asked(at)
        monkeypatch.setattr(Vault, "unlock", slow)
        try:
            await give(at, PASSPHRASE)
            await at.shows("unlocking…")
            await job_in(at, 1, JobState.FAILED, "failed")
            assert "✗ 1 failed" in at.text
            await at.press("x", "enter")
            assert at.asking
            await at.press("escape")
            await at.until(lambda: not at.asking)
        finally:
            go.set()
        # What was asked for counts all the same.
        await at.until(lambda: "the vault is unlocked" in at.notice)
        assert await at.rig.engine.chain.where("calls", "talkdesk", []) == "vault"


async def test_another_key_for_this_session_only_goes_around_the_vault(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        await asked(at)
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        await at.ask("l")
        await asked(at)
        assert "Other key…" in at.text
        await at.press("tab", "tab", "enter")
        await at.until(lambda: isinstance(at.app.screen, Login))
        await at.shows("Try and keep")
        assert "(•) Vault" in at.text
        assert "Vault passphrase" in at.text
        form = at.app.screen
        assert isinstance(form, Login)
        keys = at.rig.sim.accounts()["calls"]["secrets"]
        await at.write(keys["client_id"])
        await at.press("tab")
        await at.write(keys["client_secret"])
        await at.press("tab", "down", "space")
        assert "(•) Until I quit" in at.text
        assert "Vault passphrase" not in at.text
        await at.press("tab", "tab", "enter")
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice == "calls: accepted by Talkdesk, the key is kept in memory until you quit"
        await at.until(lambda: not at.app.live.stores.locked)
        # The vault still has the other one, for the next session.
        assert await chain_in(at.rig).chosen("calls") == "vault"


async def test_a_vault_that_cannot_be_written_is_unlocked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Vault) -> None:
        raise VaultTrouble("failed", "the vault cannot be written (No space left on device)")

    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        await asked(at)
        monkeypatch.setattr(Vault, "probe", full)
        await give(at, PASSPHRASE)
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice == "the vault is unlocked: calls can sign in again"
        await at.until(lambda: health(at) is Health.OK)


async def test_a_passphrase_in_a_file_asks_nobody(tmp_path: Path) -> None:
    held = tmp_path / "passphrase"
    held.write_text(f"{PASSPHRASE}\n")
    fill = keys_in_vault("calls")

    async def furnish(rig: Rig) -> None:
        await fill(rig)
        rig.environ["REPORTDASH_VAULT_PASSPHRASE_FILE"] = str(held)

    async with desk(tmp_path, accounts=("calls",), furnish=furnish) as at:
        at.rig.engine.poll()
        await at.until(lambda: "calls" in at.rig.engine.polled_here())
        await at.pilot.pause()
        assert not isinstance(at.app.screen, Dialog)


async def test_what_is_typed_leaves_no_trace(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        dialog = await asked(at)
        await give(at, "zq7canary9")
        await at.shows("does not open")
        await at.press(*"zq7canary9")
        assert "zq7canary9" not in at.app.export_screenshot()
        assert "••••••••••" in at.text
        assert "zq7canary9" not in repr(dialog.field)
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        assert dialog.field.edit.text == ""
        assert "zq7canary9" not in at.notice


# Another passphrase.


async def change(at: Desk) -> Change:
    """Find the dialog in the palette."""
    await at.ask("ctrl+p")
    await at.write("passphrase")
    await at.press("enter")
    await at.until(lambda: isinstance(at.app.screen, Change))
    await at.pilot.pause()
    dialog = at.app.screen
    assert isinstance(dialog, Change)
    return dialog


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_the_passphrase_is_changed_in_a_dialog_of_the_palette(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with desk(tmp_path, size=size, accounts=("calls",), furnish=keys_in_vault("calls")) as at:
        await asked(at)
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        dialog = await change(at)
        await at.press("enter")
        assert "Old passphrase is empty." in at.text
        await at.press(*"wrong", "tab", *"short", "enter")
        assert "too short: at least 8 characters" in at.text
        assert dialog.focused_item is dialog.new.first
        await at.press(*"-not-now", "enter")
        assert "typed twice" in at.text
        await at.press(*"else", "enter")
        assert "The two passphrases differ." in at.text
        await at.press("ctrl+u", *"short-not-now", "enter")
        await at.shows("This passphrase does not open the vault")
        assert dialog.focused_item is dialog.old
        assert dialog.old.edit.text == ""
        await give(at, "short-not-now")
        assert "The new passphrase is the old one" in at.text
        assert dialog.focused_item is dialog.new.first
        await at.press("shift+tab", "ctrl+u")
        await give(at, PASSPHRASE)
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice == "the vault has its new passphrase"
        assert not at.app.live.stores.locked
        later = Vault(vault_file(at))
        with pytest.raises(VaultTrouble, match="does not open"):
            later.unlock(PASSPHRASE)
        later.unlock("short-not-now")
        assert dialog.old.edit.text == dialog.new.text == ""


async def test_there_is_nothing_to_change_without_a_vault(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("main",), furnish=keys_in_vault()) as at:
        await at.ask("ctrl+p")
        await at.write("passphrase")
        await at.press("enter")
        await at.until(lambda: "there is no vault yet" in at.notice)
        assert at.app.screen is at.app.board


async def test_a_run_that_keeps_nothing_says_why_it_has_no_passphrase(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("main",)) as at:
        await at.ask("ctrl+p")
        await at.write("passphrase")
        assert "this is the demo, which keeps nothing" in at.text


async def test_a_key_that_came_from_another_process_into_the_locked_vault_is_noticed(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls", "main"), furnish=keys_in_vault("calls")) as at:
        await asked(at)
        await at.press("escape")
        other = chain_in(at.rig)
        assert other.vault is not None
        await other.vault.open(PASSPHRASE)
        settings = at.rig.accounts["main"]
        await other.keep("main", "7g", at.rig.forget_key("main"), settings.origins(), "vault")
        await at.rig.ledger.change_account("main", lambda row: replace(row, accepted_at=at.rig.clock.now()))
        await at.until(lambda: list(at.app.live.stores.locked) == ["calls", "main"])
