"""What is said and done where a file of ours, or a key in a store, was taken away by something else."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from reportdash.credentials import VaultTrouble, files
from reportdash.credentials.vault import FILE_NAME
from reportdash.errors import CredentialProblem
from tests.credentials.keyrings import PASSPHRASE, Kept
from tests.credentials.test_stores import CANARY, HERE, KEY, chain_at, value, with_vault

PINS = "credential-stores.json"


# the file of choices


async def test_a_file_of_choices_begun_anew_hides_no_key_of_a_locked_vault(tmp_path: Path) -> None:
    await (await with_vault(tmp_path)).aclose()
    (tmp_path / PINS).unlink()
    keyring = Kept()
    later = chain_at(tmp_path, keyring=keyring)
    await later.keep("other", "webadmit", {"api_key": "elsewhere"}, HERE, "keyring")

    for chain in (later, chain_at(tmp_path, keyring=keyring)):
        assert await chain.where("main", "webadmit", KEY) == "vault, locked"
        with pytest.raises(VaultTrouble, match=r"locked in this session .*: unlock it on the screen"):
            await value(chain)
        with pytest.raises(VaultTrouble, match="locked"):
            await chain.remove("main", "webadmit")
        assert await chain.locked_out({"main": KEY, "other": KEY}) == ["main"]
        assert await value(chain, "other") == "elsewhere"
        assert (await chain.pins(), await chain.chosen("*")) == ({"other": "keyring"}, None)

    assert later.vault is not None
    await later.vault.open(PASSPHRASE)
    assert await value(later) == CANARY
    assert await later.where("main", "webadmit", KEY) == "vault"


async def test_a_choice_for_all_that_is_in_the_vault_ends_the_doubt(tmp_path: Path) -> None:
    await (await with_vault(tmp_path)).aclose()
    (tmp_path / PINS).unlink()
    later = chain_at(tmp_path, keyring=Kept())
    await later.keep("other", "webadmit", {"api_key": "elsewhere"}, HERE, "keyring")
    assert later.vault is not None
    await later.vault.open(PASSPHRASE)
    await later.keep("main", "webadmit", {"api_key": "again"}, HERE, "vault")
    await later.aclose()
    locked = chain_at(tmp_path, keyring=Kept())
    assert await locked.where("new", "webadmit", KEY) == "none"
    assert await locked.locked_out({"main": KEY, "new": KEY}) == ["main"]


async def test_a_logout_that_begins_the_file_anew_hides_no_key_of_the_others(tmp_path: Path) -> None:
    await (await with_vault(tmp_path)).aclose()
    await asyncio.to_thread(files.pins(tmp_path).put, "other", "none")  # logged out once
    (tmp_path / PINS).unlink()
    damaged = tmp_path / "credentials-PLAIN-TEXT.json"
    damaged.write_text("{")
    chain = chain_at(tmp_path, keyring=Kept())
    assert chain.vault is not None
    await chain.vault.open(PASSPHRASE)
    with pytest.raises(CredentialProblem, match="PLAIN-TEXT"):
        await chain.remove("other", "webadmit")
    await chain.aclose()
    assert await chain_at(tmp_path, keyring=Kept()).where("main", "webadmit", KEY) == "vault, locked"


# a key that its store no longer has


@pytest.mark.parametrize("store", ["keyring", "vault", "plaintext"])
async def test_a_key_that_its_store_lost_is_said_to_be_gone(tmp_path: Path, store: str) -> None:
    keyring = Kept()
    chain = chain_at(tmp_path, keyring=keyring)
    assert chain.vault is not None
    await chain.vault.open(PASSPHRASE, create=True)
    before = shutil.copy(tmp_path / FILE_NAME, tmp_path / "copy")
    await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, store)
    keyring.values.clear()
    shutil.copy(before, tmp_path / FILE_NAME)
    (tmp_path / "credentials-PLAIN-TEXT.json").unlink(missing_ok=True)
    with pytest.raises(
        CredentialProblem, match=r"main: there is no credential for webadmit in the .*login main"
    ):
        await value(chain)
    assert await chain.where("main", "webadmit", KEY) == f"{store}, gone"
    assert await chain.remove("main", "webadmit") is False
    assert await chain.where("main", "webadmit", KEY) == "none"


async def test_a_keyring_that_is_switched_off_is_not_said_to_have_lost_a_key(tmp_path: Path) -> None:
    await chain_at(tmp_path, keyring=Kept()).keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring")
    with pytest.raises(CredentialProblem, match="switched off in this run"):
        await value(chain_at(tmp_path))


async def test_a_key_that_moves_while_it_is_looked_for_is_found_where_it_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Kept()
    chain = chain_at(tmp_path, keyring=keyring)
    other = chain_at(tmp_path, keyring=keyring)
    assert other.vault is not None
    assert chain.vault is not None
    await other.vault.open(PASSPHRASE, create=True)
    await chain.vault.open(PASSPHRASE)
    await other.keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring")
    read = keyring.find

    async def moved(*args: Any) -> str | None:
        monkeypatch.undo()
        await other.keep("main", "webadmit", {"api_key": "moved"}, HERE, "vault")
        return await read(*args)

    monkeypatch.setattr(keyring, "find", moved)
    assert await value(chain) == "moved"
    assert keyring.values == {}


async def test_a_choice_that_cannot_be_written_leaves_no_second_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Kept()
    chain = chain_at(tmp_path, keyring=keyring)
    await chain.keep("main", "webadmit", {"api_key": "old"}, HERE, "keyring")

    def full(*_: object) -> None:
        raise CredentialProblem("no room")

    monkeypatch.setattr(files.Pins, "put", full)
    with pytest.raises(CredentialProblem, match="no room"):
        await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "plaintext")
    assert await value(chain) == "old"
    assert CANARY not in (tmp_path / "credentials-PLAIN-TEXT.json").read_text()
    assert await chain.in_plain_text() == []
