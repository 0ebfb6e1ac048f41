"""A vault that is locked for a reason, or takes no key: what the screen says of it, and what goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reportdash.errors import Problem
from reportdash.model import Health
from reportdash.tui.screens import login
from reportdash.tui.screens.login import Login
from tests.credentials.keyrings import PASSPHRASE
from tests.engine.rig import Rig
from tests.tui.desk import Desk, desk
from tests.tui.test_login_vault import not_now, typed
from tests.tui.test_unlock_screen import asked, give, health
from tests.tui.vaults import chain_in, keys_in_vault, vault_file

NEW = "nine tawny pipits"


def words(at: Desk) -> str:
    """What is on the screen, whatever lines it takes."""
    return " ".join(at.text.replace("│", " ").split())


def by_file(folder: Path, text: str | None) -> Callable[[Rig], Awaitable[None]]:
    """Furnish a desk: the key of `calls` is in a vault, and a file shall open it; None: it is not there."""
    fill = keys_in_vault("calls")

    async def furnish(rig: Rig) -> None:
        await fill(rig)
        file = folder / "passphrase"
        if text is not None:
            file.write_text(text)
        rig.environ["REPORTDASH_VAULT_PASSPHRASE_FILE"] = str(file)

    return furnish


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not this one\n", "passphrase) does not open the vault"),
        (None, "which cannot be read (No such file or directory): correct the name or the file."),
        ("\n", "which is empty: put the secret in it, alone."),
    ],
    ids=["wrong", "absent", "empty"],
)
@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_where_the_passphrase_of_a_file_is_no_good_the_right_one_can_be_typed(
    tmp_path: Path, size: tuple[int, int], text: str | None, said: str
) -> None:
    async with desk(tmp_path, size=size, accounts=("calls",), furnish=by_file(tmp_path, text)) as at:
        await asked(at)
        assert "REPORTDASH_VAULT_PASSPHRASE_FILE" in at.text
        assert said in words(at)
        assert "What is typed here counts for this session." in words(at)
        await at.press("escape")
        at.rig.engine.poll()
        await at.until(lambda: health(at) is Health.AUTH_FAILED)
        await at.shows("vault locked, l unlocks" if size[0] > 100 else "unlock: l")
        await at.press("l")
        await asked(at)
        await give(at, "not that one either")
        await at.shows("This passphrase does not open the vault.")
        await give(at, PASSPHRASE)
        await at.until(lambda: health(at) is Health.OK)
        assert not at.app.live.stores.locked


async def test_the_login_form_offers_the_vault_whose_file_is_no_good(tmp_path: Path) -> None:
    furnish = by_file(tmp_path, "not this one\n")
    async with desk(tmp_path, accounts=("calls",), furnish=furnish) as at:
        await asked(at)
        await at.press("escape")
        await at.ask("l")
        await at.press("tab", "tab", "enter")
        await at.until(lambda: isinstance(at.app.screen, Login))
        await at.shows("Try and keep")
        assert "▲ The vault is locked, for the passphrase in REPORTDASH_VAULT_PASSPHRASE_FILE" in words(at)
        assert "(•) Vault" in at.text
        keys = at.rig.sim.accounts()["calls"]["secrets"]
        await typed(at, keys["client_id"], keys["client_secret"])
        form = at.app.screen
        assert isinstance(form, Login)
        form.passphrase.edit.set(PASSPHRASE)
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice.endswith("the key is kept in the vault")


async def test_a_passphrase_that_another_session_changed_is_told_and_the_new_one_asked_for(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, accounts=("calls", "main"), furnish=keys_in_vault("calls")) as at:
        await asked(at)
        await give(at, PASSPHRASE)
        await at.until(lambda: at.notice == "the vault is unlocked: calls can sign in again")
        at.rig.engine.poll()
        await at.until(lambda: "calls" in at.rig.engine.polled_here())
        other = chain_in(at.rig).vault
        assert other is not None
        await other.change_passphrase(PASSPHRASE, NEW)
        at.rig.engine.accounts["calls"].client.drop_session()
        with pytest.raises(Problem, match="changed its passphrase"):
            await at.rig.engine.adopt("calls")
        await at.until(lambda: health(at) is Health.AUTH_FAILED)
        await at.shows("✗ calls Talkdesk · vault locked, l unlocks")
        await at.until(lambda: at.notice == "The vault is locked: l unlocks it")
        assert at.app.screen is at.app.board, "whoever is at work is told, not interrupted"
        row = at.app.board.view.records.accounts["calls"]
        assert "for another session changed its passphrase" in (row.message or "")
        await at.press("l")
        await asked(at)
        assert "▲ Another session changed its passphrase." in at.text
        await give(at, PASSPHRASE)
        await at.shows("This passphrase does not open the vault.")
        await give(at, NEW)
        await at.until(lambda: at.app.screen is at.app.board)
        await at.until(lambda: health(at) is Health.OK)


async def test_a_vault_that_can_only_be_read_is_read_on_and_a_login_says_that_it_takes_no_key(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, accounts=("calls", "main"), furnish=keys_in_vault("calls")) as at:
        await not_now(at)
        at.rig.engine.poll()
        await at.until(lambda: health(at) is Health.AUTH_FAILED)
        # Nobody can take its lock.
        lock = vault_file(at).with_name(f"{vault_file(at).name}.lock")
        lock.unlink()
        lock.mkdir()
        keys = at.rig.forget_key("main")
        before = len(at.rig.sim.calls("7g"))
        login.begin(at.app, "main")
        await at.shows("Try and keep")
        form = at.app.screen
        assert isinstance(form, Login)
        for name, field in form.fields.items():
            field.edit.set(keys[name])
        form.passphrase.edit.set(PASSPHRASE)
        await at.press("enter")
        await at.shows("cannot be written")
        assert len(at.rig.sim.calls("7g")) == before, "the vendor has not heard of it"
        assert "(•) Until I quit" in at.text
        # The account whose key is in it signs in all the same.
        await at.until(lambda: health(at) is Health.OK)
