"""What a backup knows is not always how things stand: it may be of an older reportdash, and of yesterday."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reportdash.clock import ManualClock
from reportdash.ledger import Store, opening, rescue, schema


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
