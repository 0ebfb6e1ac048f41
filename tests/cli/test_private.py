"""Files with a secret that others may read or replace are named on stderr, once a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.cli import private
from reportdash.cli.private import exposed, of_accounts, of_vault
from reportdash.simulator import Simulator
from reportdash.vendors.webadmit import WebAdmitAccount
from tests.cli.asked import kept, keyless, lines, passphrase_file
from tests.cli.conftest import Shell

PASSPHRASE_FILE = "REPORTDASH_VAULT_PASSPHRASE_FILE"
KEY_FILE = "REPORTDASH_SECRET__MAIN__API_KEY__FILE"


def secret(folder: Path, mode: int = 0o600) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "reportdash.main.api_key"
    file.touch()
    file.chmod(mode)
    return file


async def test_a_passphrase_file_that_others_may_read_is_said_once_by_every_command_that_reads_it(
    shell: Shell, sim: Simulator
) -> None:
    await kept(shell, sim, "main")
    shell.env = passphrase_file(shell)
    file = shell.folder / "passphrase"
    for words in (("vault",), ("accounts",), ("watch", "--timeout", "1"), ("submit", "main", "X")):
        file.chmod(0o600)
        assert "may read" not in (await shell(*words)).err
        file.chmod(0o644)
        ran = await shell(*words)
        assert (
            ran.err.count(f"others may read {file}, which {PASSPHRASE_FILE} names; `chmod 600 {file}`") == 1
        )
    ran = await shell("doctor", "--json")
    assert "may read" not in ran.err
    (row,) = [row for row in ran.rows if "others may read" in row["text"]]
    assert (row["check"], row["level"], row["next"]) == ("vault", "problem", f"`chmod 600 {file}`")


async def test_a_secrets_file_that_others_may_read_is_said_and_used(shell: Shell, sim: Simulator) -> None:
    keyless(shell, sim)
    file = shell.folder / "key"
    file.write_text(lines(sim, "admissions").partition("=")[2])
    shell.env = {"REPORTDASH_SECRET__ADMISSIONS__API_KEY__FILE": str(file)}
    for mode, count in ((0o600, 0), (0o640, 1)):
        file.chmod(mode)
        ran = await shell("track", "admissions", "--all")
        assert (ran.code, ran.err.count("others may read")) == (0, count), ran.err


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o722])
def test_a_folder_that_others_may_write_lets_them_replace_what_is_in_it(tmp_path: Path, mode: int) -> None:
    file = secret(tmp_path / "open")
    (tmp_path / "open").chmod(mode)
    (found,) = of_vault({PASSPHRASE_FILE: str(file)})
    assert found.what == (
        f"others may write in {file.parent}, and so replace {file}, which {PASSPHRASE_FILE} names"
    )
    assert found.step == f"`chmod go-w {file.parent}`"
    (tmp_path / "open").chmod(0o1777)  # as /tmp: there nobody replaces what is another's
    assert of_vault({PASSPHRASE_FILE: str(file)}) == []
    (tmp_path / "open").chmod(0o755)
    assert of_vault({PASSPHRASE_FILE: str(file)}) == []


def test_what_systemd_made_is_exempt_and_what_only_looks_like_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = {"main": WebAdmitAccount(vendor="webadmit", user_identity=1)}
    file = secret(tmp_path / "run" / "credentials" / "unit", 0o644)
    environ = {"CREDENTIALS_DIRECTORY": str(file.parent)}
    (found,) = of_accounts(accounts, environ)
    assert found.what == f"others may read {file}, which CREDENTIALS_DIRECTORY names"
    monkeypatch.setattr(private, "_BY_SYSTEMD", tmp_path / "run")
    assert of_accounts(accounts, environ) == []
    assert of_accounts(accounts, {**environ, KEY_FILE: str(file)}) == []
    elsewhere = secret(tmp_path / "home", 0o644)
    assert len(of_accounts(accounts, {**environ, KEY_FILE: str(elsewhere)})) == 1


def test_what_is_not_there_is_left_to_who_reads_it(tmp_path: Path) -> None:
    assert exposed(tmp_path / "none", KEY_FILE, {}) is None
