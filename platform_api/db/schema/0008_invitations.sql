-- Invitations to consent (a letter with a QR code), signing attempts, and the explanations that customers read.
--
-- A letter's consent can be signed by the wrong person. Until the institution confirms who signed, nothing of the
-- signer is here but keyed hashes and a sealed pairwise id: what he signed waits in the queue of deliveries (0006),
-- encrypted to the institution's own key.

-- What a service explains to its customers; a version never changes, because consents name it.
CREATE TABLE consent_text (
    institution_id uuid NOT NULL,
    service_id uuid NOT NULL,
    version integer NOT NULL CHECK (version BETWEEN 1 AND 999999),
    -- {"ja": {"1": "...", ...}, "en": {...} or null}
    content jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (institution_id, service_id, version),
    FOREIGN KEY (institution_id, service_id) REFERENCES service (institution_id, service_id) ON DELETE CASCADE
);

CREATE TABLE consent_invitation (
    invitation_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL,
    service_id uuid NOT NULL,
    key_id uuid NOT NULL,
    -- The registration that it is for: given, or made when the institution confirmed.
    registration_id uuid,
    registration_ref text CHECK (registration_ref ~ '^[A-Za-z0-9_-]{1,64}$'),
    customer_ref text CHECK (customer_ref ~ '^[A-Za-z0-9_-]{1,64}$'),
    -- The 申請番号 of the application that the holder signs.
    application_number uuid NOT NULL UNIQUE,
    language text NOT NULL CHECK (language IN ('ja', 'en')),
    -- HMAC-SHA-256 of the letter's token under a secret outside the database: a dump of this table opens no letter.
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    state text NOT NULL CHECK (state IN (
        'CREATED', 'OPENED', 'SIGNED', 'PENDING_INSTITUTION_CONFIRMATION', 'CONFIRMED', 'REJECTED', 'DECLINED',
        'EXPIRED', 'CANCELLED')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    opened_at timestamptz,
    read_at timestamptz,
    signed_at timestamptz,
    confirm_by timestamptz,
    ended_at timestamptz,
    consent_id uuid,
    delivery_id uuid,
    certificate_hash bytea CHECK (octet_length(certificate_hash) = 32),
    signed_hash bytea CHECK (octet_length(signed_hash) = 32),
    -- The signer's pairwise id (PPID), sealed; and a keyed tag of it that is comparable within one service only,
    -- under a secret outside the database. Both go when the institution says that it was somebody else.
    ppid bytea,
    ppid_tag bytea CHECK (octet_length(ppid_tag) = 32),
    FOREIGN KEY (institution_id, service_id) REFERENCES service (institution_id, service_id) ON DELETE CASCADE,
    FOREIGN KEY (institution_id, key_id) REFERENCES api_key (institution_id, key_id),
    FOREIGN KEY (institution_id, registration_id)
        REFERENCES registration (institution_id, registration_id) ON DELETE CASCADE,
    UNIQUE (institution_id, invitation_id),
    CHECK (expires_at > created_at),
    CHECK (registration_id IS NOT NULL OR (registration_ref IS NOT NULL AND customer_ref IS NOT NULL)),
    CHECK (state NOT IN ('SIGNED', 'PENDING_INSTITUTION_CONFIRMATION', 'CONFIRMED')
        OR (signed_at IS NOT NULL AND certificate_hash IS NOT NULL AND signed_hash IS NOT NULL)),
    CHECK ((ppid IS NULL) = (ppid_tag IS NULL)),
    CHECK (ppid IS NULL OR state IN ('SIGNED', 'PENDING_INSTITUTION_CONFIRMATION', 'CONFIRMED'))
);
CREATE INDEX consent_invitation_newest ON consent_invitation (institution_id, created_at DESC, invitation_id DESC);
CREATE INDEX consent_invitation_open ON consent_invitation (institution_id, expires_at)
    WHERE state IN ('CREATED', 'OPENED', 'SIGNED', 'PENDING_INSTITUTION_CONFIRMATION');
CREATE INDEX consent_invitation_person ON consent_invitation (institution_id, service_id, ppid_tag)
    WHERE ppid_tag IS NOT NULL;

-- The way of one browser to an app that signs and back: the state parameter by keyed hash, used once.
CREATE TABLE invitation_signing (
    state_hash bytea PRIMARY KEY CHECK (octet_length(state_hash) = 32),
    institution_id uuid NOT NULL,
    invitation_id uuid NOT NULL,
    -- Of the cookie that the browser must bring back with it.
    browser_hash bytea NOT NULL CHECK (octet_length(browser_hash) = 32),
    holder_app text NOT NULL CHECK (holder_app ~ '^[a-z_]{1,32}$'),
    -- What the app gave us to fetch the signature by, sealed.
    ticket bytea,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    FOREIGN KEY (institution_id, invitation_id)
        REFERENCES consent_invitation (institution_id, invitation_id) ON DELETE CASCADE
);
CREATE INDEX invitation_signing_of ON invitation_signing (institution_id, invitation_id);

-- An application may belong to an invitation, and to a registration only once the institution has confirmed.
ALTER TABLE consent_application
    ALTER COLUMN registration_id DROP NOT NULL,
    ADD COLUMN invitation_id uuid,
    ADD CONSTRAINT applications_are_for_somebody
        CHECK (registration_id IS NOT NULL OR invitation_id IS NOT NULL),
    ADD CONSTRAINT application_of_invitation FOREIGN KEY (institution_id, invitation_id)
        REFERENCES consent_invitation (institution_id, invitation_id) ON DELETE CASCADE;

ALTER TABLE consent_text ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_text FORCE ROW LEVEL SECURITY;
ALTER TABLE consent_invitation ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_invitation FORCE ROW LEVEL SECURITY;
ALTER TABLE invitation_signing ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation_signing FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent_text
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON consent_invitation
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON invitation_signing
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);

-- As with a key's hash (0001): a customer says no tenant, but whoever names the hash of a letter's token, or of a
-- state parameter, sees that one row. Reading only; everything else happens inside the tenant found there.
CREATE POLICY presented_token ON consent_invitation FOR SELECT TO jpki_app
    USING (token_hash = decode(nullif(current_setting('app.letter_hash', true), ''), 'hex'));
CREATE POLICY presented_state ON invitation_signing FOR SELECT TO jpki_app
    USING (state_hash = decode(nullif(current_setting('app.letter_hash', true), ''), 'hex'));

GRANT SELECT, INSERT ON consent_text TO jpki_app;
GRANT SELECT, INSERT, UPDATE ON consent_invitation TO jpki_app;
GRANT SELECT, INSERT, UPDATE (used_at, ticket), DELETE ON invitation_signing TO jpki_app;
GRANT UPDATE (registration_id) ON consent_application TO jpki_app;
