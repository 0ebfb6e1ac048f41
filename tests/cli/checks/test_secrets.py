"""Keyring, bus, vault, plain text and environment as `doctor` finds them; each thing that can go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from reportdash.cli.checks import secrets
from reportdash.cli.checks.finding import Finding
from reportdash.credentials import Chain, KeyringProcess, KeyringTrouble, files
from reportdash.credentials.handed import PASSPHRASE_FILE
from reportdash.credentials.vault import FILE_NAME, Cost, Vault
from reportdash.errors import Exit
from tests.cli.checks.places import one, problems, settings

CHEAP = Cost(memory=64, iterations=1, lanes=1)
PASSPHRASE = "seven blue herons"
CANARY = "canary-7be1"
MAIN = '[accounts.main]\nvendor = "7g"\n'
BOTH = {"REPORTDASH_SECRET__MAIN__USERNAME": "me", "REPORTDASH_SECRET__MAIN__PASSWORD": CANARY}
A_BUS = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/x"}


class Keyring(KeyringProcess):
    """A keyring that is well, or has this trouble."""

    def __init__(self, trouble: KeyringTrouble | None = None) -> None:
        super().__init__({})
        self._trouble = trouble

    async def probe(self) -> str:
        if self._trouble is not None:
            raise self._trouble
        self.backend = "SecretService"
        return self.backend


def trouble(code: str) -> KeyringTrouble:
    return KeyringTrouble(code, "the keyring is of no use: mend it, or take another")


async def look(
    folder: Path,
    keyring: KeyringProcess | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    config: str = MAIN,
    pins: Mapping[str, str] | None = None,
) -> dict[str, list[Finding]]:
    """The findings about stores, by check."""
    folder.chmod(0o700)
    for account, store in (pins or {}).items():
        files.pins(folder).put(account, store)
    environ = environ or {}
    chain = Chain(
        environ=environ,
        folder=folder,
        keyring=keyring,
        vault=Vault(folder / FILE_NAME, cost=CHEAP),
        use_keyring=keyring is not None,
    )
    found: dict[str, list[Finding]] = {}
    try:
        made = settings(folder, config, environ).accounts
        for each in await secrets.stores(chain, folder, made, environ):
            found.setdefault(each.check, []).append(each)
    finally:
        await chain.aclose()
    assert CANARY not in repr(found) and PASSPHRASE not in repr(found)
    problems([each for several in found.values() for each in several])
    return found


def vault(folder: Path) -> Path:
    made = Vault(folder / FILE_NAME, cost=CHEAP)
    made.create(PASSPHRASE)
    return made.path


async def test_a_keyring_that_works_is_well_and_so_is_its_bus(tmp_path: Path) -> None:
    found = await look(tmp_path, Keyring(), environ=A_BUS)
    assert "SecretService" in one(found["keyring"]).text
    assert one(found["bus"]).text == "unix:path=/run/x: it answers"
    assert {each.level for several in found.values() for each in several} == {"ok"}


async def test_a_keyring_that_nobody_needs_is_only_noted(tmp_path: Path) -> None:
    found = await look(tmp_path, Keyring(trouble("no_bus")))
    keyring = one(found["keyring"])
    assert (keyring.level, keyring.next) == ("note", "mend it, or take another")
    assert one(found["bus"]).level == "note"


@pytest.mark.parametrize(
    ("environ", "config", "level"),
    [
        ({}, MAIN, "problem"),
        (BOTH, MAIN, "note"),
        ({}, MAIN + 'credential_command = ["pass", "x"]\n', "note"),
    ],
)
async def test_a_keyring_is_needed_by_accounts_whose_credential_is_in_it_and_nowhere_before_it(
    tmp_path: Path, environ: dict[str, str], config: str, level: str
) -> None:
    found = await look(
        tmp_path, Keyring(trouble("no_bus")), environ=environ, config=config, pins={"main": "keyring"}
    )
    assert one(found["keyring"]).level == one(found["bus"]).level == level
    if level == "problem":
        assert one(found["keyring"]).text.startswith("the credential of main is in the keyring")
        assert one(found["keyring"]).code is Exit.CREDENTIALS


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("no_bus", "nothing answers there"),
        ("no_service", "it answers, but no keyring runs on it"),
        ("locked", "which is locked"),
        ("never_unlocked", "which was never unlocked"),
        ("mute", "does not answer within 3 s"),
        ("refused", "not asked"),
    ],
)
async def test_the_bus_is_told_as_far_as_the_keyring_got(tmp_path: Path, code: str, words: str) -> None:
    assert words in one((await look(tmp_path, Keyring(trouble(code)), environ=A_BUS))["bus"]).text


async def test_a_bus_that_lies_there_but_is_not_named_is_told(tmp_path: Path) -> None:
    (tmp_path / "bus").touch()
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    found = one((await look(tmp_path, Keyring(trouble("no_bus")), environ=environ))["bus"])
    assert f"export DBUS_SESSION_BUS_ADDRESS=unix:path={tmp_path}/bus" in (found.next or "")


async def test_without_a_vault_it_is_said_how_to_make_one(tmp_path: Path) -> None:
    found = one((await look(tmp_path))["vault"])
    assert found.level == "ok" and "`reportdash login ACCOUNT --store vault` makes one" in found.text


async def test_a_locked_vault_is_noted_with_the_accounts_in_it(tmp_path: Path) -> None:
    vault(tmp_path)
    found = one((await look(tmp_path, pins={"main": "vault", "old": "vault"}))["vault"])
    assert found.level == "note" and "locked, 2 accounts in it: main, old" in found.text
    assert PASSPHRASE_FILE in (found.next or "")


async def test_a_vault_that_a_file_opens_is_open(tmp_path: Path) -> None:
    vault(tmp_path)
    (tmp_path / "pass").touch(0o600)
    (tmp_path / "pass").write_text(PASSPHRASE)
    environ = {PASSPHRASE_FILE: str(tmp_path / "pass")}
    found = one((await look(tmp_path, environ=environ, pins={"main": "vault"}))["vault"])
    assert found.level == "ok" and "open, 1 account in it: main" in found.text
    (tmp_path / "pass").chmod(0o644)
    first, second = (await look(tmp_path, environ=environ))["vault"]
    assert first.next == f"`chmod 600 {tmp_path / 'pass'}`" and second.ok


async def test_a_passphrase_file_that_is_wrong_or_missing_is_a_problem(tmp_path: Path) -> None:
    vault(tmp_path)
    (tmp_path / "pass").touch(0o600)
    (tmp_path / "pass").write_text("another passphrase")
    found = await look(tmp_path, environ={PASSPHRASE_FILE: str(tmp_path / "pass")})
    assert one(found["vault"]).code is Exit.CREDENTIALS
    found = await look(tmp_path, environ={PASSPHRASE_FILE: str(tmp_path / "nowhere")})
    assert "cannot be read" in problems(found["vault"])[0].text


async def test_a_damaged_vault_is_a_problem_and_left_alone(tmp_path: Path) -> None:
    path = vault(tmp_path)
    data = path.read_bytes()[:-1]
    path.write_bytes(data)
    found = one((await look(tmp_path))["vault"])
    assert found.code is Exit.CREDENTIALS and "is damaged" in found.text
    assert path.read_bytes() == data


async def test_a_vault_that_is_gone_with_credentials_in_it_is_a_problem(tmp_path: Path) -> None:
    found = one((await look(tmp_path, pins={"main": "vault"}))["vault"])
    assert found.code is Exit.CREDENTIALS and "is gone, and with it the credential of main" in found.text


async def test_a_vault_that_others_may_read_is_a_problem(tmp_path: Path) -> None:
    path = vault(tmp_path)
    path.chmod(0o644)
    (found,) = problems((await look(tmp_path))["vault"])
    assert found.next == f"`chmod 600 {path}`"


async def test_a_folder_in_the_vaults_place_is_one_problem_with_a_step_that_ends_it(tmp_path: Path) -> None:
    path = vault(tmp_path)
    path.unlink()
    path.mkdir(mode=0o755)
    (found,) = problems((await look(tmp_path))["vault"])
    assert found.next == "rename it and log in again, which makes a new one"


def test_a_folder_in_a_secret_files_place_is_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.mkdir(mode=0o755)
    environ = {
        "REPORTDASH_SECRET__MAIN__USERNAME": "me",
        "REPORTDASH_SECRET__MAIN__PASSWORD__FILE": str(path),
    }
    (found,) = problems(secrets.environment(settings(tmp_path, MAIN, environ), environ))
    assert "correct the name or the file" in (found.next or "")


async def test_plain_text_is_noted_for_ever_with_its_accounts(tmp_path: Path) -> None:
    assert one((await look(tmp_path))["plain text"]).level == "ok"
    files.plain(tmp_path).put("main", CANARY)
    files.plain(tmp_path).put("gone", CANARY)
    found = one((await look(tmp_path))["plain text"])
    assert found.level == "note" and "the credential of gone, main is in" in found.text
    assert "--store vault" in (found.next or "")
    files.plain(tmp_path).path.chmod(0o604)
    (wrong,) = problems((await look(tmp_path))["plain text"])
    assert "others may read" in wrong.text


@pytest.mark.parametrize("name", [files.PINS, files.PLAIN])
async def test_a_file_of_ours_that_is_damaged_is_a_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{")
    found = await look(tmp_path)
    (wrong,) = problems([each for several in found.values() for each in several])
    assert str(tmp_path / name) in wrong.text and wrong.code is Exit.CREDENTIALS


# the environment


def test_variables_that_are_read_are_well(tmp_path: Path) -> None:
    environ = {**BOTH, "REPORTDASH_KEEP_DAYS": "3", "REPORTDASH_DATA_DIR": "/x", "PATH": "/bin"}
    found = one(secrets.environment(settings(tmp_path, MAIN, environ), environ))
    assert (found.level, found.text) == ("ok", "4 variables for reportdash, with no unknown name")
    found = one(secrets.environment(settings(tmp_path, MAIN), {}))
    assert (found.level, found.text) == ("ok", "no variable of reportdash's is set")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("REPORTDASH_KEEPDAYS", "REPORTDASH_KEEP_DAYS"),
        ("REPORTDASH_SECRET__MIAN__PASSWORD", "REPORTDASH_SECRET__MAIN__PASSWORD"),
        ("REPORTDASH_SECRET__MAIN__API_KEY", None),
        ("REPORTDASH_SOMETHING_ELSE_ALTOGETHER", None),
    ],
)
def test_a_variable_that_nothing_reads_is_noted_with_the_nearest(
    tmp_path: Path, name: str, near: str | None
) -> None:
    environ = {name: CANARY}
    found = one(secrets.environment(settings(tmp_path, MAIN, environ), environ))
    assert found.level == "note" and found.text.startswith(f"{name} is set, but nothing reads it")
    assert (near is None) == ("did you mean" not in found.text) and (near or "") in found.text
    assert CANARY not in found.text


@pytest.mark.parametrize(
    "name", ["REPORTDASH_SECRET__MAIN__PASSWORD", "REPORTDASH_SECRET__MAIN__PASSWORD__FILE"]
)
def test_an_empty_variable_is_noted_as_not_set(tmp_path: Path, name: str) -> None:
    environ = {name: ""}
    found = one(secrets.environment(settings(tmp_path, MAIN, environ), environ))
    assert found.level == "note" and found.text.startswith(f"{name} is empty, which counts as not set")


def test_half_a_credential_is_a_problem(tmp_path: Path) -> None:
    environ = {"REPORTDASH_SECRET__MAIN__USERNAME": "me"}
    (found,) = problems(secrets.environment(settings(tmp_path, MAIN, environ), environ))
    assert found.code is Exit.CREDENTIALS and "not REPORTDASH_SECRET__MAIN__PASSWORD" in found.text


def test_a_secret_file_that_others_may_read_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(CANARY)
    path.chmod(0o640)
    environ = {
        "REPORTDASH_SECRET__MAIN__USERNAME": "me",
        "REPORTDASH_SECRET__MAIN__PASSWORD__FILE": str(path),
    }
    (found,) = problems(secrets.environment(settings(tmp_path, MAIN, environ), environ))
    assert found.next == f"`chmod 600 {path}`"
    path.chmod(0o600)
    assert one(secrets.environment(settings(tmp_path, MAIN, environ), environ)).ok
