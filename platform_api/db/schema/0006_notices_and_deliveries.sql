-- Events that no list causes, the institutions' own public keys, and the queue of what was encrypted to them.

ALTER TABLE event
    ADD COLUMN consent_id uuid,
    ADD COLUMN invitation_id uuid,
    ADD COLUMN delivery_id uuid;
-- The checks of 0002 knew certificate events and days only. Unnamed there, so they are found by what they say.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT conname FROM pg_catalog.pg_constraint
        WHERE conrelid = 'event'::regclass AND contype = 'c'
            AND pg_catalog.pg_get_constraintdef(oid) LIKE '%registration_id IS NULL%'
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE event DROP CONSTRAINT %I', found.conname);
    END LOOP;
END
$$;
ALTER TABLE event
    ADD CONSTRAINT certificate_events_name_one
        CHECK ((type LIKE 'certificate.%') = (certificate_id IS NOT NULL)),
    ADD CONSTRAINT events_are_about_something
        CHECK ((type = 'day.completed')
            = (registration_id IS NULL AND consent_id IS NULL AND invitation_id IS NULL));

-- Public keys of the institution's own, to which queued items are encrypted (RFC 7516). A key never changes.
CREATE TABLE delivery_key (
    institution_id uuid NOT NULL REFERENCES institution (institution_id) ON DELETE CASCADE,
    kid text NOT NULL CHECK (kid ~ '^[A-Za-z0-9_-]{1,64}$'),
    -- The public members of a JWK (RFC 7517), canonical JSON.
    jwk text NOT NULL CHECK (length(jwk) BETWEEN 1 AND 4096),
    algorithm text NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    PRIMARY KEY (institution_id, kid)
);

-- UNLOGGED: not in the write-ahead log, not in a base backup's replay, empty after a crash (what was in it is
-- fetched again). A row is ciphertext that we cannot open; it goes when it is acknowledged, or at expires_at.
CREATE UNLOGGED TABLE delivery (
    delivery_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL REFERENCES institution (institution_id) ON DELETE CASCADE,
    purpose text NOT NULL CHECK (purpose IN ('four_information', 'consent_signer')),
    registration_id uuid,
    invitation_id uuid,
    -- The query whose DATA answer it is: acknowledged with the delivery.
    query_id uuid,
    kid text NOT NULL,
    jwe bytea NOT NULL CHECK (octet_length(jwe) BETWEEN 1 AND 65536),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CHECK (expires_at > created_at AND expires_at <= created_at + interval '72 hours'),
    CHECK ((registration_id IS NOT NULL) OR (invitation_id IS NOT NULL)),
    FOREIGN KEY (institution_id, registration_id)
        REFERENCES registration (institution_id, registration_id) ON DELETE CASCADE,
    FOREIGN KEY (institution_id, kid) REFERENCES delivery_key (institution_id, kid)
);
-- One waiting delivery for each registration: a newer answer replaces an older one.
CREATE UNIQUE INDEX delivery_of_registration ON delivery (registration_id) WHERE purpose = 'four_information';
CREATE UNIQUE INDEX delivery_of_invitation ON delivery (invitation_id) WHERE purpose = 'consent_signer';
CREATE INDEX delivery_expiry ON delivery (institution_id, expires_at);

ALTER TABLE delivery_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery_key FORCE ROW LEVEL SECURITY;
ALTER TABLE delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON delivery_key
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON delivery
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE (retired_at) ON delivery_key TO jpki_app;
GRANT SELECT, INSERT, DELETE ON delivery TO jpki_app;
