-- The profile store of one sandbox. Sightings, fragments (with what they superseded) and events are
-- the truth; links follow from the sightings, identities and members from the links (`onefold doctor`
-- compares).
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

-- What happened to people, in the order of commits; see tables/changes.py. Derived, and trimmed.
CREATE TABLE changes (
  number  INTEGER NOT NULL PRIMARY KEY,
  seq     INTEGER NOT NULL,  -- the last record of those that brought it about
  at_ms   INTEGER NOT NULL,
  kind    TEXT    NOT NULL,
  cluster TEXT    NOT NULL,
  others  TEXT    NOT NULL   -- clusters that joined it, or that it fell into; spaces between
);

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

-- Which identities a record named: the truth behind links, and behind an identity's being known.
-- The whole of it stands under the record's owner; under the other identities stands whose it is.
CREATE TABLE sightings (
  xid         TEXT    NOT NULL,
  seq         INTEGER NOT NULL,  -- number of the record in the journal
  owner       TEXT    NOT NULL,  -- its primary identity; empty: xid is the owner, and the rest is here
  dataset     TEXT    NOT NULL,  -- for which the links count
  source      TEXT    NOT NULL,  -- the record's own dataset; empty: the same
  graph_only  INTEGER NOT NULL,  -- 1: neither event nor fragment came of the record
  at_ms       INTEGER NOT NULL,
  received_ms INTEGER NOT NULL,
  named       TEXT    NOT NULL,  -- spaces between; `.` is the owner; `-` before those not linked
  PRIMARY KEY (xid, seq)
) WITHOUT ROWID;
CREATE INDEX sightings_graph_only ON sightings (seq) WHERE graph_only = 1 AND owner = '';

-- Pairs that must not link, each under both ends.
CREATE TABLE cuts (
  xid     TEXT    NOT NULL,
  peer    TEXT    NOT NULL,
  seq     INTEGER NOT NULL,  -- number of the order that cut them
  made_ms INTEGER NOT NULL,
  reason  TEXT    NOT NULL,
  PRIMARY KEY (xid, peer)
) WITHOUT ROWID;

-- What must not come back. The key is a hash of what is kept out, so no deleted name stands here.
CREATE TABLE suppressions (
  key      TEXT    NOT NULL PRIMARY KEY,
  kind     TEXT    NOT NULL,  -- record, identity or notrack
  detail   TEXT    NOT NULL,
  until_ms INTEGER NOT NULL,
  made_ms  INTEGER NOT NULL,
  request  TEXT    NOT NULL   -- what asked for it
) WITHOUT ROWID;
CREATE INDEX suppressions_of_tracking ON suppressions (kind) WHERE kind = 'notrack';

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

-- Earlier records of a fragment's key, as they were sent, so that a later one can be undone; see
-- tables/superseded.py for what is here and for how long.
CREATE TABLE superseded (
  xid           TEXT    NOT NULL,
  dataset       TEXT    NOT NULL,
  seq           INTEGER NOT NULL,
  ingested_ms   INTEGER NOT NULL,
  effective_ms  INTEGER NOT NULL,
  tag           TEXT    NOT NULL,
  operation     TEXT    NOT NULL,  -- create, merge, delete; gone: what was before is not kept
  body          BLOB    NOT NULL,
  superseded_ms INTEGER NOT NULL,
  UNIQUE (xid, dataset, seq)
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

-- The rest of what is told of people is filled only in sandboxes that are accounts, and follows from
-- the truth (but for calls, which are a memory that fades).

-- Which calls came, by the id that their senders were told: for duplicates, and for what became of
-- one. Nothing here tells whom a call was about. Trimmed; see tables/calls.py.
CREATE TABLE calls (
  event_id    TEXT    NOT NULL PRIMARY KEY,
  seq         INTEGER NOT NULL,  -- number of its first record in the journal
  digest      BLOB    NOT NULL,  -- of the message, to tell a repeat from another call of this id
  received_ms INTEGER NOT NULL,
  state       TEXT    NOT NULL   -- applied, failed or suppressed
) WITHOUT ROWID;
CREATE INDEX calls_by_seq ON calls (seq);

-- What timelines of accounts are ordered and filtered by, of every event.
CREATE TABLE feed (
  xid         TEXT    NOT NULL,
  at_ms       INTEGER NOT NULL,
  received_ms INTEGER NOT NULL,
  event_id    TEXT    NOT NULL,
  action      TEXT    NOT NULL,
  brand       TEXT    NOT NULL,
  active      INTEGER NOT NULL,  -- 1: somebody was there when it happened
  group_xid   TEXT,              -- of the group that it is tied to
  PRIMARY KEY (xid, at_ms, received_ms, event_id)
) WITHOUT ROWID;
CREATE INDEX feed_by_action ON feed (xid, action, at_ms, received_ms, event_id);
CREATE INDEX feed_by_time ON feed (at_ms, received_ms, event_id);
CREATE INDEX feed_by_receipt ON feed (received_ms, event_id);
CREATE INDEX feed_by_group ON feed (group_xid, at_ms, received_ms, event_id) WHERE group_xid IS NOT NULL;

-- What computed traits take of events; lives and dies with the event's row in feed.
CREATE TABLE taken (
  xid         TEXT    NOT NULL,
  at_ms       INTEGER NOT NULL,
  received_ms INTEGER NOT NULL,
  event_id    TEXT    NOT NULL,
  trait       TEXT    NOT NULL,  -- id of the definition
  value       TEXT    NOT NULL,  -- JSON
  PRIMARY KEY (xid, at_ms, received_ms, event_id, trait)
) WITHOUT ROWID;

-- To whom the events of an identity went when somebody else began to use it; see pipeline/handover.py.
CREATE TABLE handovers (
  xid      TEXT    NOT NULL,
  until_ms INTEGER NOT NULL,  -- by the time of what gave it to somebody else
  owner    TEXT    NOT NULL,
  PRIMARY KEY (xid, until_ms, owner)
) WITHOUT ROWID;
CREATE INDEX handovers_to ON handovers (owner);

-- Whose fragments say a name that finds people and does not link them: an email, a group. And which
-- identities are found by another name than their own: an email in another spelling.
CREATE TABLE finders (
  found   TEXT NOT NULL,  -- xid of the name
  owner   TEXT NOT NULL,
  dataset TEXT NOT NULL,  -- of the fragment; empty: the owner is found by what it is itself
  PRIMARY KEY (found, owner, dataset)
) WITHOUT ROWID;
CREATE INDEX finders_of_owners ON finders (owner, dataset);

-- The ids under which accounts know customers: one for every identity.
CREATE TABLE customer_ids (
  id  TEXT NOT NULL PRIMARY KEY,
  xid TEXT NOT NULL
) WITHOUT ROWID;

-- How far feed, taken, finders and customer_ids are filled for what was here before; see
-- pipeline/backfill.py.
CREATE TABLE backfills (
  part   TEXT    NOT NULL PRIMARY KEY,
  basis  TEXT    NOT NULL,  -- what it is filled by; another basis begins anew
  cursor TEXT    NOT NULL,
  done   INTEGER NOT NULL
) WITHOUT ROWID;

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
  replayed_as  TEXT,                          -- how that one ended; see outcomes
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
  outcome TEXT    NOT NULL,  -- applied, duplicate, suppressed or failed
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

-- Numbers of the records that were known duplicates or suppressed, until the lake has passed them.
CREATE TABLE left_out (
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

-- How many rows of a deleted person went, by the deletion that asked for it.
CREATE TABLE erasures (
  request TEXT    NOT NULL,
  place   TEXT    NOT NULL,
  removed INTEGER NOT NULL,
  PRIMARY KEY (request, place)
) WITHOUT ROWID;

-- Records of a deleted person that do not name them: what a device had brought that was handed over.
CREATE TABLE erased_records (
  request TEXT    NOT NULL,
  seq     INTEGER NOT NULL,  -- number of the record in the journal
  call    TEXT    NOT NULL,  -- event id of the call that it is of, or empty
  PRIMARY KEY (request, seq)
) WITHOUT ROWID;
