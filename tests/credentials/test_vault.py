"""The vault's file: what it holds, who can open it, what becomes of it when it is damaged or two write it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given, settings
from hypothesis import strategies as st

from reportdash import durable
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


# damage

_sound: list[bytes] = []


def sound(folder: Path) -> bytes:
    """A vault's bytes; the same for all examples."""
    if not _sound:
        made(folder / "sound.vault", main=CANARY)
        _sound.append((folder / "sound.vault").read_bytes())
    return _sound[0]


def refused(folder: Path, data: bytes) -> VaultTrouble:
    """What is said of a file with these bytes; it stays as it is, whatever is tried."""
    path = folder / "bent.vault"
    path.write_bytes(data)
    vault = Vault(path, cost=CHEAP)
    caught: list[VaultTrouble] = []
    for doing in (
        lambda: vault.unlock(PASSPHRASE),
        lambda: vault.set("s", "main", "new"),
        lambda: vault.remove("s", "main"),
        lambda: vault.create(PASSPHRASE),
        lambda: vault.change_passphrase(PASSPHRASE, "another passphrase"),
    ):
        with pytest.raises(VaultTrouble) as info:
            doing()
        caught.append(info.value)
    assert path.read_bytes() == data
    return caught[0]


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(min_value=0, max_value=10_000))
def test_a_file_cut_anywhere_is_damaged_and_kept(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = sound(folder)
    trouble = refused(folder, whole[: cut % len(whole)])
    assert trouble.code == "damaged"
    assert "was left as it is" in trouble.text


@settings(max_examples=300, deadline=None)
@given(bit=st.integers(min_value=0, max_value=100_000))
def test_a_flipped_bit_anywhere_is_damage_and_no_wrong_passphrase(
    tmp_path_factory: pytest.TempPathFactory, bit: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    data = bytearray(sound(folder))
    bit %= len(data) * 8
    data[bit // 8] ^= 1 << bit % 8
    assert refused(folder, bytes(data)).code == "damaged"


@settings(max_examples=200, deadline=None)
@given(place=st.integers(min_value=24, max_value=100_000), by=st.integers(min_value=1, max_value=255))
def test_whoever_changes_a_byte_and_mends_the_checksum_is_found_out(
    tmp_path_factory: pytest.TempPathFactory, place: int, by: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    data = bytearray(sound(folder)[:-32])
    data[24 + (place - 24) % (len(data) - 24)] ^= by
    bent = bytes(data) + hashlib.sha256(data).digest()
    path = folder / "forged.vault"
    path.write_bytes(bent)
    assert code_of(Vault(path).unlock, PASSPHRASE) == "wrong"


@pytest.mark.parametrize(
    ("offset", "value"), [(12, 1 << 30), (16, 10_000), (20, 0), (20, 4096), (10, 1 << 16), (8, 0x01020000)]
)
def test_costs_nobody_would_choose_are_not_paid(tmp_path: Path, offset: int, value: int) -> None:
    data = bytearray(sound(tmp_path)[:-32])
    data[offset : offset + 4] = value.to_bytes(4, "big")
    assert refused(tmp_path, bytes(data) + hashlib.sha256(data).digest()).code == "damaged"


def test_a_lower_cost_written_in_by_somebody_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "v"
    Vault(path, cost=Cost(memory=128, iterations=2, lanes=1)).create(PASSPHRASE)
    data = bytearray(path.read_bytes()[:-32])
    data[16:20] = (1).to_bytes(4, "big")
    path.write_bytes(bytes(data) + hashlib.sha256(data).digest())
    assert code_of(Vault(path).unlock, PASSPHRASE) == "wrong"


def test_a_vault_of_a_newer_reportdash_is_left_alone(tmp_path: Path) -> None:
    data = bytearray(sound(tmp_path)[:-32])
    data[8] = 2
    assert refused(tmp_path, bytes(data) + hashlib.sha256(data).digest()).code == "newer"


@pytest.mark.parametrize("size", [0, 7, 8, 9, 60, 99, 100])
def test_no_short_file_is_more_than_damaged(tmp_path: Path, size: int) -> None:
    assert refused(tmp_path, sound(tmp_path)[:size]).code == "damaged"


def test_a_pipe_in_its_place_keeps_nobody_waiting(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    assert code_of(Vault(path).state) == "failed"


# several at once

_WRITER = """
import sys
from pathlib import Path
from reportdash.credentials.vault import Vault
path, passphrase, name, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
vault = Vault(path, patience=60)
vault.unlock(passphrase)
print("ready", flush=True)
sys.stdin.readline()
for n in range(count):
    vault.set("s", f"{name}-{n}", str(n))
"""


def test_two_processes_that_write_at_once_lose_nothing(path: Path) -> None:
    made(path)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), PASSPHRASE, name, "20"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:  # both are let go before either is waited for
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    wanted = {f"{name}-{n}": str(n) for name in "ab" for n in range(20)}
    assert entries_by_the_book(path.read_bytes(), PASSPHRASE)["s"] == wanted


def test_threads_of_one_process_lose_nothing_either(path: Path) -> None:
    vault = made(path)
    threads = [
        threading.Thread(target=vault.set, args=("s", f"{n}", "x"), name=f"writer {n}") for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entries_by_the_book(path.read_bytes(), PASSPHRASE)["s"]) == 16


def test_a_lock_that_is_not_given_back_is_waited_for_only_so_long(path: Path) -> None:
    made(path)
    vault = Vault(path, patience=0)
    vault.unlock(PASSPHRASE)
    with durable.locked(path, 0):
        assert code_of(vault.set, "s", "main", "x") == "busy"
    vault.set("s", "main", "x")


@pytest.mark.parametrize("step", ["write", "fsync", "rename", "fsync of the folder"])
def test_a_crash_at_any_step_leaves_the_old_file_or_the_new_one(
    path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = made(path, main="old")

    class PowerCut(BaseException):
        pass

    def cut(*args: object, **kwargs: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr("tempfile.mkstemp", cut)
        elif step == "fsync":
            patch.setattr("os.fsync", cut)
        elif step == "rename":
            patch.setattr(Path, "replace", cut)
        else:
            patch.setattr(durable, "sync_folder", cut)
        with pytest.raises(PowerCut):
            vault.set("s", "main", "new")
    assert opened(path).get("s", "main") == ("new" if step == "fsync of the folder" else "old")
    vault.set("s", "main", "newer")
    assert opened(path).get("s", "main") == "newer"


def test_bytes_are_durable_before_the_name_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault, calls = made(path), []
    fsync, rename = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_rename(source: Path, target: Path) -> Path:
        calls.append("rename")
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_rename)
    vault.set("s", "main", "x")
    assert calls == ["file", "rename", "folder"]


def test_a_full_disk_leaves_the_vault_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = made(path, main="old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(VaultTrouble, match=r"cannot be written \(No space left on device\)"):
            vault.set("s", "main", "new")
    assert opened(path).get("s", "main") == "old"
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


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
