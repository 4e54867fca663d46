-- The journal of one sandbox: every accepted record, in the order of acceptance.
-- One row is one append: what one request brought. Positions are never used twice.
CREATE TABLE journal (
  position    INTEGER PRIMARY KEY AUTOINCREMENT,
  records     INTEGER NOT NULL,  -- in this row
  records_end INTEGER NOT NULL,  -- in all rows up to and with this one
  received_ms INTEGER NOT NULL,
  body        BLOB    NOT NULL   -- zstd of msgpack of the accepted records
);

-- How many synchronous validations an inlet was asked for in a minute, over all workers.
CREATE TABLE sync_validations (
  inlet    TEXT    NOT NULL,
  minute   INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (inlet, minute)
) WITHOUT ROWID;
