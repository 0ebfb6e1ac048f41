"""What becomes of a vault that is damaged, forged, of another version, or no file at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reportdash.credentials.vault import Cost, Vault, VaultTrouble
from tests.credentials.test_vault import CANARY, CHEAP, PASSPHRASE, code_of, made

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
    ("offset", "value"), [(12, 1 << 30), (12, 262_145), (16, 10_000), (20, 0), (20, 4096), (8, 0x01020000)]
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


def test_a_pipe_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert code_of(Vault(tmp_path / "pipe").state) == "failed"


@pytest.mark.parametrize(
    ("memory", "iterations", "sane"),
    [
        (262_144, 4, True),
        (262_145, 1, False),
        (262_144, 5, False),
        (65_536, 16, True),
        (65_537, 16, False),
        (64, 17, False),
        (31, 1, False),
        (32, 1, True),
    ],
)
def test_a_key_costs_no_more_than_the_documentation_says(memory: int, iterations: int, sane: bool) -> None:
    assert Cost(memory, iterations, lanes=4).sane is sane


def test_a_vault_that_was_there_is_gone_and_one_that_was_not_is_not_made_yet(tmp_path: Path) -> None:
    path = tmp_path / "credentials.vault"
    vault = Vault(path, cost=CHEAP)
    with pytest.raises(VaultTrouble, match="there is no vault yet"):
        vault.set("s", "main", CANARY)
    made(path, main=CANARY)
    vault.unlock(PASSPHRASE)
    path.unlink()
    tries: tuple[Callable[[], None], ...] = (
        lambda: vault.set("s", "main", "new"),
        lambda: vault.unlock(PASSPHRASE),
        lambda: vault.change_passphrase(PASSPHRASE, "another passphrase"),
    )
    for doing in tries:
        with pytest.raises(VaultTrouble, match=r"is gone: put a copy of it back") as info:
            doing()
        assert info.value.code == "absent"
    vault.create(PASSPHRASE)
    assert vault.discard()
    with pytest.raises(VaultTrouble, match="there is no vault yet"):
        vault.unlock(PASSPHRASE)
