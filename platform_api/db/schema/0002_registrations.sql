-- Registrations, their watched certificates, the feed of events, consents and four-information queries.
--
-- Every table: row-level security, enabled and FORCED. All roles work inside one tenant at a time
-- (app.institution_id); the role detector may in addition READ across tenants what the nightly join needs,
-- and nothing else: no sealed column, no consent. It writes inside a tenant like everybody.
-- No table here has a column for a serial number, a date of a certificate, a partition or an item in the clear.

-- Per-institution counter of the feed. UPDATE ... RETURNING inside the events' transaction holds the row's lock
-- until commit, so numbers are gap-free and become visible in order. A sequence would lose events to readers.
CREATE TABLE feed (
    institution_id uuid PRIMARY KEY REFERENCES institution (institution_id) ON DELETE CASCADE,
    next_seq bigint NOT NULL DEFAULT 1 CHECK (next_seq >= 1)
);

-- One row: the newest set whose changes are in the feeds. It advances in the transaction of the events.
CREATE TABLE detection_cursor (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    set_seq bigint NOT NULL CHECK (set_seq >= 0),
    -- Never read or written. PostgreSQL allows SELECT ... FOR SHARE only to a role that may UPDATE some column;
    -- a registration takes that lock, so that no set is detected between its check and its commit.
    share_lock boolean
);
INSERT INTO detection_cursor (singleton, set_seq) VALUES (true, 0);

CREATE TABLE registration (
    registration_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL REFERENCES institution (institution_id) ON DELETE CASCADE,
    service_id uuid NOT NULL,
    registration_ref text NOT NULL CHECK (registration_ref ~ '^[A-Za-z0-9_-]{1,64}$'),
    customer_ref text NOT NULL CHECK (customer_ref ~ '^[A-Za-z0-9_-]{1,64}$'),
    state text NOT NULL CHECK (state IN (
        'AWAITING_CERTIFICATE', 'WATCHED', 'RENEWED_UNLINKED', 'CHANGED_AWAITING_REISSUE',
        'CHANGED_DATA_AVAILABLE', 'ON_HOLD', 'ENDED', 'EXPIRED_AWAITING_RENEWAL', 'UNKNOWN')),
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- A registration of one institution cannot name another's service.
    FOREIGN KEY (institution_id, service_id) REFERENCES service (institution_id, service_id) ON DELETE CASCADE,
    UNIQUE (institution_id, service_id, registration_ref),
    UNIQUE (institution_id, registration_id)
);

-- A certificate that stands for a registration: the current one, and the successor of a DATA answer until it is
-- acknowledged. identity (ca, issuer key, serial, dates, partition) is sealed; only the expiry month is readable.
CREATE TABLE watched_certificate (
    certificate_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    -- Whose certificate: the certificate_id with which this person's chain began in this registration. A successor
    -- from a DATA answer takes it over; a certificate that was only presented begins a chain of its own.
    holder_id uuid NOT NULL,
    slot text NOT NULL CHECK (slot IN ('current', 'pending_successor')),
    kind text NOT NULL,
    condition text NOT NULL CHECK (condition IN ('NOT_LISTED', 'ON_HOLD', 'REVOKED')),
    -- Raw code (RFC 5280 section 5.3.1) behind condition, 255 for absent; null while not listed.
    reason_code smallint CHECK (reason_code BETWEEN 0 AND 255),
    identity bytea NOT NULL,
    identity_epoch integer NOT NULL,
    expiry_month date NOT NULL CHECK (extract(day FROM expiry_month) = 1),
    -- The set that the certificate was checked on: changes up to it are in condition already.
    checked_set_seq bigint NOT NULL CHECK (checked_set_seq >= 0),
    -- The query whose DATA answer brought a pending successor.
    query_id uuid,
    FOREIGN KEY (institution_id, registration_id)
        REFERENCES registration (institution_id, registration_id) ON DELETE CASCADE,
    UNIQUE (registration_id, slot) DEFERRABLE INITIALLY IMMEDIATE,
    UNIQUE (institution_id, registration_id, certificate_id)
);
CREATE INDEX watched_certificate_checked ON watched_certificate (checked_set_seq);
CREATE INDEX watched_certificate_expiry ON watched_certificate (institution_id, expiry_month);

-- Matching tags (HMAC under a key that never enters PostgreSQL). The application may only add rows; they go with
-- their certificate. Only detector may read them: a stolen application credential cannot test guessed serials.
CREATE TABLE registration_tag (
    key_id integer NOT NULL,
    tag bytea NOT NULL CHECK (octet_length(tag) = 16),
    certificate_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    institution_id uuid NOT NULL,
    PRIMARY KEY (certificate_id, key_id),
    FOREIGN KEY (institution_id, registration_id, certificate_id)
        REFERENCES watched_certificate (institution_id, registration_id, certificate_id) ON DELETE CASCADE
);
-- For the nightly join; and no registration watches one certificate in both slots, which would double its events.
CREATE UNIQUE INDEX registration_tag_lookup ON registration_tag (tag, key_id, registration_id);

-- Thin events. References of the institution are joined when read: an erased registration leaves a tombstone.
CREATE TABLE event (
    institution_id uuid NOT NULL REFERENCES institution (institution_id) ON DELETE CASCADE,
    seq bigint NOT NULL,
    event_id uuid NOT NULL UNIQUE,
    type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    set_seq bigint NOT NULL,
    decisions_version integer NOT NULL,
    cause text,
    action text,
    transition text CHECK (transition IN ('REVOKED', 'ON_HOLD', 'RELEASED')),
    registration_id uuid,
    certificate_id uuid,
    -- day.completed only
    business_date date,
    complete boolean,
    day_events integer,
    first_seq bigint,
    last_seq bigint,
    PRIMARY KEY (institution_id, seq),
    CHECK ((type = 'day.completed') = (registration_id IS NULL)),
    CHECK ((type = 'day.completed') = (complete IS NOT NULL)),
    CHECK ((registration_id IS NULL) = (certificate_id IS NULL))
);
CREATE UNIQUE INDEX event_once ON event (registration_id, certificate_id, set_seq, transition)
    WHERE registration_id IS NOT NULL;
CREATE UNIQUE INDEX event_day_once ON event (institution_id, set_seq) WHERE type = 'day.completed';

-- Applications that we wrote for a holder to sign: the very octets, by hash.
CREATE TABLE consent_application (
    application_number uuid PRIMARY KEY,
    institution_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    service_id uuid NOT NULL,
    items text[] NOT NULL CHECK (cardinality(items) BETWEEN 1 AND 4),
    text_version text NOT NULL,
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    created_at timestamptz NOT NULL,
    FOREIGN KEY (institution_id, registration_id)
        REFERENCES registration (institution_id, registration_id) ON DELETE CASCADE
);

-- Consents: parsed fields, hash, times; not the certificate, which contains the items.
CREATE TABLE consent (
    consent_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    service_id uuid NOT NULL,
    -- Which certificate signed (its row goes when the registration moves on), and whose it is: the consent applies
    -- while the registration's current certificate belongs to this holder, and never to the next one.
    certificate_id uuid NOT NULL,
    holder_id uuid NOT NULL,
    -- One consent for each application: sending the same one again finds this row.
    application_number uuid NOT NULL UNIQUE,
    application_sha256 bytea NOT NULL CHECK (octet_length(application_sha256) = 32),
    text_version text NOT NULL,
    items text[] NOT NULL CHECK (cardinality(items) BETWEEN 1 AND 4),
    state text NOT NULL CHECK (state IN (
        'RECEIVED', 'SENT', 'REFUSED', 'REFLECTED', 'WITHDRAWN', 'STOPPED')),
    refusal_code text,
    consent_ref text,
    received_at timestamptz NOT NULL,
    sent_at timestamptz,
    reflected_at timestamptz,
    valid_from timestamptz,
    valid_until timestamptz,
    FOREIGN KEY (institution_id, registration_id)
        REFERENCES registration (institution_id, registration_id) ON DELETE CASCADE,
    CHECK ((state = 'REFUSED') = (refusal_code IS NOT NULL)),
    CHECK (state <> 'REFLECTED' OR (reflected_at IS NOT NULL AND valid_from < valid_until))
);
CREATE INDEX consent_by_registration ON consent (registration_id, state);

-- One row for each query or refusal, by code: what was asked and how it ended, never what was answered.
CREATE TABLE four_information_query (
    query_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    consent_id uuid REFERENCES consent (consent_id) ON DELETE SET NULL,
    items text[] NOT NULL,
    asked_at timestamptz NOT NULL,
    outcome text NOT NULL,
    -- Which rule or failure led to the outcome, by our stable code.
    detail_code text,
    acknowledged_at timestamptz,
    FOREIGN KEY (institution_id, registration_id)
        REFERENCES registration (institution_id, registration_id) ON DELETE CASCADE
);
CREATE INDEX four_information_query_by_registration ON four_information_query (registration_id, asked_at);

-- The tenant's rows, for every role alike.
ALTER TABLE feed ENABLE ROW LEVEL SECURITY;
ALTER TABLE feed FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON feed
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
ALTER TABLE registration ENABLE ROW LEVEL SECURITY;
ALTER TABLE registration FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON registration
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
ALTER TABLE watched_certificate ENABLE ROW LEVEL SECURITY;
ALTER TABLE watched_certificate FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON watched_certificate
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
ALTER TABLE registration_tag ENABLE ROW LEVEL SECURITY;
ALTER TABLE registration_tag FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON registration_tag
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
ALTER TABLE event FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON event
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
ALTER TABLE consent_application ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_application FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent_application
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
ALTER TABLE consent ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
ALTER TABLE four_information_query ENABLE ROW LEVEL SECURITY;
ALTER TABLE four_information_query FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON four_information_query
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);

-- The cursor belongs to no tenant: everybody reads it, the detector moves it (columns are limited by grant).
ALTER TABLE detection_cursor ENABLE ROW LEVEL SECURITY;
ALTER TABLE detection_cursor FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody_reads ON detection_cursor FOR SELECT USING (true);
CREATE POLICY lock_or_move ON detection_cursor FOR UPDATE TO jpki_app, detector USING (true);

-- The detector's reading across tenants.
CREATE POLICY detector_reads ON registration_tag FOR SELECT TO detector USING (true);
CREATE POLICY detector_reads ON watched_certificate FOR SELECT TO detector USING (true);

GRANT SELECT, INSERT, UPDATE ON feed TO jpki_app, detector;
GRANT SELECT, INSERT, UPDATE, DELETE ON registration TO jpki_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON watched_certificate TO jpki_app;
GRANT INSERT ON registration_tag TO jpki_app;
GRANT SELECT, INSERT ON event TO jpki_app, detector;
GRANT SELECT, INSERT ON consent_application TO jpki_app;
GRANT SELECT, INSERT, UPDATE ON consent TO jpki_app;
GRANT SELECT, INSERT, UPDATE ON four_information_query TO jpki_app;
GRANT SELECT, UPDATE (share_lock) ON detection_cursor TO jpki_app;

GRANT SELECT ON registration_tag TO detector;
GRANT SELECT (certificate_id, institution_id, registration_id, slot, kind, condition, checked_set_seq),
    UPDATE (condition, reason_code) ON watched_certificate TO detector;
GRANT SELECT (registration_id, institution_id, state), UPDATE (state, changed_at) ON registration TO detector;
GRANT SELECT, UPDATE (set_seq) ON detection_cursor TO detector;
