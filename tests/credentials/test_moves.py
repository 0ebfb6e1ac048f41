"""A credential that moves between stores or goes, where another session or a locked store is in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reportdash.credentials import KeyringTrouble, VaultTrouble, files
from reportdash.credentials.values import Secrets, Stored
from reportdash.errors import CredentialProblem
from tests.credentials.keyrings import PASSPHRASE, Absent, Kept
from tests.credentials.test_stores import CANARY, HERE, KEY, chain_at, value, with_vault

# several sessions


async def test_of_two_sessions_that_choose_at_once_the_last_one_keeps_its_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await with_vault(tmp_path), chain_at(tmp_path)
    assert second.vault is not None
    await second.vault.open(PASSPHRASE)
    monkeypatch.setattr(files, "TURN", 0)
    between = first._tidy

    async def tidy(*args: Any) -> bool:
        with pytest.raises(CredentialProblem, match="another session"):
            await second.keep("main", "webadmit", {"api_key": "plain"}, HERE, "plaintext")
        return await between(*args)

    monkeypatch.setattr(first, "_tidy", tidy)
    await first.keep("main", "webadmit", {"api_key": "in the vault"}, HERE, "vault")
    assert await value(second) == "in the vault"
    await second.keep("main", "webadmit", {"api_key": "plain"}, HERE, "plaintext")
    assert await value(first) == "plain"


async def test_a_newer_choice_removes_what_the_older_store_had(tmp_path: Path) -> None:
    chain = await with_vault(tmp_path)
    assert chain.vault is not None
    await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "plaintext")
    assert await chain.vault.find("reportdash:webadmit", "main", wanted=False) is None


# what a logout cannot reach


async def test_a_logout_without_the_chosen_keyring_says_so_and_keeps_the_choice(tmp_path: Path) -> None:
    keyring = Kept()
    await chain_at(tmp_path, keyring=keyring).keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring")
    with pytest.raises(KeyringTrouble, match="no keyring can be reached"):
        await chain_at(tmp_path, keyring=Absent({})).remove("main", "webadmit")
    assert (await chain_at(tmp_path, keyring=keyring).pins()) == {"main": "keyring"}


async def test_a_logout_of_an_account_that_never_chose_needs_no_keyring(tmp_path: Path) -> None:
    assert await chain_at(tmp_path, keyring=Absent({})).remove("main", "webadmit") is False


async def test_a_key_left_in_a_keyring_that_was_locked_is_not_used_after_the_logout(tmp_path: Path) -> None:
    keyring = Kept()
    keyring.values["reportdash:webadmit", "main"] = Stored((HERE[0],), Secrets({"api_key": "old"})).encode()
    await (await with_vault(tmp_path)).aclose()
    over_ssh = chain_at(tmp_path, keyring=Absent({}))
    assert over_ssh.vault is not None
    await over_ssh.vault.open(PASSPHRASE)
    assert await over_ssh.remove("main", "webadmit") is True
    later = chain_at(tmp_path, keyring=keyring)
    assert await value(later) is None
    assert await later.where("main", "webadmit", KEY) == "none"
    assert (await later.pins(), await later.chosen("main")) == ({}, None)
    await later.keep("main", "webadmit", {"api_key": "new"}, HERE, "keyring")
    assert await value(later) == "new"


async def test_a_logout_removes_the_choice_and_what_lies_in_a_keyring(tmp_path: Path) -> None:
    keyring = Kept()
    chain = chain_at(tmp_path, keyring=keyring)
    await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring")
    assert await chain.remove("main", "webadmit") is True
    assert keyring.values == {}
    assert json.loads((tmp_path / "credential-stores.json").read_text())["entries"] == {}


async def test_a_locked_vault_whose_file_of_choices_is_gone_may_have_any_key(tmp_path: Path) -> None:
    await with_vault(tmp_path)
    (tmp_path / "credential-stores.json").unlink()
    later = chain_at(tmp_path, {"REPORTDASH_SECRET__OTHER__API_KEY": "outside"})
    assert await later.where("main", "webadmit", KEY) == "vault, locked"
    with pytest.raises(VaultTrouble, match="locked"):
        await later.find("main", "webadmit", KEY, HERE)
    assert await later.locked_out({"main": KEY, "other": KEY}) == ["main"]
    with pytest.raises(VaultTrouble, match="locked"):
        await later.remove("main", "webadmit")
    assert later.vault is not None
    await later.vault.open(PASSPHRASE)
    assert await value(later) == CANARY


async def test_a_damaged_file_of_plain_text_stops_no_logout_and_keeps_its_badge(tmp_path: Path) -> None:
    chain = await with_vault(tmp_path)
    await chain.keep("plain", "webadmit", {"api_key": CANARY}, HERE, "plaintext")
    path = tmp_path / "credentials-PLAIN-TEXT.json"
    path.write_text("{")
    assert await chain.in_plain_text() == ["plain"]
    with pytest.raises(CredentialProblem, match=r"PLAIN-TEXT.json.*cannot be read \(damaged\)"):
        await chain.remove("main", "webadmit")
    assert await value(chain) is None
    assert chain.vault is not None
    assert await chain.vault.find("reportdash:webadmit", "main", wanted=False) is None
    where = await chain.keep("plain", "webadmit", {"api_key": "new"}, HERE, "vault")
    assert where == "vault; an older copy in plain text could not be removed"


async def test_a_key_from_outside_is_not_locked_out(tmp_path: Path) -> None:
    await with_vault(tmp_path)
    file = tmp_path / "key"
    file.write_text("outside")
    environ = {"REPORTDASH_SECRET__MAIN__API_KEY__FILE": str(file)}
    assert await chain_at(tmp_path, environ).locked_out({"main": KEY}) == []
    assert await chain_at(tmp_path).locked_out({"main": KEY}) == ["main"]


# files of another version, and a write that goes wrong


@pytest.mark.parametrize(
    "text", ['{"v": 2, "entries": {"main": "vault"}}', '{"v": 1, "entries": {"main": "cloud"}}']
)
async def test_a_choice_of_a_newer_reportdash_is_said_and_no_store_is_asked(
    tmp_path: Path, text: str
) -> None:
    keyring = Kept()
    keyring.values["reportdash:webadmit", "main"] = Stored((HERE[0],), Secrets({"api_key": "old"})).encode()
    (tmp_path / "credential-stores.json").write_text(text)
    with pytest.raises(CredentialProblem, match="upgrade"):
        await value(chain_at(tmp_path, keyring=keyring))


async def test_nothing_is_stored_where_the_choice_cannot_be_read(tmp_path: Path) -> None:
    keyring = Kept()
    chain = chain_at(tmp_path, keyring=keyring)
    await chain.keep("main", "webadmit", {"api_key": "for now"}, HERE, "memory")
    (tmp_path / "credential-stores.json").write_text("{")
    with pytest.raises(CredentialProblem, match="damaged"):
        await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring")
    assert keyring.values == {}
    assert await value(chain) == "for now"


async def test_a_choice_that_cannot_be_written_leaves_the_copy_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = chain_at(tmp_path, keyring=Kept())
    await chain.keep("main", "webadmit", {"api_key": "for now"}, HERE, "memory")

    def full(name: str, store: str) -> None:
        raise CredentialProblem("no space left")

    assert chain._pins is not None
    monkeypatch.setattr(chain._pins, "put", full)
    with pytest.raises(CredentialProblem, match="no space left"):
        await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring")
    assert await value(chain) == "for now"


async def test_plain_text_that_was_not_written_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = chain_at(tmp_path)
    assert chain._lasting.plain is not None
    monkeypatch.setattr(chain._lasting.plain, "put", lambda name, text: None)
    with pytest.raises(CredentialProblem, match="does not have what was written"):
        await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "plaintext")
    assert await chain.pins() == {}


def test_a_table_too_large_to_be_read_back_is_not_written(tmp_path: Path) -> None:
    table = files.plain(tmp_path)
    table.put("main", "x")
    before = table.path.read_bytes()
    with pytest.raises(CredentialProblem, match="would be larger"):
        table.put("other", "x" * (4 << 20))
    assert table.path.read_bytes() == before


def test_what_a_killed_write_left_of_a_key_is_removed_by_the_next_logout(tmp_path: Path) -> None:
    table = files.plain(tmp_path)
    table.put("main", "x")
    left = tmp_path / f".{table.path.name}-ab12cd_9"
    left.write_text(CANARY)
    assert table.drop("other") is False
    assert not left.exists()
