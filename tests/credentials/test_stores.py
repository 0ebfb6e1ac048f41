"""Which store a credential is in: the operator's choice, kept for every process and never weakened."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reportdash import durable
from reportdash.credentials import Chain, KeyringProcess, KeyringTrouble, VaultState, VaultTrouble, unlocking
from reportdash.credentials.vault import FILE_NAME, Vault
from reportdash.credentials.vault_keyring import VaultKeyring
from reportdash.errors import CredentialProblem
from tests.credentials.conftest import Environ
from tests.credentials.keyrings import CHEAP, PASSPHRASE, Absent, Kept

KEY = (("api_key",),)
HERE = ["https://api.example:443"]
CANARY = "canary-e4a7"
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


def chain_at(folder: Path, environ: Environ | None = None, *, keyring: KeyringProcess | None = None) -> Chain:
    """A chain in this folder; without a keyring of its own there is none."""
    return Chain(
        environ=environ or {},
        folder=folder,
        keyring=keyring,
        vault=Vault(folder / FILE_NAME, cost=CHEAP),
        use_keyring=keyring is not None,
    )


async def with_vault(folder: Path, environ: Environ | None = None) -> Chain:
    """A chain whose vault is open and has the key of `main`."""
    chain = chain_at(folder, environ)
    assert chain.vault is not None
    await chain.vault.open(PASSPHRASE, create=True)
    assert await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "vault") == "vault"
    return chain


async def value(chain: Chain, account: str = "main") -> str | None:
    found = await chain.find(account, "webadmit", KEY, HERE)
    return None if found is None else found.fields["api_key"]


async def test_a_key_in_the_vault_is_there_for_the_next_session_once_it_is_unlocked(tmp_path: Path) -> None:
    await (await with_vault(tmp_path)).aclose()
    later = chain_at(tmp_path)
    assert later.vault is not None
    assert await later.where("main", "webadmit", KEY) == "vault, locked"
    assert await later.locked_out({"main": KEY, "other": KEY}) == ["main"]
    with pytest.raises(
        VaultTrouble, match=r"unlock it on the screen \(l\).*REPORTDASH_VAULT_PASSPHRASE_FILE"
    ):
        await later.find("main", "webadmit", KEY, HERE)
    with pytest.raises(VaultTrouble, match="does not open"):
        await later.vault.open("seven blue heron")
    await later.vault.open(PASSPHRASE)
    assert await value(later) == CANARY
    assert await later.where("main", "webadmit", KEY) == "vault"
    assert await later.locked_out({"main": KEY}) == []
    await later.aclose()
    assert await later.vault.state() is VaultState.LOCKED


async def test_a_passphrase_file_opens_it_with_nobody_there(tmp_path: Path) -> None:
    await with_vault(tmp_path)
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    environ = {"REPORTDASH_VAULT_PASSPHRASE_FILE": str(file)}
    assert await value(chain_at(tmp_path, environ)) == CANARY
    assert await chain_at(tmp_path, environ).where("main", "webadmit", KEY) == "vault"
    file.write_text("something else\n")
    with pytest.raises(VaultTrouble, match="does not open the vault"):
        await value(chain_at(tmp_path, environ))
    assert await chain_at(tmp_path, environ).where("main", "webadmit", KEY) == "vault, wrong passphrase"
    file.unlink()
    with pytest.raises(CredentialProblem, match="REPORTDASH_VAULT_PASSPHRASE_FILE names"):
        await value(chain_at(tmp_path, environ))


@pytest.mark.parametrize("by_file", [False, True], ids=["", "by a file that is no good"])
async def test_accounts_without_a_key_in_it_do_not_mind_a_locked_vault(tmp_path: Path, by_file: bool) -> None:
    await with_vault(tmp_path)
    later = chain_at(
        tmp_path, {"REPORTDASH_VAULT_PASSPHRASE_FILE": str(tmp_path / "none")} if by_file else {}
    )
    assert await value(later, "other") is None
    assert await later.where("other", "webadmit", KEY) == "none"
    assert await later.locked_out({"main": KEY, "other": KEY}) == ["main"]


async def test_the_chosen_store_holds_though_a_stronger_or_weaker_one_has_something(tmp_path: Path) -> None:
    keyring = Kept()
    chain = chain_at(tmp_path, keyring=keyring)
    await chain.keep("main", "webadmit", {"api_key": "in the keyring"}, HERE, "keyring")
    assert chain.vault is not None
    await chain.vault.open(PASSPHRASE, create=True)
    chain.vault._vault.set("reportdash:webadmit", "main", "left over")
    assert await value(chain) == "in the keyring"
    await chain.keep("main", "webadmit", {"api_key": "in the vault"}, HERE, "vault")
    assert keyring.values == {}, "the older choice is removed"
    keyring.values["reportdash:webadmit", "main"] = "left over"
    assert await value(chain) == "in the vault"
    assert json.loads((tmp_path / "credential-stores.json").read_text())["entries"] == {"main": "vault"}


async def test_a_key_in_the_keyring_is_not_looked_for_elsewhere_when_the_keyring_fails(
    tmp_path: Path,
) -> None:
    chain = chain_at(tmp_path, keyring=Kept())
    await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring")
    later = chain_at(tmp_path, keyring=Absent({}))
    with pytest.raises(KeyringTrouble, match="no keyring can be reached"):
        await later.find("main", "webadmit", KEY, HERE)
    assert await later.where("main", "webadmit", KEY) == "unknown: keyring failed"
    with pytest.raises(KeyringTrouble):
        await later.keep("main", "webadmit", {"api_key": "newer"}, HERE, "keyring")
    assert not (tmp_path / FILE_NAME).exists()
    assert not (tmp_path / "credentials-PLAIN-TEXT.json").exists()
    assert await value(later, "other") is None, "who never chose has no keyring to miss"


async def test_for_this_run_alone_goes_before_a_store_that_is_locked(tmp_path: Path) -> None:
    await with_vault(tmp_path)
    later = chain_at(tmp_path)
    assert await later.keep("main", "webadmit", {"api_key": "for now"}, HERE, "memory") == "memory"
    assert (await value(later), await later.where("main", "webadmit", KEY)) == ("for now", "memory")
    assert await later.locked_out({"main": KEY}) == []
    next_one = chain_at(tmp_path)
    assert next_one.vault is not None
    await next_one.vault.open(PASSPHRASE)
    assert await value(next_one) == CANARY, "what was chosen stays chosen"


async def test_a_vault_that_is_gone_is_said_and_no_other_store_is_asked(tmp_path: Path) -> None:
    await with_vault(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    with pytest.raises(VaultTrouble, match=r"is gone: put a copy of it back, or log in again.*is lost"):
        await value(chain_at(tmp_path))


async def test_a_vault_in_a_dead_file_system_holds_up_nobody_who_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = await with_vault(tmp_path)
    hangs, back, read = threading.Event(), threading.Event(), durable.read_regular

    def dead(path: Path, limit: int) -> bytes:
        hangs.set()
        back.wait()
        return read(path, limit)

    monkeypatch.setattr(durable, "read_regular", dead)
    monkeypatch.setattr(unlocking, "ENDING", 0.05)
    assert chain.vault is not None
    look = asyncio.create_task(chain.vault.state())
    await asyncio.to_thread(hangs.wait)
    watchdog = threading.Timer(20, back.set)  # the loop itself must not wait
    watchdog.start()
    try:
        await chain.aclose()
        assert not back.is_set()
    finally:
        back.set()
        watchdog.cancel()
    await look


async def test_a_damaged_vault_is_kept_and_said(tmp_path: Path) -> None:
    await with_vault(tmp_path)
    bent = (tmp_path / FILE_NAME).read_bytes()[:-1]
    (tmp_path / FILE_NAME).write_bytes(bent)
    chain = chain_at(tmp_path)
    with pytest.raises(VaultTrouble, match="damaged and was left as it is"):
        await value(chain)
    assert await chain.where("main", "webadmit", KEY) == "vault, damaged"
    choices = {choice.name: choice for choice in await chain.stores()}
    assert not choices["vault"].usable
    assert "damaged" in choices["vault"].sentence
    assert (tmp_path / FILE_NAME).read_bytes() == bent


async def test_the_choices_say_what_the_vault_needs_first(tmp_path: Path) -> None:
    fresh = chain_at(tmp_path)
    assert [(c.name, c.usable, c.passphrase) for c in await fresh.stores()] == [
        ("vault", True, "new"),
        ("memory", True, ""),
    ]
    assert not (tmp_path / FILE_NAME).exists(), "looking makes nothing"
    chain = await with_vault(tmp_path)
    assert [(c.name, c.passphrase) for c in await chain.stores()] == [("vault", ""), ("memory", "")]
    locked = chain_at(tmp_path)
    assert [(c.name, c.passphrase) for c in await locked.stores()] == [("vault", "known"), ("memory", "")]


async def test_logging_out_removes_it_from_every_store(tmp_path: Path) -> None:
    chain = await with_vault(tmp_path)
    assert await chain.remove("main", "webadmit") is True
    assert await chain.remove("main", "webadmit") is False
    assert await chain.where("main", "webadmit", KEY) == "none"
    await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "plaintext")
    assert await chain.remove("main", "webadmit") is True
    assert CANARY not in (tmp_path / "credentials-PLAIN-TEXT.json").read_text()


async def test_logging_out_of_a_locked_vault_says_so_and_keeps_the_choice(tmp_path: Path) -> None:
    await with_vault(tmp_path)
    later = chain_at(tmp_path)
    with pytest.raises(VaultTrouble, match="locked"):
        await later.remove("main", "webadmit")
    assert await later.where("main", "webadmit", KEY) == "vault, locked"


async def test_plain_text_is_private_badged_and_goes_with_the_next_better_choice(tmp_path: Path) -> None:
    chain = chain_at(tmp_path, keyring=Kept())
    old = os.umask(0)
    try:
        where = await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "plaintext")
    finally:
        os.umask(old)
    path = tmp_path / "credentials-PLAIN-TEXT.json"
    assert where == f"PLAIN TEXT, {path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    later = chain_at(tmp_path)
    assert await value(later) == CANARY
    assert await later.where("main", "webadmit", KEY) == where
    assert "plaintext" not in [choice.name for choice in await later.stores()], "never offered"
    await chain.keep("main", "webadmit", {"api_key": CANARY}, HERE, "keyring")
    assert CANARY not in path.read_text()


async def test_a_credential_in_the_vault_is_not_handed_out_for_another_origin(tmp_path: Path) -> None:
    chain = await with_vault(tmp_path)
    with pytest.raises(CredentialProblem, match="nothing was sent; log in again"):
        await chain.find("main", "webadmit", KEY, ["https://evil.example:443"])


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"v": 0, "entries": {"main": "vault"}}',
        '{"entries": 1}',
        '{"entries": {"main": 1}}',
        "\xff",
    ],
)
async def test_a_file_of_choices_that_cannot_be_read_is_said_and_nothing_is_guessed(
    tmp_path: Path, text: str
) -> None:
    await with_vault(tmp_path)
    (tmp_path / "credential-stores.json").write_text(text, encoding="latin-1")
    chain = chain_at(tmp_path)
    with pytest.raises(CredentialProblem, match=r"credential-stores.json.*cannot be read \(damaged\)"):
        await value(chain)
    assert await chain.where("main", "webadmit", KEY) == "unknown: a file cannot be read"


# the vault as a backend of keyring


def test_the_vault_is_a_keyring_backend_that_is_never_found_by_itself() -> None:
    code = (
        "import keyring, keyring.backend, reportdash.credentials.vault_keyring as ours\n"
        "assert ours.VaultKeyring not in keyring.backend.get_all_keyring()\n"
        "assert not any(isinstance(k, ours.VaultKeyring) for k in keyring.backend.get_all_keyring())\n"
        "print(type(keyring.get_keyring()).__module__)"
    )
    out = subprocess.check_output(
        [sys.executable, "-c", code], env={"PATH": "", "HOME": "/nowhere"}, text=True
    )
    assert out.strip() != "reportdash.credentials.vault_keyring"


async def test_other_programs_open_it_by_name(tmp_path: Path) -> None:
    await with_vault(tmp_path)
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE)
    environ = {
        "PATH": "",
        "HOME": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "reportdash.credentials.vault_keyring.VaultKeyring",
        "REPORTDASH_DATA_DIR": str(tmp_path),
        "REPORTDASH_VAULT_PASSPHRASE_FILE": str(file),
    }
    command = [sys.executable, "-m", "keyring", "get", "reportdash:webadmit", "main"]
    out = subprocess.check_output(command, env=environ, text=True)
    assert json.loads(out)["fields"] == {"api_key": CANARY}
    del environ["REPORTDASH_VAULT_PASSPHRASE_FILE"]
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode != 0
    assert CANARY not in done.stdout + done.stderr


def test_the_backend_keeps_and_removes(tmp_path: Path) -> None:
    from keyring.errors import KeyringLocked, PasswordDeleteError

    vault = Vault(tmp_path / FILE_NAME, cost=CHEAP)
    vault.create(PASSPHRASE)
    backend = VaultKeyring(vault)
    backend.set_password("s", "u", CANARY)
    assert backend.get_password("s", "u") == CANARY
    backend.delete_password("s", "u")
    with pytest.raises(PasswordDeleteError):
        backend.delete_password("s", "u")
    (tmp_path / FILE_NAME).write_bytes(b"")
    with pytest.raises(KeyringLocked, match="damaged"):
        backend.get_password("s", "u")
