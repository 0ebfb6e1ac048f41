"""Logging in where there is a vault: which store is offered, and the passphrase that comes with it."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from reportdash.credentials import Chain
from reportdash.credentials.vault import Vault
from reportdash.errors import AuthFailed
from reportdash.model import Health
from reportdash.tui.screens.accounts import Roster
from reportdash.tui.screens.login import Login
from reportdash.tui.screens.unlock import Unlock
from tests.credentials.keyrings import PASSPHRASE, Kept
from tests.engine.rig import Rig
from tests.tui.desk import Desk, desk
from tests.tui.test_login_screen import CANARY, form_of, health, shut
from tests.tui.test_submit_screen import paste
from tests.tui.vaults import chain_in, keys_in_vault, vault_file

CALLS = [("client_id", "client_secret")]


async def typed(at: Desk, *values: str) -> None:
    """One field after the other; the focus stands in the last."""
    for place, text in enumerate(values):
        if place:
            await at.press("tab")
        await paste(at, text)


async def to_first_passphrase(at: Desk) -> None:
    """From the last field of the key over the two choices."""
    await at.press("tab", "tab", "tab")


async def vault_of(at: Desk) -> Chain:
    """What the next session finds, the passphrase given."""
    chain = chain_in(at.rig)
    assert chain.vault is not None
    await chain.vault.open(PASSPHRASE)
    return chain


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_a_first_key_makes_the_vault_and_is_there_for_the_next_session(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with desk(tmp_path, size=size, accounts=("calls",), furnish=keys_in_vault()) as at:
        keys = (await shut(at, "calls"))["calls"]
        form = await form_of(at)
        assert "(•) Vault" in at.text
        assert "a passphrase of your choice" in at.text
        assert "It will live in the vault, encrypted:" in at.text
        assert "▲ No keyring can be reached" in at.text
        await typed(at, keys["client_id"], keys["client_secret"])
        await to_first_passphrase(at)
        assert form.focused_item is form.new.first
        await typed(at, PASSPHRASE, PASSPHRASE)
        assert form.focused_item is form.new.again
        for words in ("New passphrase", "Once more", "•" * len(PASSPHRASE), "Try and keep"):
            assert words in at.text
        assert PASSPHRASE not in at.text
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice == "calls: accepted by Talkdesk, the key is kept in the vault"
        await at.until(lambda: health(at, "calls") is Health.OK)
        assert form.new.first.edit.text == form.new.again.edit.text == ""
        later = await vault_of(at)
        found = await later.find("calls", "talkdesk", CALLS, at.rig.accounts["calls"].origins())
        assert found is not None and dict(found.fields) == keys


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_the_fields_of_a_passphrase_come_and_go_with_the_choice(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with desk(tmp_path, size=size, accounts=("calls",), furnish=keys_in_vault()) as at:
        await shut(at, "calls")
        form = await form_of(at)
        assert "New passphrase" in at.text
        await at.press("tab", "tab", "down", "space")
        assert "(•) Until I quit" in at.text
        assert "New passphrase" not in at.text
        assert "It will live in memory until you quit" in at.text
        await at.press("up", "space")
        assert "(•) Vault" in at.text
        assert "Once more" in at.text
        assert form.new.first in form._items()


async def test_a_new_passphrase_that_is_weak_or_differs_is_said_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault()) as at:
        await shut(at, "calls")
        form = await form_of(at)
        before = len(at.rig.sim.calls("talkdesk"))
        await typed(at, "somebody", CANARY)
        await at.press("enter")
        assert "New passphrase is empty." in at.text
        assert form.focused_item is form.new.first
        await paste(at, "seven")
        await at.press("enter")
        assert "too short: at least 8 characters" in at.text
        await paste(at, " blue herons")
        await at.press("tab")
        await paste(at, "seven blue heroes")
        await at.press("enter")
        assert "The two passphrases differ." in at.text
        assert form.focused_item is form.new.again
        assert len(at.rig.sim.calls("talkdesk")) == before
        assert not vault_file(at).exists()


async def test_the_vault_is_opened_before_the_vendor_is_asked_and_only_once(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls", "billing"), furnish=keys_in_vault("billing")) as at:
        await not_now(at)
        keys = (await shut(at, "calls"))["calls"]
        at.rig.engine.poll()
        await at.until(lambda: health(at, "billing") is Health.AUTH_FAILED)
        before = len(at.rig.sim.calls("talkdesk"))
        form = await form_of_calls(at)
        assert "Vault passphrase" in at.text
        await typed(at, keys["client_id"], CANARY)
        await at.press("enter")
        assert "Vault passphrase is empty." in at.text
        assert form.focused_item is form.passphrase
        await paste(at, "not this one")
        await at.press("enter")
        await at.shows("This passphrase does not open the vault.")
        assert form.focused_item is form.passphrase
        assert form.passphrase.edit.text == ""
        assert len(at.rig.sim.calls("talkdesk")) == before
        await paste(at, PASSPHRASE)
        await at.press("enter")
        await at.shows("Talkdesk refused the key:")
        assert "Vault passphrase" not in at.text
        # Whoever else waited for the vault has its key by now.
        await at.until(lambda: health(at, "billing") is Health.OK)
        form.fields["client_secret"].edit.set(keys["client_secret"])
        await at.press("enter")
        await at.until(lambda: isinstance(at.app.screen, Roster))
        assert await (await vault_of(at)).where("calls", "talkdesk", CALLS) == "vault"


async def form_of_calls(at: Desk) -> Login:
    """The form of `calls`, where another account is in trouble as well."""
    await at.press("a")
    await at.until(lambda: isinstance(at.app.screen, Roster))
    await at.pilot.pause()
    await at.press("l")
    await at.until(lambda: isinstance(at.app.screen, Login))
    await at.shows("Try and keep")
    form = at.app.screen
    assert isinstance(form, Login)
    return form


async def not_now(at: Desk) -> None:
    """The passphrase is not given at the start."""
    await at.until(lambda: isinstance(at.app.screen, Unlock))
    await at.pilot.pause()
    await at.press("escape")
    await at.until(lambda: at.app.screen is at.app.board)


async def test_an_open_vault_asks_for_no_passphrase(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault()) as at:
        keys = (await shut(at, "calls"))["calls"]
        vault = at.rig.engine.chain.vault
        assert vault is not None
        await vault.open(PASSPHRASE, create=True)
        await form_of(at)
        assert "(•) Vault" in at.text
        assert "assphrase  " not in at.text.replace("a passphrase once a session", "")
        await typed(at, keys["client_id"], keys["client_secret"])
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice.endswith("the key is kept in the vault")


async def test_a_vault_that_another_process_made_meanwhile_is_asked_for_its_passphrase(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault()) as at:
        keys = (await shut(at, "calls"))["calls"]
        form = await form_of(at)
        other = chain_in(at.rig).vault
        assert other is not None
        await other.open(PASSPHRASE, create=True)
        await typed(at, keys["client_id"], keys["client_secret"])
        await to_first_passphrase(at)
        await typed(at, "some other words", "some other words")
        await at.press("enter")
        await at.shows("There is a vault already")
        assert form.focused_item is form.passphrase
        await paste(at, PASSPHRASE)
        await at.press("enter")
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice.endswith("the key is kept in the vault")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "is damaged and was left as it is"),
        (lambda data: newer(data), "is of a newer reportdash"),
    ],
    ids=["damaged", "newer"],
)
@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_a_vault_that_cannot_be_used_is_said_and_not_offered(
    tmp_path: Path, size: tuple[int, int], spoil: Callable[[bytes], bytes], said: str
) -> None:
    async with desk(tmp_path, size=size, accounts=("calls", "main"), furnish=keys_in_vault("main")) as at:
        await not_now(at)
        path = vault_file(at)
        path.write_bytes(spoil(path.read_bytes()))
        await shut(at, "calls")
        await form_of(at)
        assert said in " ".join(at.text.replace("│", " ").split())
        assert "( ) Vault" not in at.text
        assert "(•) Until I quit" in at.text


def newer(data: bytes) -> bytes:
    """The same file as a later version would write it."""
    body = data[:8] + b"\x02" + data[9:-32]
    return body + hashlib.sha256(body).digest()


@pytest.mark.parametrize(
    ("chosen", "offered"),
    [(None, "(•) Keyring         SecretService: stays"), ("vault", "(•) Vault"), ("keyring", "(•) Keyring")],
)
async def test_the_store_is_the_one_of_the_last_login_else_the_strongest_that_works(
    tmp_path: Path, chosen: str | None, offered: str
) -> None:
    async def furnish(rig: Rig) -> None:
        rig.make_chain = lambda: chain_in(rig, keyring=Kept())

    async with desk(tmp_path, accounts=("calls",), furnish=furnish) as at:
        keys = (await shut(at, "calls"))["calls"]
        chain = at.rig.engine.chain
        assert chain.vault is not None
        await chain.vault.open(PASSPHRASE, create=True)
        if chosen is not None:
            await chain.keep("calls", "talkdesk", keys, at.rig.accounts["calls"].origins(), chosen)
        await form_of(at)
        assert offered in at.text
        for name in ("Keyring", "Vault", "Until I quit"):
            assert f") {name}" in at.text


async def test_a_passphrase_is_masked_in_what_others_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault()) as at:
        await shut(at, "calls")
        form = await form_of(at)

        async def refused(*args: object) -> None:
            raise AuthFailed(f"who is {PASSPHRASE}")

        monkeypatch.setattr(at.rig.engine, "try_credential", refused)
        await typed(at, "nobody", CANARY)
        await to_first_passphrase(at)
        await typed(at, PASSPHRASE, PASSPHRASE)
        await at.press("enter")
        await at.shows("refused the key: who is •••.")
        assert PASSPHRASE not in at.app.export_screenshot()
        await at.press("escape")
        await at.until(lambda: at.app.screen is at.app.board)
        assert form.new.text == form.new.again.edit.text == ""


async def test_escape_does_not_give_up_a_vault_that_is_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault()) as at:
        keys = (await shut(at, "calls"))["calls"]
        form = await form_of(at)
        began, go, create = threading.Event(), threading.Event(), Vault.create

        def slow(self: Vault, passphrase: str) -> None:
            began.set()
            assert go.wait(60)
            create(self, passphrase)

        monkeypatch.setattr(Vault, "create", slow)
        await typed(at, keys["client_id"], keys["client_secret"])
        await to_first_passphrase(at)
        await typed(at, PASSPHRASE, PASSPHRASE)
        try:
            await at.press("enter")
            await at.shows("making the vault…")
            await at.until(began.is_set)
            await at.press("escape", "ctrl+c")
            assert form.is_current and form.busy
            assert "esc" not in dict(form.keys()) and "nothing was kept" not in at.text
        finally:
            go.set()
        await at.until(lambda: at.app.screen is at.app.board)
        assert at.notice.endswith("the key is kept in the vault")
        later = await vault_of(at)
        assert await later.where("calls", "talkdesk", CALLS) == "vault"


async def test_a_try_that_is_stopped_tells_of_the_vault_that_was_made_for_it(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault()) as at:
        keys = (await shut(at, "calls"))["calls"]
        await form_of(at)
        hang = asyncio.Event()

        async def mute(*_: object) -> None:
            await hang.wait()

        at.rig.sim.inject("talkdesk", mute, path="*token*")
        await typed(at, keys["client_id"], keys["client_secret"])
        await to_first_passphrase(at)
        await typed(at, PASSPHRASE, PASSPHRASE)
        await at.press("enter")
        await at.shows("trying…")
        await at.press("escape")
        hang.set()
        assert "Stopped: the key was not kept, the vault is made and has your passphrase." in at.text
        await vault_of(at)


@pytest.mark.parametrize("closed", [False, True])
async def test_a_vault_that_opens_after_the_try_was_stopped_is_open_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    async with desk(tmp_path, accounts=("calls", "billing"), furnish=keys_in_vault("billing")) as at:
        await not_now(at)
        keys = (await shut(at, "calls"))["calls"]
        at.rig.engine.poll()
        await at.until(lambda: health(at, "billing") is Health.AUTH_FAILED)
        form = await form_of_calls(at)
        began, go, unlock = threading.Event(), threading.Event(), Vault.unlock

        def slow(self: Vault, passphrase: str) -> None:
            began.set()
            assert go.wait(60)
            unlock(self, passphrase)

        monkeypatch.setattr(Vault, "unlock", slow)
        await typed(at, keys["client_id"], keys["client_secret"])
        await to_first_passphrase(at)
        await paste(at, PASSPHRASE)
        before = len(at.rig.sim.calls("talkdesk"))
        try:
            await at.press("enter")
            await at.until(began.is_set)
            await at.press("escape")
            await at.shows("Stopped: nothing was kept.")
            if closed:
                await at.press("escape")
                await at.until(lambda: not form.is_attached)
        finally:
            go.set()
        await at.until(lambda: not at.app.live.stores.locked, time=False)
        await at.until(lambda: health(at, "billing") is Health.OK, time=False)
        assert len(at.rig.sim.calls("talkdesk")) == before
        if not closed:
            assert "Vault passphrase" not in at.text


async def test_a_wrong_passphrase_whose_try_was_stopped_is_not_told_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, accounts=("calls", "billing"), furnish=keys_in_vault("billing")) as at:
        await not_now(at)
        await shut(at, "calls")
        form = await form_of_calls(at)
        began, go, ended, unlock = threading.Event(), threading.Event(), threading.Event(), Vault.unlock

        def slow(self: Vault, passphrase: str) -> None:
            began.set()
            assert go.wait(60)
            try:
                unlock(self, passphrase)
            finally:
                ended.set()

        monkeypatch.setattr(Vault, "unlock", slow)
        await typed(at, "somebody", CANARY)
        await to_first_passphrase(at)
        await paste(at, "not this one")
        try:
            await at.press("enter")
            await at.until(began.is_set)
            await at.press("escape")
            await at.shows("Stopped: nothing was kept.")
        finally:
            go.set()
        await at.until(ended.is_set)
        await at.until(lambda: not at.app.operator._tasks, time=False)
        assert "Stopped: nothing was kept." in at.text
        assert form.passphrase.edit.text == "not this one"


@pytest.mark.parametrize("memory", [False, True], ids=["cancelled", "kept elsewhere"])
async def test_a_vault_made_for_a_key_that_is_not_kept_in_it_goes_with_the_dialog(
    tmp_path: Path, memory: bool
) -> None:
    async with desk(tmp_path, accounts=("calls",), furnish=keys_in_vault()) as at:
        keys = (await shut(at, "calls"))["calls"]
        form = await form_of(at)
        await typed(at, keys["client_id"], "wrong")
        await to_first_passphrase(at)
        await typed(at, PASSPHRASE, PASSPHRASE)
        await at.press("enter")
        await at.shows("refused the key")
        vault = at.rig.engine.chain.vault
        assert vault is not None and vault.path.exists()
        if memory:
            form.fields["client_secret"].edit.set(keys["client_secret"])
            form._store[:] = ["memory"]
            await at.press("enter")
            said = "calls: accepted by Talkdesk, the key is kept in memory until you quit"
        else:
            await at.press("escape")
            said = "the vault was not made, because there is nothing to keep in it"
        await at.until(lambda: at.notice == said)
        assert not vault.path.exists()


async def test_enter_on_the_store_that_is_chosen_tries_the_key(tmp_path: Path) -> None:
    async with desk(tmp_path, accounts=("main",)) as at:
        form = await form_of(at)
        form.focused_item = next(choice for choice in form._choices if choice.chosen)
        await at.press("enter")
        await at.until(lambda: "is empty" in at.text)
