-- Base: institutions, their services, API keys and wrapped data keys, and idempotency records.
--
-- Run as jpki_owner, who owns every table and, because row-level security is FORCED, is bound by it too.
-- The roles (jpki_owner, jpki_app, detector) exist before this file runs; see platform_api/db/roles.py.
-- There is no now() here: times come from the application's clock.
-- Nothing newer than PostgreSQL 15.

CREATE TABLE institution (
    institution_id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    legal_basis text NOT NULL CHECK (length(legal_basis) BETWEEN 1 AND 500),
    contract_from timestamptz NOT NULL,
    contract_until timestamptz CHECK (contract_until > contract_from),
    purposes text[] NOT NULL,
    kinds text[] NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE service (
    service_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL REFERENCES institution,
    service_code text NOT NULL UNIQUE CHECK (service_code ~ '^[A-Za-z0-9_-]{1,64}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL,
    -- Target of composite foreign keys: a row of one institution cannot name another's service.
    UNIQUE (institution_id, service_id)
);

CREATE TABLE api_key (
    key_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL REFERENCES institution,
    -- HMAC-SHA-256 of the key under a secret outside the database: a dump of this table opens nothing.
    key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
    label text NOT NULL CHECK (length(label) BETWEEN 1 AND 200),
    scopes text[] NOT NULL,
    entitlement text NOT NULL CHECK (entitlement IN ('registered', 'presented', 'any')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_key_of_institution ON api_key (institution_id);

CREATE TABLE institution_key (
    institution_id uuid NOT NULL REFERENCES institution,
    epoch integer NOT NULL CHECK (epoch > 0),
    kek_id text NOT NULL,
    wrapped bytea NOT NULL,
    PRIMARY KEY (institution_id, epoch)
);

-- Never holds a body of an operation whose response is transient; other bodies are sealed.
CREATE TABLE idempotency (
    idempotency_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL REFERENCES institution,
    key_hash bytea NOT NULL CHECK (octet_length(key_hash) = 32),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    status integer,
    body bytea,
    ids jsonb,
    UNIQUE (institution_id, key_hash)
);
CREATE INDEX idempotency_expiry ON idempotency (institution_id, expires_at);

ALTER TABLE institution ENABLE ROW LEVEL SECURITY;
ALTER TABLE institution FORCE ROW LEVEL SECURITY;
ALTER TABLE service ENABLE ROW LEVEL SECURITY;
ALTER TABLE service FORCE ROW LEVEL SECURITY;
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
ALTER TABLE institution_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE institution_key FORCE ROW LEVEL SECURITY;
ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON institution
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON service
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON api_key
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON institution_key
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON idempotency
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);

-- Who is asking is not known before the key is looked up: whoever can name a key's hash sees that key's row
-- and its institution's, and no other. Reading only.
CREATE POLICY presented_key ON api_key FOR SELECT TO jpki_app
    USING (key_hash = decode(nullif(current_setting('app.key_hash', true), ''), 'hex'));
CREATE POLICY presented_key ON institution FOR SELECT TO jpki_app
    USING (institution_id IN (
        SELECT k.institution_id FROM api_key AS k
        WHERE k.key_hash = decode(nullif(current_setting('app.key_hash', true), ''), 'hex')));

-- The operator's command line lists institutions (owner); the night counts per institution (detector).
CREATE POLICY administration ON institution FOR SELECT TO jpki_owner USING (true);
CREATE POLICY administration ON service FOR SELECT TO jpki_owner USING (true);
CREATE POLICY administration ON api_key FOR SELECT TO jpki_owner USING (true);
CREATE POLICY detection ON institution FOR SELECT TO detector USING (true);

GRANT SELECT ON institution, service, api_key, institution_key TO jpki_app;
GRANT UPDATE (revoked_at) ON api_key TO jpki_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency TO jpki_app;
GRANT SELECT ON institution, service, institution_key TO detector;
