-- The control database: who may call, and every definition of every sandbox.
-- Each row begins with org_id or sandbox_id; documents are JSON texts.

-- One number, one more with each transaction that changes anything here.
CREATE TABLE generation (
  one    INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  number INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO generation VALUES (1, 0);

CREATE TABLE organisations (
  org_id     TEXT    NOT NULL PRIMARY KEY,  -- 24 hexadecimal digits and @AdobeOrg
  name       TEXT    NOT NULL,
  tenant_id  TEXT    NOT NULL,              -- without the underscore that fields carry
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- API projects. Of a secret only its salted hash is kept, of a key pair only the certificate.
CREATE TABLE credentials (
  org_id            TEXT    NOT NULL,
  client_id         TEXT    NOT NULL,
  name              TEXT    NOT NULL,
  technical_account TEXT    NOT NULL,
  secret_salt       BLOB    NOT NULL,
  secret_hash       BLOB    NOT NULL,
  certificate       TEXT    NOT NULL,       -- PEM; empty: may not exchange JWTs
  scopes            TEXT    NOT NULL,       -- JSON array
  metascopes        TEXT    NOT NULL,       -- JSON array
  permissions       TEXT    NOT NULL,       -- JSON object: sandbox name or * to array of grants
  created_ms        INTEGER NOT NULL,
  revoked_ms        INTEGER,
  PRIMARY KEY (org_id, client_id)
) WITHOUT ROWID;

-- What an organisation is called where calls come in, and the keys that may send and read them
-- there. Of a key's two secrets only the hashes are kept. Keys outlive a reset of their account.
CREATE TABLE clients (
  org_id TEXT NOT NULL PRIMARY KEY,
  client TEXT NOT NULL UNIQUE
) WITHOUT ROWID;
CREATE TABLE api_keys (
  org_id         TEXT    NOT NULL,
  key_id         TEXT    NOT NULL UNIQUE,   -- 16 hexadecimal digits
  client         TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  grants         TEXT    NOT NULL,          -- JSON array
  token_hash     BLOB    NOT NULL,
  write_key_hash BLOB    NOT NULL,          -- empty: it has no write key
  rate           INTEGER,                   -- requests in a second; NULL: what the settings say
  burst          INTEGER,
  created_ms     INTEGER NOT NULL,
  expires_ms     INTEGER,
  revoked_ms     INTEGER,
  PRIMARY KEY (org_id, key_id)
) WITHOUT ROWID;

-- sandbox_id names the store and all definitions; a reset changes it and keeps public_id.
CREATE TABLE sandboxes (
  org_id     TEXT    NOT NULL,
  sandbox_id TEXT    NOT NULL,
  public_id  TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  title      TEXT    NOT NULL,
  type       TEXT    NOT NULL,              -- production or development
  is_default INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  state      TEXT    NOT NULL,              -- active, resetting, deleted or failed
  PRIMARY KEY (org_id, sandbox_id),
  UNIQUE (org_id, name)
) WITHOUT ROWID;

-- Stores that no sandbox has any more, until the pipeline has removed them from the disk.
CREATE TABLE discarded_stores (
  org_id       TEXT    NOT NULL,
  sandbox_id   TEXT    NOT NULL,            -- what the store was named
  name         TEXT    NOT NULL,            -- of the sandbox that waits for the removal
  discarded_ms INTEGER NOT NULL,
  removed      INTEGER NOT NULL,            -- 1: gone, but a late request may still write there
  PRIMARY KEY (org_id, sandbox_id)
) WITHOUT ROWID;

-- The sandboxes that take calls, and what is said of that: their datasets, protected traits, plan.
CREATE TABLE accounts (
  sandbox_id TEXT NOT NULL PRIMARY KEY,
  document   TEXT NOT NULL
) WITHOUT ROWID;

-- Custom namespaces; the standard ones are in the code.
CREATE TABLE namespaces (
  org_id       TEXT    NOT NULL,
  namespace_id INTEGER NOT NULL,
  code         TEXT    NOT NULL,
  name         TEXT    NOT NULL,
  id_type      TEXT    NOT NULL,
  description  TEXT    NOT NULL,
  created_ms   INTEGER NOT NULL,
  updated_ms   INTEGER NOT NULL,
  PRIMARY KEY (org_id, namespace_id),
  UNIQUE (org_id, code)
) WITHOUT ROWID;

-- The tenant container of the schema registry.
CREATE TABLE resources (
  sandbox_id  TEXT NOT NULL,
  resource_id TEXT NOT NULL,                -- $id
  kind        TEXT NOT NULL,                -- schemas, classes, mixins or datatypes
  title       TEXT NOT NULL,
  document    TEXT NOT NULL,
  PRIMARY KEY (sandbox_id, resource_id)
);
CREATE INDEX resources_by_title ON resources (sandbox_id, kind, title);

-- Who changed which of them, and how; rows outlive the resource. Written with the change itself.
CREATE TABLE resource_changes (
  number      INTEGER NOT NULL PRIMARY KEY,
  sandbox_id  TEXT    NOT NULL,
  resource_id TEXT    NOT NULL,
  kind        TEXT    NOT NULL,
  act         TEXT    NOT NULL,             -- create, update or delete
  version     TEXT    NOT NULL,             -- of the resource afterwards; as it was when deleted
  at_ms       INTEGER NOT NULL,
  client_id   TEXT    NOT NULL,             -- empty: made by the installation itself
  request_id  TEXT    NOT NULL,
  trails      TEXT    NOT NULL              -- JSON array
);
CREATE INDEX resource_changes_by_resource ON resource_changes (sandbox_id, resource_id, number);

CREATE TABLE descriptors (
  sandbox_id    TEXT NOT NULL,
  descriptor_id TEXT NOT NULL,              -- @id
  schema_id     TEXT NOT NULL,
  type          TEXT NOT NULL,              -- @type
  document      TEXT NOT NULL,
  PRIMARY KEY (sandbox_id, descriptor_id)
);
CREATE INDEX descriptors_by_schema ON descriptors (sandbox_id, schema_id);

CREATE TABLE datasets (
  sandbox_id  TEXT    NOT NULL,
  dataset_id  TEXT    NOT NULL,             -- 24 hexadecimal digits
  name        TEXT    NOT NULL,
  description TEXT    NOT NULL,
  schema_id   TEXT    NOT NULL,
  tags        TEXT    NOT NULL,             -- JSON object: tag to array of texts
  created_ms  INTEGER NOT NULL,
  updated_ms  INTEGER NOT NULL,
  view_id     TEXT    NOT NULL,             -- 24 hexadecimal digits
  version     INTEGER NOT NULL,             -- changes since it was made
  created_by  TEXT    NOT NULL,             -- JSON array: client and user; empty: the installation
  updated_by  TEXT    NOT NULL,
  details     TEXT    NOT NULL,             -- JSON object: what is kept and shown without effect
  PRIMARY KEY (sandbox_id, dataset_id),
  UNIQUE (sandbox_id, name)
) WITHOUT ROWID;

-- Connections (each streaming one has an inlet), source and target connections, and flows.
CREATE TABLE flow_resources (
  sandbox_id     TEXT    NOT NULL,
  kind           TEXT    NOT NULL,          -- as the API's paths name it
  resource_id    TEXT    NOT NULL,
  version        TEXT    NOT NULL,          -- another one with each change
  document       TEXT    NOT NULL,
  created_ms     INTEGER NOT NULL,
  updated_ms     INTEGER NOT NULL,
  created_client TEXT    NOT NULL,
  updated_client TEXT    NOT NULL,
  PRIMARY KEY (sandbox_id, kind, resource_id)
);

-- How raw attributes become fields of a schema.
CREATE TABLE mapping_sets (
  sandbox_id     TEXT    NOT NULL,
  mapping_id     TEXT    NOT NULL,
  version        INTEGER NOT NULL,
  schema_id      TEXT    NOT NULL,
  document       TEXT    NOT NULL,
  created_ms     INTEGER NOT NULL,
  updated_ms     INTEGER NOT NULL,
  created_client TEXT    NOT NULL,
  updated_client TEXT    NOT NULL,
  PRIMARY KEY (sandbox_id, mapping_id)
);

-- Priorities and unique namespaces of a sandbox's linking rules; no row: there are no rules.
CREATE TABLE identity_settings (
  sandbox_id TEXT NOT NULL PRIMARY KEY,
  document   TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE merge_policies (
  sandbox_id TEXT NOT NULL,
  policy_id  TEXT NOT NULL,
  document   TEXT NOT NULL,
  PRIMARY KEY (sandbox_id, policy_id)
);

-- Where parts of people are held ready for the edge, and which parts.
CREATE TABLE destinations (
  sandbox_id     TEXT NOT NULL,
  destination_id TEXT NOT NULL,
  document       TEXT NOT NULL,
  PRIMARY KEY (sandbox_id, destination_id)
);
CREATE TABLE projections (
  sandbox_id    TEXT NOT NULL,
  projection_id TEXT NOT NULL,
  document      TEXT NOT NULL,
  PRIMARY KEY (sandbox_id, projection_id)
);
