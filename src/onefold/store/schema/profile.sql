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
-- The time of ingest stands in it so that the latest of an owner is found without the rows.
CREATE INDEX events_timeline ON events (xid, timestamp_ms, event_id, ingested_ms);

-- Records that were accepted and could not be applied, with their reason and the raw message.
CREATE TABLE failed_records (
  seq         INTEGER NOT NULL PRIMARY KEY,  -- number of the record in the journal
  step        TEXT    NOT NULL,
  code        TEXT    NOT NULL,
  at          TEXT,                          -- JSON pointer into the message's entity
  detail      TEXT    NOT NULL,
  errors      TEXT    NOT NULL,              -- JSON array of violations
  dataset     TEXT    NOT NULL,
  inlet       TEXT    NOT NULL,
  trace       TEXT    NOT NULL,
  received_ms INTEGER NOT NULL,
  failed_ms   INTEGER NOT NULL,
  message     BLOB    NOT NULL
);
CREATE INDEX failed_records_by_dataset ON failed_records (dataset, seq);

-- How every record of the journal ended, so that the counts can be balanced.
CREATE TABLE outcomes (
  dataset TEXT    NOT NULL,
  outcome TEXT    NOT NULL,  -- applied, duplicate or failed
  records INTEGER NOT NULL,
  PRIMARY KEY (dataset, outcome)
) WITHOUT ROWID;

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
