-- The journal of one sandbox: every accepted record, in the order of acceptance.
-- One row is one append: what one request brought. Positions are never used twice.
CREATE TABLE journal (
  position    INTEGER PRIMARY KEY AUTOINCREMENT,
  records     INTEGER NOT NULL,  -- in this row
  records_end INTEGER NOT NULL,  -- in all rows up to and with this one
  received_ms INTEGER NOT NULL,
  body        BLOB    NOT NULL   -- zstd of msgpack of the accepted records
);

-- Which records came out of the files of a batch: one row is one append. rows_done says how many
-- rows of the files the journal has by then, the appended ones included.
CREATE TABLE batch_chunks (
  batch     TEXT    NOT NULL,
  rows_done INTEGER NOT NULL,
  position  INTEGER NOT NULL,
  first     INTEGER NOT NULL,  -- number of the append's first record in the journal
  last      INTEGER NOT NULL,
  PRIMARY KEY (batch, rows_done)
) WITHOUT ROWID;
CREATE INDEX batch_chunks_by_number ON batch_chunks (first);

-- How many records of a dataset stood in rows that were deleted since, so that counts balance.
CREATE TABLE trimmed (
  dataset TEXT    NOT NULL PRIMARY KEY,
  records INTEGER NOT NULL
) WITHOUT ROWID;

-- How many synchronous validations an inlet was asked for in a minute, over all workers.
CREATE TABLE sync_validations (
  inlet    TEXT    NOT NULL,
  minute   INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (inlet, minute)
) WITHOUT ROWID;

-- What the inlets saw, hour by hour; told by each worker some seconds at a time. The form is that of
-- the profile store's counters.
CREATE TABLE counters (
  metric  TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  detail  TEXT    NOT NULL,
  hour_ms INTEGER NOT NULL,
  value   INTEGER NOT NULL,
  PRIMARY KEY (metric, hour_ms, subject, detail)
) WITHOUT ROWID;
