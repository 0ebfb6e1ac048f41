"""Which vault the `keyring` backend opens where nobody hands it one."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.credentials.vault import FILE_NAME, Cost, Vault
from reportdash.credentials.vault_keyring import VaultKeyring


def test_the_tilde_before_the_data_folder_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    vault = Vault(tmp_path / "data" / FILE_NAME, cost=Cost(memory=64, iterations=1, lanes=1))
    vault.create("seven blue herons")
    vault.set("reportdash:7g", "main", "canary-9b21")
    (tmp_path / "passphrase").write_text("seven blue herons\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REPORTDASH_DATA_DIR", "~/data")
    monkeypatch.setenv("REPORTDASH_VAULT_PASSPHRASE_FILE", "~/passphrase")
    assert VaultKeyring().get_password("reportdash:7g", "main") == "canary-9b21"
