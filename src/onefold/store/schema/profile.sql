-- The profile store of one sandbox. Links, fragments and events are the truth; identities and
-- members are derived from them and can be rebuilt (`onefold doctor` compares).
-- Every table is keyed by an identity's xid (members: by the cluster), so that it can be sharded.

-- Which cluster an identity is in. A lone identity is its own cluster.
CREATE TABLE identities (
  xid     TEXT NOT NULL PRIMARY KEY,
  cluster TEXT NOT NULL
) WITHOUT ROWID;

-- The other direction: who is in a cluster. A cluster is named after its smallest xid.
CREATE TABLE members (
  cluster       TEXT    NOT NULL,
  xid           TEXT    NOT NULL,
  namespace_id  INTEGER NOT NULL,
  value         TEXT    NOT NULL,
  first_seen_ms INTEGER NOT NULL,
  PRIMARY KEY (cluster, xid)
) WITHOUT ROWID;

-- Which cluster an identity has left, and when. Only moves write here: the cluster that it is in now
-- stands in identities, and since when follows from its last move.
CREATE TABLE cluster_history (
  xid     TEXT    NOT NULL,
  left_ms INTEGER NOT NULL,
  cluster TEXT    NOT NULL,
  PRIMARY KEY (xid, left_ms)
) WITHOUT ROWID;

-- The last record that changed a cluster's members or a fragment of one; see tables/clusters.py.
CREATE TABLE clusters (
  cluster TEXT    NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL
) WITHOUT ROWID;

-- Who was seen with whom, when first and last, by which dataset. Each link stands twice, once under
-- each of its ends, so that all links of an identity lie together.
CREATE TABLE links (
  xid      TEXT    NOT NULL,
  peer     TEXT    NOT NULL,
  dataset  TEXT    NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms  INTEGER NOT NULL,
  PRIMARY KEY (xid, peer, dataset)
) WITHOUT ROWID;

-- What one dataset says of one identity: the current row, replaced as a whole.
CREATE TABLE fragments (
  xid          TEXT    NOT NULL,
  dataset      TEXT    NOT NULL,
  seq          INTEGER NOT NULL,  -- number of the record in the journal; orders equal times
  ingested_ms  INTEGER NOT NULL,
  effective_ms INTEGER NOT NULL,
  tag          TEXT    NOT NULL,  -- the ingest trace that senders got as xactionId
  body         BLOB    NOT NULL,
  UNIQUE (xid, dataset)
);

-- What happened, under the identity that it happened to. Immutable.
CREATE TABLE events (
  xid          TEXT    NOT NULL,
  event_id     TEXT    NOT NULL,
  timestamp_ms INTEGER NOT NULL,
  dataset      TEXT    NOT NULL,
  seq          INTEGER NOT NULL,
  ingested_ms  INTEGER NOT NULL,
  body         BLOB    NOT NULL,
  UNIQUE (xid, event_id)
);
CREATE INDEX events_by_seq ON events (seq);
-- The time of ingest stands in it so that the latest of an owner is found without the rows.
CREATE INDEX events_timeline ON events (xid, timestamp_ms, event_id, ingested_ms);

-- Records that were accepted and could not be applied, with their reason and the raw message.
-- A state is left once: open, then replayed (a later record repeated it, whatever came of that) or
-- resolved (the message was taken out).
CREATE TABLE failed_records (
  seq          INTEGER NOT NULL PRIMARY KEY,  -- number of the record in the journal
  step         TEXT    NOT NULL,
  code         TEXT    NOT NULL,
  at           TEXT,                          -- JSON pointer into the message's entity
  detail       TEXT    NOT NULL,
  errors       TEXT    NOT NULL,              -- JSON array of violations
  dataset      TEXT    NOT NULL,
  inlet        TEXT    NOT NULL,
  batch        TEXT    NOT NULL,              -- whose file it stood in, or empty
  trace        TEXT    NOT NULL,
  received_ms  INTEGER NOT NULL,
  failed_ms    INTEGER NOT NULL,
  replays      INTEGER NOT NULL,              -- number of the failed record it repeated, or 0
  removal      INTEGER NOT NULL,              -- 1: an order to take out rows, 0: a record
  state        TEXT    NOT NULL,
  replayed_seq INTEGER,                       -- number of the record that repeated it
  replayed_ms  INTEGER,
  replayed_as  TEXT,                          -- how that one ended: applied, duplicate or failed
  message      BLOB    NOT NULL
);
CREATE INDEX failed_records_by_dataset ON failed_records (dataset, seq);
CREATE INDEX failed_records_by_code ON failed_records (code, seq);
CREATE INDEX failed_records_by_receipt ON failed_records (received_ms);
CREATE INDEX failed_records_by_failure ON failed_records (failed_ms);
CREATE INDEX failed_records_by_minute ON failed_records (received_ms / 60000, dataset, seq, state)
  WHERE batch = '';
CREATE INDEX failed_records_of_batches ON failed_records (batch, seq) WHERE batch <> '';
CREATE INDEX failed_records_open ON failed_records (seq) WHERE state = 'open';
-- Has all that the summary counts.
CREATE INDEX failed_records_tallies ON failed_records (dataset, code, state, failed_ms);

-- How every record of the journal ended, so that the counts can be balanced.
CREATE TABLE outcomes (
  dataset TEXT    NOT NULL,
  outcome TEXT    NOT NULL,  -- applied, duplicate or failed
  records INTEGER NOT NULL,
  PRIMARY KEY (dataset, outcome)
) WITHOUT ROWID;

-- What happened, hour by hour, for observability and runs of flows. subject: a dataset, an inlet or a
-- flow, as the metric says.
CREATE TABLE counters (
  metric  TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  detail  TEXT    NOT NULL,  -- a namespace's id, a category, an end; empty for most
  hour_ms INTEGER NOT NULL,  -- when the hour began
  value   INTEGER NOT NULL,
  PRIMARY KEY (metric, hour_ms, subject, detail)
) WITHOUT ROWID;

-- Numbers of the records that were known duplicates, until the lake has passed them.
CREATE TABLE duplicates (
  seq INTEGER NOT NULL PRIMARY KEY
);

-- The consumer's offset: the journal row up to which everything is committed here.
CREATE TABLE progress (
  consumer TEXT    NOT NULL PRIMARY KEY,
  position INTEGER NOT NULL,
  records  INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO progress VALUES ('pipeline', 0, 0);

-- What zstd was taught about the bodies of a dataset. A frame names its dictionary by id, so a
-- dictionary stays for as long as a body may need it.
CREATE TABLE dictionaries (
  id      INTEGER NOT NULL PRIMARY KEY,
  dataset TEXT    NOT NULL,
  body    BLOB    NOT NULL
);
