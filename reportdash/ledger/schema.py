"""The ledger's tables and how an older file is brought up to date. SQL text only; nothing is opened here.

Times are seconds since the epoch (REAL). `jobs.rev` and `accounts.rev` come from the one counter in `meta`.
A forgotten job stays as a tombstone (`forgotten_at`), so that its reference is not adopted again.
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x52444C47  # "RDLG": tells our file from any other program's SQLite file
VERSION = 4
"""Kept in `PRAGMA user_version`. A file with a higher one was made by a newer reportdash and is refused."""

_TABLES = """
CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  rev INTEGER NOT NULL,
  created_at REAL NOT NULL,
  rescued_at REAL
);
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL,
  vendor TEXT NOT NULL,
  name TEXT NOT NULL,
  reference TEXT,
  state TEXT NOT NULL,
  vendor_status TEXT,
  message TEXT,
  health TEXT NOT NULL,
  submitted_at REAL,
  updated_at REAL,
  settled_at REAL,
  expires_at REAL,
  next_poll_at REAL,
  attempts INTEGER NOT NULL,
  parent TEXT,
  rev INTEGER NOT NULL,
  spec TEXT,
  intent TEXT,
  prior TEXT,
  tracked INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  children_total INTEGER,
  error_code TEXT,
  note TEXT,
  seen_at REAL,
  checks INTEGER NOT NULL,
  gone_since REAL,
  gone_count INTEGER NOT NULL,
  deleted_by_us INTEGER NOT NULL,
  forgotten_at REAL,
  adopted INTEGER NOT NULL,
  took_from REAL,
  took_to REAL,
  drift TEXT,
  artifact_state TEXT,
  artifact_path TEXT,
  artifact_bytes INTEGER,
  artifact_total INTEGER,
  artifact_sha256 TEXT,
  artifact_verified TEXT,
  artifact_owner TEXT,
  artifact_error TEXT,
  added_at REAL NOT NULL
);
CREATE INDEX jobs_rev ON jobs (rev);
CREATE INDEX jobs_newest ON jobs (coalesce(submitted_at, added_at) DESC, seq DESC)
  WHERE parent IS NULL AND forgotten_at IS NULL;
CREATE INDEX jobs_children ON jobs (parent, ordinal) WHERE parent IS NOT NULL;
CREATE INDEX jobs_due ON jobs (account, next_poll_at) WHERE next_poll_at IS NOT NULL AND forgotten_at IS NULL;
CREATE INDEX jobs_intents ON jobs (account) WHERE intent IS NOT NULL AND forgotten_at IS NULL;
CREATE INDEX jobs_slots ON jobs (account)
  WHERE state IN ('queued', 'running', 'finalizing') AND parent IS NULL AND forgotten_at IS NULL;
CREATE INDEX jobs_expiring ON jobs (expires_at)
  WHERE expires_at IS NOT NULL AND forgotten_at IS NULL
  AND state IN ('ready', 'ready_with_warnings', 'notify_failed', 'empty', 'failed');
CREATE UNIQUE INDEX jobs_reference ON jobs (account, reference)
  WHERE forgotten_at IS NULL AND reference IS NOT NULL;
CREATE INDEX jobs_tombstones ON jobs (account, reference)
  WHERE forgotten_at IS NOT NULL AND reference IS NOT NULL;
CREATE TABLE history (
  seq INTEGER PRIMARY KEY,
  job TEXT NOT NULL,
  at REAL NOT NULL,
  what TEXT NOT NULL,
  who TEXT NOT NULL,
  state TEXT NOT NULL,
  vendor_status TEXT,
  message TEXT
);
CREATE INDEX history_job ON history (job);
CREATE TABLE last_errors (
  job TEXT PRIMARY KEY,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL,
  status INTEGER,
  code TEXT
) WITHOUT ROWID;
CREATE TABLE exchanges (
  seq INTEGER PRIMARY KEY,
  job TEXT NOT NULL,
  n INTEGER NOT NULL,
  at REAL NOT NULL,
  method TEXT NOT NULL,
  url TEXT NOT NULL,
  status INTEGER,
  ms INTEGER NOT NULL,
  request TEXT NOT NULL,
  response TEXT NOT NULL,
  size INTEGER NOT NULL,
  error TEXT
);
CREATE UNIQUE INDEX exchanges_job ON exchanges (job, n);
CREATE TABLE accounts (
  name TEXT PRIMARY KEY,
  vendor TEXT NOT NULL,
  health TEXT NOT NULL DEFAULT 'ok',
  since REAL,
  until REAL,
  message TEXT,
  paused INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  accepted_at REAL,
  owner TEXT,
  epoch INTEGER NOT NULL DEFAULT 0,
  lease_until REAL,
  slots_full_at REAL,
  listed_at REAL,
  only_there TEXT,
  only_there_count INTEGER NOT NULL DEFAULT 0,
  refused_at REAL,
  refusal TEXT,
  keyless INTEGER NOT NULL DEFAULT 0,
  rev INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX accounts_rev ON accounts (rev);
CREATE TABLE owners (
  owner TEXT PRIMARY KEY,
  opened_at REAL NOT NULL,
  beat_at REAL NOT NULL
) WITHOUT ROWID;
"""

_STEPS: dict[int, str] = {
    # What a job took is known no better than by the look that found it done and the usual pause before that.
    1: """
ALTER TABLE jobs ADD COLUMN took_from REAL;
ALTER TABLE jobs ADD COLUMN took_to REAL;
ALTER TABLE jobs ADD COLUMN drift TEXT;
ALTER TABLE accounts ADD COLUMN listed_at REAL;
ALTER TABLE accounts ADD COLUMN only_there TEXT;
ALTER TABLE accounts ADD COLUMN only_there_count INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET took_to = settled_at - submitted_at, took_from = (settled_at - submitted_at) * 0.8
  WHERE settled_at > submitted_at AND tracked = 0 AND reference IS NOT NULL
  AND state IN ('ready', 'ready_with_warnings', 'notify_failed', 'empty', 'failed');
""",
    # When a damaged ledger was replaced by this one: vendors' lists tell what it does not know.
    2: "ALTER TABLE meta ADD COLUMN rescued_at REAL",
    # A refusal is kept when it is over. One that stands is taken over where the words are the vendor's; from
    # here on it stands beside them whose they are.
    3: """
ALTER TABLE accounts ADD COLUMN refused_at REAL;
ALTER TABLE accounts ADD COLUMN refusal TEXT;
UPDATE accounts SET refused_at = since, refusal = message
  WHERE health = 'auth_failed' AND message IS NOT NULL AND message <> 'no key yet'
  AND message NOT LIKE 'no credential for %' AND message NOT LIKE 'the vault %'
  AND message NOT LIKE '%keyring%' AND message NOT LIKE 'the systemd credential %'
  AND instr(message, 'REPORTDASH_') <> 1 AND instr(message, name || ': ') <> 1;
ALTER TABLE accounts ADD COLUMN keyless INTEGER NOT NULL DEFAULT 0;
UPDATE accounts SET keyless = 1
  WHERE health = 'auth_failed' AND message IS NOT NULL AND refused_at IS NULL
""",
}
"""What takes a file from version N to N + 1, as SQL, run in one transaction with the new version number."""


def version(db: sqlite3.Connection) -> int:
    """The schema version of this file; 0 for an empty one."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def create(db: sqlite3.Connection, now: float) -> None:
    """Make the tables; the caller holds a write transaction."""
    _run(db, _TABLES)
    db.execute("INSERT INTO meta (one, rev, created_at) VALUES (1, 0, ?)", (now,))
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {VERSION}")


def upgrade(db: sqlite3.Connection, old: int) -> None:
    """Bring a file of version `old` up to date; the caller holds a write transaction."""
    for step in range(old, VERSION):
        _run(db, _STEPS[step])
    db.execute(f"PRAGMA user_version = {VERSION}")


def _run(db: sqlite3.Connection, script: str) -> None:
    # Not executescript: it commits what is open.
    for statement in script.split(";"):
        if statement.strip():
            db.execute(statement)
