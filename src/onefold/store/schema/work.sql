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

-- One load into a dataset: files that a client sends, or records that came by streaming and were
-- landed together.
CREATE TABLE batches (
  batch_id     TEXT    NOT NULL PRIMARY KEY,  -- ULID
  dataset      TEXT    NOT NULL,
  status       TEXT    NOT NULL,  -- see domain/lifecycle.py
  origin       TEXT    NOT NULL,  -- batch or streaming
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
