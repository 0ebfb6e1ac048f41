"""What an account's message says of its key: a locked store is not a vendor that refused it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportdash.board.case import Case
from reportdash.board.explain import explain
from reportdash.board.health import KeyTrouble, face_of, health_words, refused_now, trouble_said
from reportdash.credentials import keyring_process, vault
from reportdash.model import Account, Health, Job, JobState, LastError, replace

NOW = 1_800_000_000.0
LOCKED = vault.locked(Path("/home/op/.local/share/reportdash/credentials.vault")).text


def keyring(code: str) -> str:
    """What the keyring says in this trouble."""
    return keyring_process._trouble(code, "").text


def account(message: str, *, keyless: bool = True, paused: bool = False) -> Account:
    """A row that nobody can sign in to, for it has no key or, not `keyless`, its vendor refused it."""
    shut = Health.AUTH_FAILED
    return Account("calls", "talkdesk", shut, since=NOW, message=message, paused=paused, keyless=keyless)


@pytest.mark.parametrize(
    ("message", "trouble"),
    [
        (LOCKED, KeyTrouble.VAULT),
        (keyring("locked"), KeyTrouble.KEYRING),
        (keyring("locked_elsewhere"), KeyTrouble.SHUT),
        (keyring("never_unlocked"), KeyTrouble.SHUT),
        (keyring("mute"), KeyTrouble.UNUSABLE),
        ("the vault /x is damaged and was left as it is: put a copy of it back", KeyTrouble.DAMAGED),
        (vault.gone(Path("/x")).text, KeyTrouble.GONE),
        ("the vault /x cannot be read (Permission denied): mend that", KeyTrouble.UNREAD),
        ("the vault /x is of a newer reportdash and was left alone: upgrade this one", KeyTrouble.UNREAD),
        ("the vault needs Argon2id, which this system lacks: install it", KeyTrouble.UNUSABLE),
        ("calls: the stored credential was given for https://a.example:443", KeyTrouble.UNUSABLE),
        ("REPORTDASH_VAULT_PASSPHRASE_FILE (/p): the passphrase in it has less than", KeyTrouble.UNUSABLE),
        ("no key yet", KeyTrouble.NONE),
        ("no credential for calls; reportdash login calls", KeyTrouble.NONE),
        ("invalid_client", KeyTrouble.REFUSED),
        ("your account's vault is locked", KeyTrouble.REFUSED),
        (None, KeyTrouble.REFUSED),
    ],
)
def test_what_lacks_is_told_by_how_the_message_begins(message: str | None, trouble: KeyTrouble) -> None:
    assert trouble_said("calls", message) is trouble
    row = account(message or "", keyless=trouble is not KeyTrouble.REFUSED)
    assert health_words(row, NOW) == face_of(row).word == str(trouble)


@pytest.mark.parametrize(
    "message", [LOCKED, keyring("locked"), "no key yet", "calls: no", "the vault is gone: no"]
)
def test_a_vendor_that_refuses_a_key_in_our_words_is_not_taken_for_us(message: str) -> None:
    row = account(message, keyless=False)
    assert health_words(row, NOW) == face_of(row).word == "key refused"
    assert refused_now(row)
    found = explain(
        replace(running(), attempts=1), LastError(NOW, "auth_failed", message), row, "Talkdesk", NOW
    )
    assert found is not None
    assert "Talkdesk does not take this account's key" in str(found.means)


def test_a_sentence_of_ours_that_is_not_known_is_no_refusal() -> None:
    row = account("the smart card is not in its slot: put it in")
    assert face_of(row).word == str(KeyTrouble.UNUSABLE)
    assert not refused_now(row)


def test_a_paused_account_is_paused_whatever_its_key() -> None:
    assert health_words(account(LOCKED, paused=True), NOW) == "paused"


def running() -> Job:
    return Job("aaaaaa", "calls", "talkdesk", "Report", "calls/1", JobState.RUNNING, submitted_at=NOW - 60)


@pytest.mark.parametrize("error", [None, LastError(NOW, "auth_failed", LOCKED)])
def test_a_job_of_an_account_whose_vault_is_locked_says_so_and_how_to_unlock_it(
    error: LastError | None,
) -> None:
    job = running()
    if error is not None:
        job = replace(job, attempts=1)
    found = explain(job, error, account(LOCKED), "Talkdesk", NOW)
    assert found is not None
    means = " ".join(str(part) for line in found.means for part in line)
    todo = " ".join(str(part) for line in found.todo for part in line)
    assert "in the vault, which is locked in this session" in means
    assert "until somebody unlocks it" in means
    assert "does not take" not in means
    assert "Unlock it with its passphrase" in todo


@pytest.mark.parametrize(
    ("message", "state"),
    [
        (vault.gone(Path("/x")).text, "gone"),
        (vault.Vault(Path("/x"))._damaged().text, "damaged"),
    ],
)
@pytest.mark.parametrize("failed", [False, True])
def test_a_job_whose_vault_is_no_use_says_that_a_copy_of_the_file_mends_it(
    message: str, state: str, failed: bool
) -> None:
    job = replace(running(), attempts=1) if failed else running()
    found = explain(
        job, LastError(NOW, "auth_failed", message) if failed else None, account(message), "Talkdesk", NOW
    )
    assert found is not None
    means = " ".join(str(part) for line in found.means for part in line)
    assert f"in the vault, whose file is {state}: polling has stopped until the file is back" in means
    todo = " ".join(str(part) for line in found.todo for part in line)
    assert todo.startswith("Put a whole copy of the file back")
    assert "is lost where there is no copy" in todo


def test_an_account_that_no_vendor_has_answered_yet_is_not_ok() -> None:
    fresh = Account("calls", "talkdesk")
    assert health_words(fresh, NOW) == "not asked yet"
    assert health_words(replace(fresh, accepted_at=NOW), NOW) == "ok"


def test_what_waits_goes_on_with_the_vault() -> None:
    case = Case(running(), None, account("invalid_client"), "Talkdesk", NOW)
    assert case.again == "polling has stopped until somebody logs in."
    assert case._replace(account=account(LOCKED)).again == "polling has stopped until somebody unlocks it."
