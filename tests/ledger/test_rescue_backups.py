"""What a backup knows is not always how things stand: it may be of an older reportdash, and of yesterday."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from reportdash import durable
from reportdash.clock import ManualClock
from reportdash.ledger import Store, logbook, opening, rescue, schema
from reportdash.model import Intent, IntentKind, JobState, Spec, Stage, replace
from tests.ledger.conftest import put


def garble(path: Path) -> None:
    path.write_bytes(b"garbage" * 4000)


@pytest.mark.parametrize("old", range(1, schema.VERSION))
def test_a_backup_made_before_an_upgrade_brings_its_jobs_back(
    path: Path, clock: ManualClock, old: int
) -> None:
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path)) as db:
        db.executescript((Path(__file__).parent / f"schema_{old}.sql").read_text())
        db.execute("INSERT INTO meta (one, rev, created_at) VALUES (1, 2, 1000.0)")
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {old}")
        db.execute("INSERT INTO accounts (name, vendor, rev) VALUES ('main', '7g', 2)")
        db.execute(
            "INSERT INTO jobs (id, account, vendor, name, reference, state, health, attempts, rev, tracked, "
            "ordinal, checks, gone_count, deleted_by_us, adopted, added_at) "
            "VALUES ('aaaaaa', 'main', '7g', 'n', 'r1', 'running', 'ok', 0, 1, 1, 0, 0, 0, 0, 0, 1000.0)"
        )
        db.commit()
    backup = path.with_name(opening.BACKUP)
    backup.write_bytes(path.read_bytes())
    Store.open(path).close()
    garble(path)
    found = rescue.rescue(path, clock)
    assert found is not None
    assert found.backup_at is not None
    with Store.open(path) as store:
        assert [job.id for job in store.jobs()] == ["aaaaaa"]
    kept = {one.name for one in path.parent.glob("*.schema-*")}
    assert kept == {f"{path.name}.schema-{old}"}, "the ledger's own, made by its upgrade"


def test_a_backup_that_cannot_be_brought_up_to_date_is_not_used(
    path: Path, clock: ManualClock, store: Store
) -> None:
    assert rescue.back_up(path, 0.0)
    store.close()
    with closing(sqlite3.connect(path.with_name(opening.BACKUP))) as db:
        db.execute("DROP TABLE jobs")
        db.commit()
    garble(path)
    found = rescue.rescue(path, clock)
    assert found is not None
    assert found.backup_at is None
    with Store.open(path) as again:
        assert again.jobs() == []


@pytest.mark.parametrize("stage", [Stage.WAITING, Stage.SENDING, Stage.UNSURE])
def test_a_submit_that_was_open_at_the_backup_is_never_sent_by_itself(
    store: Store, path: Path, clock: ManualClock, stage: Stage
) -> None:
    """It may have been sent, or refused, since: neither is in the log."""
    intent = Intent(IntentKind.SUBMIT, stage, clock.now(), "key-1", owner="this", not_before=clock.now())
    job = put(store, state=JobState.SUBMITTING, intent=intent, spec=Spec("report"))
    assert rescue.back_up(path, 0.0)
    store.change(job.id, lambda row: replace(row, state=JobState.FAILED, intent=None))
    store.close()
    garble(path)
    rescue.rescue(path, clock)
    with Store.open(path) as again:
        (back,) = again.jobs()
    assert back.state is JobState.SUBMITTING
    assert back.intent == replace(intent, stage=Stage.UNSURE, owner=None, not_before=None)
    assert "unsure" in (back.message or "")


@pytest.mark.parametrize("unsaved", [True, False])
def test_a_delete_that_was_open_at_the_backup_is_taken_back(
    store: Store, path: Path, clock: ManualClock, unsaved: bool
) -> None:
    """The vendor may have refused it since, and the operator thought better of it."""
    intent = Intent(IntentKind.DELETE, Stage.WAITING, clock.now(), "key-1", unsaved=unsaved)
    job = put(store, reference="r1", state=JobState.DELETING, prior=JobState.READY, intent=intent)
    assert rescue.back_up(path, 0.0)
    store.change(job.id, lambda row: replace(row, state=JobState.READY, intent=None, prior=None))
    store.close()
    garble(path)
    rescue.rescue(path, clock)
    with Store.open(path) as again:
        (back,) = again.jobs()
        assert again.open_intents() == []
    assert (back.state, back.prior, back.next_poll_at) == (JobState.READY, None, clock.now())
    assert "delete it again" in (back.message or "")


def test_a_submit_that_was_accepted_since_the_backup_is_followed(
    store: Store, path: Path, clock: ManualClock
) -> None:
    intent = Intent(IntentKind.SUBMIT, Stage.WAITING, clock.now(), "key-1")
    job = put(store, state=JobState.SUBMITTING, intent=intent, spec=Spec("report"))
    assert rescue.back_up(path, 0.0)
    store.change(job.id, lambda row: replace(row, state=JobState.QUEUED, intent=None, reference="r1"))
    store.close()
    garble(path)
    rescue.rescue(path, clock)
    with Store.open(path) as again:
        (back,) = again.jobs()
    assert (back.reference, back.intent, back.state) == ("r1", None, JobState.UNKNOWN)


@pytest.mark.parametrize("rest", [b"", b"\0\0\0"])
def test_a_line_that_was_cut_off_does_not_take_the_next_one_with_it(
    path: Path, clock: ManualClock, rest: bytes
) -> None:
    """A full disk, or a crash, ends the log in the middle of a line; whoever is next writes on from there."""
    with Store.open(path, clock=clock) as store:
        first = put(store, reference="r1")
        cut = put(store, reference="r2")
    log = path.with_name(opening.LOG)
    log.write_bytes(log.read_bytes()[:-30] + rest)
    with Store.open(path, clock=clock) as store:
        behind = put(store, name='odd {"at": 1} name', reference="r3", spec=Spec("r", {"at": "1"}))
        last = put(store, reference="r4")
    garble(path)
    rescue.rescue(path, clock)
    with Store.open(path) as again:
        back = {job.id: job.name for job in again.jobs()}
    assert back == {job.id: job.name for job in (first, behind, last)}
    assert cut.id not in back


def test_a_backup_from_a_clock_that_was_wrong_does_not_stand_for_years(store: Store, path: Path) -> None:
    assert rescue.back_up(path, 0.0)
    backup, later = path.with_name(opening.BACKUP), time.time() + 40 * 86_400
    os.utime(backup, (later, later))
    put(store, reference="r1")
    assert rescue.back_up(path, time.time() - 86_400)
    assert backup.stat().st_mtime < later
    assert not rescue.back_up(path, time.time() - 86_400)


def test_the_log_is_dropped_only_when_the_backup_outlives_a_power_cut(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, reference="r1")
    seen: list[tuple[bool, bool]] = []
    page = path.with_name(f"{opening.LOG}.1")

    def synced(folder: Path) -> None:
        seen.append((path.with_name(opening.BACKUP).exists(), page.exists()))

    monkeypatch.setattr(durable, "sync_folder", synced)
    assert rescue.back_up(path, 0.0)
    assert seen == [(True, True)]
    assert not page.exists()


def test_two_processes_do_not_make_a_backup_at_once(
    store: Store, path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower one would put an older copy over the newer one, of which the log is dropped already."""
    put(store, reference="r1")
    check = rescue.check

    def meanwhile(part: Path) -> None:
        monkeypatch.setattr(rescue, "check", check)
        put(store, reference="r2")
        if not _is_locked(path.with_name("rescue.lock")):  # else another process waits for us
            with monkeypatch.context() as patch:
                patch.setattr(os, "getpid", lambda: 1)
                assert rescue.back_up(path, 1e12)
        check(part)

    monkeypatch.setattr(rescue, "check", meanwhile)
    assert rescue.back_up(path, 0.0)
    store.close()
    garble(path)
    rescue.rescue(path, clock)
    with Store.open(path) as again:
        assert {job.reference for job in again.jobs()} == {"r1", "r2"}


def test_a_line_written_while_the_pages_are_turned_is_not_lost(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a backup that did not finish; another process writes at any moment."""
    log = path.with_name(opening.LOG)
    put(store, name="first")
    log.rename(log.with_name(f"{log.name}.1"))
    put(store, name="second")
    real = Path.read_bytes

    def read(page: Path) -> bytes:
        text = real(page)
        if page == log:
            put(store, name="third")
        return text

    monkeypatch.setattr(Path, "read_bytes", read)
    logbook.turn(path.parent)
    names = {told["name"] for told in logbook.read(path.parent)}
    assert names == {job.name for job in store.jobs()}


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
