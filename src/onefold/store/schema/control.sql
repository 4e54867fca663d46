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
  created_ms        INTEGER NOT NULL,
  revoked_ms        INTEGER,
  PRIMARY KEY (org_id, client_id)
) WITHOUT ROWID;

CREATE TABLE sandboxes (
  org_id     TEXT    NOT NULL,
  sandbox_id TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  title      TEXT    NOT NULL,
  type       TEXT    NOT NULL,              -- production or development
  is_default INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY (org_id, sandbox_id),
  UNIQUE (org_id, name)
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
  PRIMARY KEY (sandbox_id, dataset_id),
  UNIQUE (sandbox_id, name)
) WITHOUT ROWID;

-- Streaming connections; each has one inlet, whose id is what senders use.
CREATE TABLE connections (
  sandbox_id              TEXT    NOT NULL,
  connection_id           TEXT    NOT NULL,
  inlet_id                TEXT    NOT NULL, -- 64 hexadecimal digits
  name                    TEXT    NOT NULL,
  description             TEXT    NOT NULL,
  source_id               TEXT    NOT NULL,
  data_type               TEXT    NOT NULL, -- xdm or raw
  authentication_required INTEGER NOT NULL,
  created_ms              INTEGER NOT NULL,
  updated_ms              INTEGER NOT NULL,
  PRIMARY KEY (sandbox_id, connection_id)
) WITHOUT ROWID;

CREATE TABLE merge_policies (
  sandbox_id TEXT NOT NULL,
  policy_id  TEXT NOT NULL,
  document   TEXT NOT NULL,
  PRIMARY KEY (sandbox_id, policy_id)
);
