-- The edge store of one destination: what is projected to it, of whom, ready to be answered. Derived
-- from the profile store of its sandbox and the definitions; may be removed and is then filled anew.

-- How far the log of changes was followed, and what the entries were made by.
CREATE TABLE followed (
  one    INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  number INTEGER NOT NULL,   -- of the last change that is in the entries
  shape  TEXT    NOT NULL,   -- of the definitions; empty: nothing was ever made
  walked TEXT                -- while it is filled: the last cluster that is done; else NULL
) WITHOUT ROWID;
INSERT INTO followed VALUES (1, 0, '', NULL);

-- Whose entries there are: each identity of a person, and when the person's entries were made.
CREATE TABLE identities (
  xid     TEXT NOT NULL PRIMARY KEY,
  cluster TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX identities_by_cluster ON identities (cluster);
CREATE TABLE people (
  cluster      TEXT    NOT NULL PRIMARY KEY,
  refreshed_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX people_by_age ON people (refreshed_ms);

-- What is answered. xid: empty where the whole person is projected; an identity where the merge
-- policy has no graph and each identity has a projection of its own.
CREATE TABLE entries (
  cluster    TEXT NOT NULL,
  xid        TEXT NOT NULL,
  projection TEXT NOT NULL,  -- id of the configuration
  body       BLOB NOT NULL,  -- JSON
  PRIMARY KEY (cluster, xid, projection)
) WITHOUT ROWID;

-- Of reactive destinations: which identity was asked for last when, for which region.
CREATE TABLE activity (
  xid      TEXT    NOT NULL,
  region   TEXT    NOT NULL, -- empty: none was named
  asked_ms INTEGER NOT NULL,
  cluster  TEXT    NOT NULL,
  PRIMARY KEY (xid, region)
) WITHOUT ROWID;
CREATE INDEX activity_by_cluster ON activity (cluster);
CREATE INDEX activity_by_age ON activity (asked_ms);

-- Who was asked for in vain, or again after a while; written by HTTP processes.
CREATE TABLE wishes (
  xid      TEXT    NOT NULL,
  region   TEXT    NOT NULL,
  asked_ms INTEGER NOT NULL,
  PRIMARY KEY (xid, region)
) WITHOUT ROWID;
