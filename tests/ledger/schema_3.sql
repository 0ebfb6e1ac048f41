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
  rev INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX accounts_rev ON accounts (rev);
CREATE TABLE owners (
  owner TEXT PRIMARY KEY,
  opened_at REAL NOT NULL,
  beat_at REAL NOT NULL
) WITHOUT ROWID;
