"""The vault's file: what it holds, who can open it, and the bytes it is made of."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from reportdash.credentials.vault import Cost, Vault, VaultState, VaultTrouble

CHEAP = Cost(memory=64, iterations=1, lanes=1)
PASSPHRASE = "seven blue herons"
CANARY = "canary-51f0c2"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "credentials.vault"


def made(path: Path, **values: str) -> Vault:
    """An open vault with these values of service `s`."""
    vault = Vault(path, cost=CHEAP)
    vault.create(PASSPHRASE)
    for user, value in values.items():
        vault.set("s", user, value)
    return vault


def opened(path: Path, passphrase: str = PASSPHRASE) -> Vault:
    vault = Vault(path, cost=CHEAP)
    vault.unlock(passphrase)
    return vault


def code_of(doing: object, *args: object) -> str:
    assert callable(doing)
    with pytest.raises(VaultTrouble) as caught:
        doing(*args)
    return caught.value.code


# what it keeps


def test_what_was_kept_is_found_again_by_whoever_has_the_passphrase(path: Path) -> None:
    assert Vault(path).state() is VaultState.ABSENT
    vault = made(path, main=CANARY, other="ü")
    assert vault.state() is VaultState.OPEN
    later = Vault(path)
    assert later.state() is VaultState.LOCKED
    assert code_of(later.get, "s", "main") == "locked"
    assert code_of(later.set, "s", "main", "x") == "locked"
    later.unlock(PASSPHRASE)
    assert (later.get("s", "main"), later.get("s", "other"), later.get("t", "main")) == (CANARY, "ü", None)
    assert later.remove("s", "main") is True
    assert later.remove("s", "main") is False
    assert (vault.get("s", "main"), vault.get("s", "other")) == (None, "ü")
    later.forget_key()
    assert later.state() is VaultState.LOCKED


def test_the_file_is_private_and_shows_nothing(path: Path) -> None:
    old = os.umask(0)
    try:
        made(path, main=CANARY)
    finally:
        os.umask(old)
    for file in (path, path.with_name("credentials.vault.lock")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    data = path.read_bytes()
    assert CANARY.encode() not in data
    assert b"main" not in data
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


def test_each_write_has_a_nonce_of_its_own_and_each_passphrase_a_salt(path: Path) -> None:
    vault = made(path)
    seen = {path.read_bytes()[40:52]}
    for n in range(20):
        vault.set("s", "main", str(n))
        seen.add(path.read_bytes()[40:52])
    assert len(seen) == 21
    salt = path.read_bytes()[24:40]
    vault.change_passphrase(PASSPHRASE, "another one entirely")
    assert path.read_bytes()[24:40] != salt


def test_the_probe_leaves_nothing_behind(path: Path) -> None:
    vault = made(path, main="x")
    vault.probe()
    assert entries_by_the_book(path.read_bytes(), PASSPHRASE) == {"s": {"main": "x"}}


def test_probes_that_were_killed_leave_one_entry_which_the_next_one_removes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = made(path, main="x")
    with monkeypatch.context() as patch:
        patch.setattr(vault, "remove", lambda service, user: False)
        for _ in range(3):
            vault.probe()
    assert len(entries_by_the_book(path.read_bytes(), PASSPHRASE)["reportdash:probe"]) == 1
    vault.probe()
    assert entries_by_the_book(path.read_bytes(), PASSPHRASE) == {"s": {"main": "x"}}


# the passphrase


def test_a_wrong_passphrase_says_so_and_changes_nothing(path: Path) -> None:
    made(path, main=CANARY)
    before = path.read_bytes()
    vault = Vault(path)
    with pytest.raises(VaultTrouble, match="this passphrase does not open the vault") as caught:
        vault.unlock("seven blue heron")
    assert caught.value.code == "wrong"
    assert "heron" not in str(caught.value)
    assert vault.state() is VaultState.LOCKED
    assert path.read_bytes() == before


def test_a_passphrase_that_was_wrong_is_not_worked_on_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reportdash.credentials import vault as module

    made(path)
    vault, asked = Vault(path), 0
    real = module._derive

    def counted(passphrase: str, salt: bytes, cost: Cost) -> bytes:
        nonlocal asked
        asked += 1
        return real(passphrase, salt, cost)

    monkeypatch.setattr(module, "_derive", counted)
    for _ in range(3):
        assert code_of(vault.unlock, "wrong one") == "wrong"
    assert asked == 1
    vault.unlock(PASSPHRASE)
    assert vault.state() is VaultState.OPEN


def test_a_short_passphrase_makes_no_vault(path: Path) -> None:
    assert code_of(Vault(path).create, "short12") == "weak"
    assert not path.exists()


def test_a_passphrase_typed_with_combining_marks_is_the_same(path: Path) -> None:
    vault = Vault(path, cost=CHEAP)
    vault.create("Gr\u00fc\u00dfe an alle")
    Vault(path).unlock("Gru\u0308\u00dfe an alle")


def test_a_changed_passphrase_locks_out_whoever_has_the_old_one(path: Path) -> None:
    vault = made(path, main=CANARY)
    elsewhere = opened(path)
    assert code_of(vault.change_passphrase, "not this one", "a good new one") == "wrong"
    assert code_of(vault.change_passphrase, PASSPHRASE, "short") == "weak"
    assert elsewhere.get("s", "main") == CANARY
    vault.change_passphrase(PASSPHRASE, "a good new one")
    assert vault.get("s", "main") == CANARY
    assert elsewhere.state() is VaultState.LOCKED
    assert code_of(elsewhere.set, "s", "main", "lost?") == "locked"
    assert code_of(Vault(path).unlock, PASSPHRASE) == "wrong"
    elsewhere.unlock("a good new one")
    assert elsewhere.get("s", "main") == CANARY


def test_a_second_vault_is_not_made_over_the_first(path: Path) -> None:
    made(path, main=CANARY)
    assert code_of(Vault(path).create, "some other words") == "exists"
    assert opened(path).get("s", "main") == CANARY


# the format, read as docs/vault.md has it, with nothing of the program


def entries_by_the_book(data: bytes, passphrase: str) -> dict[str, dict[str, str]]:
    header, body, checksum = data[:52], data[52:-32], data[-32:]
    assert header[:12] == b"RDVAULT\0\x01\x01\0\0"
    assert hashlib.sha256(data[:-32]).digest() == checksum
    memory, iterations, lanes = (int.from_bytes(header[at : at + 4], "big") for at in (12, 16, 20))
    key = Argon2id(
        salt=header[24:40], length=32, iterations=iterations, lanes=lanes, memory_cost=memory
    ).derive(passphrase.encode())
    entries = json.loads(AESGCM(key).decrypt(header[40:52], body, header))["entries"]
    assert isinstance(entries, dict)
    return entries


KNOWN = b64decode(
    "UkRWQVVMVAABAQAAAAABAAAAAAIAAAACF7iDRTE1Y/1rQSb20mLCJrFElM/ghIhOocsMj3wVcwiKfbjpyOneyVy+gSkFHDk/"
    "CIcEbVG7Q5oFVVmRaXmO48VO40XXCPR+0zzbxm63s4Xhyn4MU4+zzqPrLtaEaPudEZaWDpZgflWq0IJ1NqtHk5ZNahuhZiOj"
    "cvyrCI4K1F5HwYBw3/A8Eo93uEDV86UW5yRF19JeyGvVHUQtYsaj9S3o/iik4S+b6iV39uOTebU21lpd5xvoXRnp"
)


def test_a_file_that_was_written_long_ago_is_read_as_it_was_meant(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(KNOWN)
    wanted = {"reportdash:sigma": {"billing": "a known answer"}, "reportdash:7g": {"main": "grüße"}}
    assert entries_by_the_book(KNOWN, "correct horse battery") == wanted
    vault = opened(path, "correct horse battery")
    assert vault.get("reportdash:sigma", "billing") == "a known answer"
    assert vault.get("reportdash:7g", "main") == "grüße"


def test_a_new_vault_costs_what_the_documentation_says(path: Path) -> None:
    Vault(path).create(PASSPHRASE)
    data = path.read_bytes()
    assert [int.from_bytes(data[at : at + 4], "big") for at in (12, 16, 20)] == [65536, 3, 4]
    assert entries_by_the_book(data, PASSPHRASE) == {}
