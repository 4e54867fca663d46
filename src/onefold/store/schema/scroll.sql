-- The scrolls over all customers of one account, as they are open now. Nothing here tells who a
-- customer is: ids are keyed hashes. May be removed at any time; open scrolls are dead then.

-- Who there was, and in which order, when a scroll was opened. Several scrolls share a listing when
-- nothing had changed between them.
CREATE TABLE listings (
  listing  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  version  TEXT    NOT NULL,  -- of the profiles that it was made of; empty while it is made
  used_ms  INTEGER NOT NULL   -- when a scroll was last opened on it, or it was written to
);

-- The customers of a listing. rank: ascending; of the last activity.
CREATE TABLE customers (
  listing INTEGER NOT NULL,
  id      BLOB    NOT NULL,   -- 16 bytes
  rank    INTEGER NOT NULL,
  known   INTEGER NOT NULL,   -- 1: with a userId or an e-mail address
  PRIMARY KEY (listing, id)
) WITHOUT ROWID;
CREATE INDEX customers_in_order ON customers (listing, rank, id, known);

CREATE TABLE scrolls (
  number  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,  -- ascending as they were opened
  scroll  TEXT    NOT NULL UNIQUE,
  key_id  TEXT    NOT NULL,   -- of the API key that opened it
  listing INTEGER NOT NULL,
  used_ms INTEGER NOT NULL
);
CREATE INDEX scrolls_of_keys ON scrolls (key_id, number);
CREATE INDEX scrolls_of_listings ON scrolls (listing);
