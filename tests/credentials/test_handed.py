"""Secrets from outside: variables, files named by variables, systemd's credentials."""

from __future__ import annotations

import os
import re
import tracemalloc
from pathlib import Path

import pytest

from reportdash.credentials import Chain, handed
from reportdash.errors import CredentialProblem

BASIC = (("client_id", "client_token"),)
KEY = (("api_key",),)
HERE = ["https://api.example:443"]
CANARY = "canary-9b21"


def secret(path: Path, text: str = CANARY + "\n") -> str:
    path.write_text(text)
    return str(path)


async def test_a_file_named_by_a_variable_holds_the_secret_without_its_lines_end(tmp_path: Path) -> None:
    environ = {"REPORTDASH_SECRET__MAIN__API_KEY__FILE": secret(tmp_path / "key", f" {CANARY} \r\n")}
    chain = Chain(environ=environ, use_keyring=False)
    found = await chain.find("main", "webadmit", KEY, HERE)
    assert found is not None
    assert (found.fields["api_key"], found.source) == (f" {CANARY} ", "environment, a file")
    assert await chain.where("main", "webadmit", KEY) == "environment, a file"
    assert f" {CANARY} " in chain.live_values()


async def test_systemd_hands_in_a_credential_by_account_and_field(tmp_path: Path) -> None:
    secret(tmp_path / "reportdash.north-campus.client_id", "north")
    secret(tmp_path / "reportdash.north-campus.client_token")
    chain = Chain(environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}, use_keyring=False)
    found = await chain.find("north-campus", "sigma", BASIC, HERE)
    assert found is not None
    assert dict(found.fields) == {"client_id": "north", "client_token": CANARY}
    assert found.source == "systemd credential"
    assert await chain.find("main", "sigma", BASIC, HERE) is None
    assert await chain.where("main", "sigma", BASIC) == "none"


async def test_variable_goes_before_systemd_and_both_may_share_a_set(tmp_path: Path) -> None:
    secret(tmp_path / "reportdash.a.client_id", "from systemd")
    secret(tmp_path / "reportdash.a.client_token")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "REPORTDASH_SECRET__A__CLIENT_ID": "from outside"}
    found = handed.find(environ, "a", BASIC)
    assert found is not None
    assert dict(found.values) == {"client_id": "from outside", "client_token": CANARY}
    assert found.source == "environment"


def test_a_secret_and_a_file_for_it_at_once_is_a_slip(tmp_path: Path) -> None:
    name = "REPORTDASH_SECRET__A__API_KEY"
    environ = {name: CANARY, f"{name}__FILE": secret(tmp_path / "key")}
    with pytest.raises(CredentialProblem, match=f"{name} and {name}__FILE are both set: leave one") as caught:
        handed.find(environ, "a", KEY)
    assert CANARY not in caught.value.text


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "empty", "binary", "endless", "nul"])
def test_a_file_that_is_no_secret_is_named_and_not_repeated(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "key"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "empty":
        path.write_text("\n")
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe" + CANARY.encode())
    elif kind == "endless":
        path.write_text(CANARY * 100_000)
    named = str(path) + ("\0" if kind == "nul" else "")
    with pytest.raises(CredentialProblem, match=r"__FILE names .*, which .*: ") as caught:
        handed.find({"REPORTDASH_SECRET__A__API_KEY__FILE": named}, "a", KEY)
    assert CANARY not in caught.value.text


async def test_half_a_set_from_files_names_the_other_half(tmp_path: Path) -> None:
    environ = {"REPORTDASH_SECRET__A__CLIENT_ID__FILE": secret(tmp_path / "id")}
    said = "REPORTDASH_SECRET__A__CLIENT_ID__FILE but not REPORTDASH_SECRET__A__CLIENT_TOKEN: set it too"
    with pytest.raises(CredentialProblem, match=re.escape(said)):
        handed.find(environ, "a", BASIC)
    chain = Chain(environ=environ, use_keyring=False)
    assert await chain.where("a", "sigma", BASIC) == "environment, incomplete"


def test_the_vaults_passphrase_comes_from_a_file_or_from_systemd(tmp_path: Path) -> None:
    assert handed.vault_passphrase({}) is None
    assert handed.vault_passphrase({"CREDENTIALS_DIRECTORY": str(tmp_path)}) is None
    secret(tmp_path / "reportdash.vault-passphrase", "of systemd\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert handed.vault_passphrase(environ) == "of systemd"
    environ["REPORTDASH_VAULT_PASSPHRASE_FILE"] = secret(tmp_path / "other", "of a file")
    assert handed.vault_passphrase(environ) == "of a file"
    environ["REPORTDASH_VAULT_PASSPHRASE_FILE"] = str(tmp_path / "none")
    with pytest.raises(CredentialProblem, match=r"REPORTDASH_VAULT_PASSPHRASE_FILE names .*No such file"):
        handed.vault_passphrase(environ)


@pytest.mark.parametrize("fields", [KEY, BASIC])
async def test_a_secret_in_another_encoding_is_said_without_it(fields: tuple[tuple[str, ...], ...]) -> None:
    latin = os.fsdecode(CANARY.encode() + b"\xe4")
    environ = {f"REPORTDASH_SECRET__A__{field.upper()}": latin for field in fields[0]}
    with pytest.raises(CredentialProblem, match="is not UTF-8 text: set it again") as caught:
        handed.find(environ, "a", fields)
    assert CANARY not in caught.value.text
    chain = Chain(environ=environ, use_keyring=False)
    assert await chain.where("a", "sigma", fields) == "environment, incomplete"


@pytest.mark.parametrize("name", ["/nowhere", "/dev/null/x"])
async def test_a_credentials_folder_that_is_gone_hands_nothing_in(name: str) -> None:
    chain = Chain(environ={"CREDENTIALS_DIRECTORY": name}, use_keyring=False)
    assert await chain.find("a", "webadmit", KEY, HERE) is None
    assert await chain.where("a", "webadmit", KEY) == "none"


@pytest.mark.parametrize("trouble", ["too long", "shut"])
async def test_a_credentials_folder_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path) + "x" * 5000 if trouble == "too long" else str(tmp_path)
    if trouble == "shut":  # as root nothing is shut, so it is played

        def refused(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "stat", refused)
        monkeypatch.setattr(os, "open", refused)
    environ = {"CREDENTIALS_DIRECTORY": folder}
    with pytest.raises(
        CredentialProblem, match=r"systemd credential reportdash\.a\.api_key .*cannot be read"
    ):
        handed.find(environ, "a", KEY)
    with pytest.raises(CredentialProblem, match="cannot be read"):
        handed.vault_passphrase(environ)
    assert await Chain(environ=environ, use_keyring=False).where("a", "webadmit", KEY) == (
        "environment, incomplete"
    )


def test_the_tilde_before_the_passphrase_file_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    secret(tmp_path / "passphrase", "of a file\n")
    assert handed.vault_passphrase({handed.PASSPHRASE_FILE: "~/passphrase"}) == "of a file"
    with pytest.raises(CredentialProblem, match="no such home"):
        handed.vault_passphrase({handed.PASSPHRASE_FILE: "~nobody-by-this-name/passphrase"})


@pytest.mark.parametrize("name", ["reportdash.NORTH_CAMPUS.API_KEY", "reportdash.North-campus.api-key"])
async def test_a_systemd_credential_is_known_in_any_case_as_a_variable_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(f"{CANARY}\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    found = handed.find(environ, "north-campus", KEY)
    assert found is not None
    assert (found.values["api_key"], found.source) == (CANARY, "systemd credential")
    assert handed.find(environ, "north", KEY) is None
    (tmp_path / "reportdash.north-campus.api_key").write_text("exact")
    found = handed.find(environ, "north-campus", KEY)
    assert found is not None
    assert found.values["api_key"] == "exact"


def test_two_systemd_credentials_that_differ_in_case_alone_are_a_slip(tmp_path: Path) -> None:
    for name in ("reportdash.A.API_KEY", "reportdash.A.api_key"):
        (tmp_path / name).write_text(CANARY)
    with pytest.raises(CredentialProblem, match="leave one of them away") as caught:
        handed.find({"CREDENTIALS_DIRECTORY": str(tmp_path)}, "a", KEY)
    assert CANARY not in caught.value.text


async def test_an_empty_variable_hands_nothing_in(tmp_path: Path) -> None:
    name = "REPORTDASH_SECRET__A__API_KEY"
    environ = {name: "", f"{name}__FILE": "", "CREDENTIALS_DIRECTORY": ""}
    assert handed.find(environ, "a", KEY) is None
    (tmp_path / "key").write_text(CANARY)
    found = handed.find({**environ, f"{name}__FILE": str(tmp_path / "key")}, "a", KEY)
    assert found is not None
    assert found.values["api_key"] == CANARY
    with pytest.raises(CredentialProblem, match=r"has .*USERNAME but not .*PASSWORD: set it too"):
        handed.find(
            {"REPORTDASH_SECRET__A__USERNAME": "u", "REPORTDASH_SECRET__A__PASSWORD": ""},
            "a",
            (("username", "password"),),
        )


def test_of_a_huge_file_no_more_is_read_than_a_secret_may_have(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(CredentialProblem, match="larger than"):
            handed.find({"REPORTDASH_SECRET__A__API_KEY__FILE": str(path)}, "a", KEY)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
