-- What is under way in one sandbox: batches of files, and jobs. It changes often and is nobody's
-- definition, so it is not in the control database.

-- Work that is done in the background by one of the processes, in steps, and goes on after a crash.
CREATE TABLE jobs (
  job_id     TEXT    NOT NULL PRIMARY KEY,
  kind       TEXT    NOT NULL,  -- a name of jobs/kinds.py
  state      TEXT    NOT NULL,  -- queued, running, done or failed
  argument   TEXT    NOT NULL,  -- JSON, as the kind takes it
  progress   TEXT    NOT NULL,  -- JSON, as the kind left it
  attempts   INTEGER NOT NULL,
  due_ms     INTEGER NOT NULL,  -- not to be tried before
  lease_ms   INTEGER NOT NULL,  -- until then it belongs to whoever runs it
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
);
CREATE INDEX jobs_due ON jobs (state, due_ms);
CREATE INDEX jobs_by_kind ON jobs (kind, created_ms);

-- Exports of profiles, each with a row in jobs (export_profiles:ID) that says how far it has come.
CREATE TABLE export_jobs (
  id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  demand      TEXT    NOT NULL,  -- JSON: what is asked for, as it is shown
  created_ms  INTEGER NOT NULL,
  canceled_ms INTEGER,           -- when it was called off, which is only before it lands
  landing_ms  INTEGER            -- when it began to land, which ends nowhere but in the lake
);
CREATE INDEX export_jobs_by_time ON export_jobs (created_ms, id);

-- One load into a dataset: files that a client sends, or records that came by streaming and were
-- landed together.
CREATE TABLE batches (
  batch_id     TEXT    NOT NULL PRIMARY KEY,  -- ULID
  dataset      TEXT    NOT NULL,
  status       TEXT    NOT NULL,  -- see domain/lifecycle.py
  origin       TEXT    NOT NULL,  -- batch, streaming or export
  external_id  TEXT    NOT NULL UNIQUE,
  client       TEXT    NOT NULL,  -- id of the project that made it; empty: the server
  document     TEXT    NOT NULL,  -- JSON: input format, tags, replay, metrics, errors
  created_ms   INTEGER NOT NULL,
  updated_ms   INTEGER NOT NULL,
  started_ms   INTEGER,           -- when its last file was there
  completed_ms INTEGER
);
CREATE INDEX batches_by_dataset ON batches (dataset, batch_id, status);
CREATE INDEX batches_by_status ON batches (status, batch_id);
CREATE INDEX batches_loaded ON batches (completed_ms) WHERE status = 'success' AND origin = 'batch';

-- The files of a batch. On the disk they have other names: no path of a client is ever opened.
CREATE TABLE batch_files (
  batch_id   TEXT    NOT NULL,
  path       TEXT    NOT NULL,
  bytes      INTEGER NOT NULL,
  is_open    INTEGER NOT NULL,    -- it comes in ranges, and more may come
  updated_ms INTEGER NOT NULL,
  PRIMARY KEY (batch_id, path)
) WITHOUT ROWID;

-- The ranges of open files, both ends inclusive; total is 0 when it was not said.
CREATE TABLE batch_ranges (
  batch_id TEXT    NOT NULL,
  path     TEXT    NOT NULL,
  first    INTEGER NOT NULL,
  last     INTEGER NOT NULL,
  total    INTEGER NOT NULL,
  PRIMARY KEY (batch_id, path, first, last)
) WITHOUT ROWID;

-- What was asked to be deleted from profiles: the system jobs of the profile API, and what became of
-- each. A row whose asker has removed it stays for its receipt, and is not listed any more.
CREATE TABLE deletions (
  deletion_id TEXT    NOT NULL PRIMARY KEY,
  kind        TEXT    NOT NULL,  -- dataset, batch or person
  state       TEXT    NOT NULL,  -- new, processing, completed or error
  dataset     TEXT    NOT NULL,
  batch       TEXT    NOT NULL,
  person      TEXT    NOT NULL,  -- JSON: identities until they are gone, then no more than hashes
  job         TEXT    NOT NULL,  -- the job that has taken it up; empty until then
  position    INTEGER NOT NULL,  -- of the journal: what stood there by then is deleted,
  number      INTEGER NOT NULL,  -- and the number of the first record that is not
  records     INTEGER NOT NULL,  -- removed so far
  started_ms  INTEGER,
  receipt     TEXT,              -- JSON, when it is done
  dismissed   INTEGER NOT NULL,  -- 1: its asker has removed it
  created_ms  INTEGER NOT NULL,
  updated_ms  INTEGER NOT NULL
);
CREATE INDEX deletions_open ON deletions (kind, created_ms) WHERE state IN ('new', 'processing');
CREATE INDEX deletions_taken ON deletions (job);

-- What people demand about themselves by user id, in the order in which it was asked for, and whom
-- each of these is about.
CREATE TABLE regulations (
  number        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  regulation_id TEXT    NOT NULL UNIQUE,
  kind          TEXT    NOT NULL,  -- a name of domain/regulation.py
  users         INTEGER NOT NULL,
  position      INTEGER NOT NULL,  -- of its orders in the journal; -1 while that is not known
  records       INTEGER NOT NULL,  -- that the journal had up to there
  client_id     TEXT    NOT NULL,  -- of the project that asked; empty: the command line
  is_open       INTEGER NOT NULL,  -- the job is not through with it
  created_ms    INTEGER NOT NULL,
  updated_ms    INTEGER NOT NULL
);
CREATE INDEX regulations_open ON regulations (number) WHERE is_open = 1;
CREATE TABLE regulated (
  number  INTEGER NOT NULL,
  place   INTEGER NOT NULL,  -- in the request, from 0
  key     TEXT    NOT NULL,  -- keyed hash of the user id
  user_id TEXT    NOT NULL,  -- until the job is through with it, then empty
  keys    TEXT    NOT NULL,  -- JSON: keys of the suppressions that it ordered or lifted
  work    TEXT    NOT NULL,  -- the deletion or privacy job that goes with it, if one does
  is_done INTEGER NOT NULL,
  PRIMARY KEY (number, place)
) WITHOUT ROWID;
CREATE INDEX regulated_by_key ON regulated (key, number);

-- What was counted of people, the latest count of each day, and the reports that were made of it.
CREATE TABLE profile_samples (
  day            TEXT    NOT NULL PRIMARY KEY,  -- YYYY-MM-DD, UTC, on which it ended
  started_ms     INTEGER NOT NULL,
  ended_ms       INTEGER NOT NULL,
  population     INTEGER NOT NULL,  -- people when it began, as the trigger counts them
  profiles       INTEGER NOT NULL,
  sampled        INTEGER NOT NULL,
  fragments      INTEGER NOT NULL,
  documents      INTEGER NOT NULL,
  policy_id      TEXT    NOT NULL,  -- of the merge policy that it was taken under
  policy_version INTEGER NOT NULL,
  strategy       TEXT    NOT NULL
) WITHOUT ROWID;
CREATE TABLE profile_reports (
  day  TEXT NOT NULL,
  kind TEXT NOT NULL,  -- as the API's paths name it
  body TEXT NOT NULL,  -- JSON, as it is answered
  PRIMARY KEY (day, kind)
) WITHOUT ROWID;
