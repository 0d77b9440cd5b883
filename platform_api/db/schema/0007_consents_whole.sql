-- A consent's whole life: what the clock does next, its history, withdrawals, reminders, receipts, and how far
-- J-LIS's list of withdrawals was read. Nothing here holds a certificate, a serial number or an item.

ALTER TABLE consent
    -- The institution's own stop: from this instant on nothing is fetched. A JST midnight, or the moment it said so.
    ADD COLUMN stops_at timestamptz,
    -- When the clock next turns the consent or a reminder is due; infinity once there is nothing to come. Minus
    -- infinity, also for a consent written by an older release: look at once.
    ADD COLUMN next_due_at timestamptz NOT NULL DEFAULT '-infinity',
    -- When J-LIS was last asked whether it has reflected the consent.
    ADD COLUMN state_asked_at timestamptz,
    ADD UNIQUE (institution_id, consent_id);
CREATE INDEX consent_due ON consent (institution_id, next_due_at) WHERE state = 'REFLECTED';
CREATE INDEX consent_unreflected ON consent (institution_id, state_asked_at) WHERE state IN ('RECEIVED', 'SENT');
CREATE INDEX consent_by_ref ON consent (institution_id, consent_ref) WHERE consent_ref IS NOT NULL;
CREATE INDEX consent_listing ON consent (institution_id, received_at, consent_id);

-- Each state is entered at most once in a consent's life. A row is written in the transaction of its event, so
-- this key is also what makes each event come exactly once.
CREATE TABLE consent_history (
    consent_id uuid NOT NULL,
    institution_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN (
        'RECEIVED', 'SENT', 'REFUSED', 'REFLECTED', 'EFFECTIVE', 'EXPIRING', 'EXPIRED', 'WITHDRAWN', 'STOPPED')),
    -- When it was so, and when we wrote it down: a withdrawal at J-LIS is learnt of later.
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    who text NOT NULL CHECK (who IN ('holder', 'institution', 'jlis', 'clock')),
    code text CHECK (length(code) BETWEEN 1 AND 64),
    PRIMARY KEY (consent_id, state),
    FOREIGN KEY (institution_id, consent_id) REFERENCES consent (institution_id, consent_id) ON DELETE CASCADE
);

-- Withdrawal applications that we wrote for a holder to sign: the very octets, by hash.
CREATE TABLE withdrawal_application (
    application_number uuid PRIMARY KEY,
    institution_id uuid NOT NULL,
    consent_id uuid NOT NULL,
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    created_at timestamptz NOT NULL,
    FOREIGN KEY (institution_id, consent_id) REFERENCES consent (institution_id, consent_id) ON DELETE CASCADE
);
CREATE INDEX withdrawal_application_of_consent ON withdrawal_application (institution_id, consent_id);

-- How a withdrawn consent was withdrawn, and whether J-LIS knows. The signed application itself must reach J-LIS
-- and contains the certificate, so it is not kept: while PENDING, the institution hands it in again.
CREATE TABLE consent_withdrawal (
    consent_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL,
    -- Null where the holder withdrew at J-LIS and we read of it.
    application_number uuid,
    application_sha256 bytea CHECK (octet_length(application_sha256) = 32),
    received_at timestamptz,
    forwarding text NOT NULL CHECK (forwarding IN ('PENDING', 'FORWARDED', 'REFUSED', 'NO_REFERENCE', 'SEEN')),
    forwarding_code text CHECK (length(forwarding_code) BETWEEN 1 AND 64),
    -- From when on J-LIS gives nothing more by this consent.
    jlis_reflected_at timestamptz,
    CHECK ((application_number IS NULL) = (received_at IS NULL)),
    CHECK ((application_number IS NULL) = (application_sha256 IS NULL)),
    CHECK (application_number IS NOT NULL OR forwarding = 'SEEN'),
    CHECK (forwarding NOT IN ('FORWARDED', 'SEEN') OR jlis_reflected_at IS NOT NULL),
    FOREIGN KEY (institution_id, consent_id) REFERENCES consent (institution_id, consent_id) ON DELETE CASCADE
);
CREATE INDEX withdrawal_unforwarded ON consent_withdrawal (institution_id)
    WHERE forwarding IN ('PENDING', 'REFUSED');

-- J-LIS does not push withdrawals; this is how far its list was read. Whoever stores a consent_ref holds this row
-- FOR SHARE and looks into unknown_withdrawal, the poll holds it FOR UPDATE: neither can miss the other.
CREATE TABLE withdrawal_poll (
    institution_id uuid PRIMARY KEY REFERENCES institution (institution_id) ON DELETE CASCADE,
    cursor text CHECK (length(cursor) <= 1024),
    -- Everything that J-LIS reflected up to here has been read.
    polled_at timestamptz
);
-- Withdrawals of consents whose reference we did not (yet) know: J-LIS took the consent in and its answer was lost.
CREATE TABLE unknown_withdrawal (
    institution_id uuid NOT NULL REFERENCES institution (institution_id) ON DELETE CASCADE,
    consent_ref text NOT NULL CHECK (length(consent_ref) BETWEEN 1 AND 256),
    reflected_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (institution_id, consent_ref)
);

-- Once a year the customer is to be reminded of the consent (jpki.md section 4.2).
CREATE TABLE consent_reminder (
    consent_id uuid NOT NULL,
    institution_id uuid NOT NULL,
    due_on date NOT NULL,
    announced_at timestamptz NOT NULL,
    reminded_at timestamptz,
    PRIMARY KEY (consent_id, due_on),
    FOREIGN KEY (institution_id, consent_id) REFERENCES consent (institution_id, consent_id) ON DELETE CASCADE
);
CREATE INDEX consent_reminder_open ON consent_reminder (institution_id, due_on, consent_id)
    WHERE reminded_at IS NULL;

-- Our signed statement of what was verified at receipt (JWS, RFC 7515).
CREATE TABLE consent_receipt (
    consent_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL,
    kid text NOT NULL,
    receipt text NOT NULL CHECK (length(receipt) BETWEEN 1 AND 8192),
    FOREIGN KEY (institution_id, consent_id) REFERENCES consent (institution_id, consent_id) ON DELETE CASCADE
);
-- Public keys that ever signed a receipt here: with the private key lost, old receipts can still be verified.
CREATE TABLE receipt_key (
    -- JWK thumbprint (RFC 7638).
    kid text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{1,64}$'),
    jwk text NOT NULL CHECK (length(jwk) BETWEEN 1 AND 1024),
    first_used_at timestamptz NOT NULL
);

-- What earlier releases wrote, as history. As owner without a tenant: the policies would hide every row.
ALTER TABLE consent NO FORCE ROW LEVEL SECURITY;
INSERT INTO consent_history (consent_id, institution_id, state, at, recorded_at, who)
    SELECT consent_id, institution_id, 'RECEIVED', received_at, received_at, 'holder' FROM consent;
INSERT INTO consent_history (consent_id, institution_id, state, at, recorded_at, who)
    SELECT consent_id, institution_id, 'SENT', sent_at, sent_at, 'institution' FROM consent
    WHERE sent_at IS NOT NULL;
INSERT INTO consent_history (consent_id, institution_id, state, at, recorded_at, who)
    SELECT consent_id, institution_id, 'REFLECTED', reflected_at, reflected_at, 'jlis' FROM consent
    WHERE reflected_at IS NOT NULL;
INSERT INTO consent_history (consent_id, institution_id, state, at, recorded_at, who, code)
    SELECT consent_id, institution_id, 'REFUSED', coalesce(sent_at, received_at), coalesce(sent_at, received_at),
        'jlis', left(refusal_code, 64) FROM consent
    WHERE state = 'REFUSED';
ALTER TABLE consent FORCE ROW LEVEL SECURITY;

ALTER TABLE consent_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_history FORCE ROW LEVEL SECURITY;
ALTER TABLE withdrawal_application ENABLE ROW LEVEL SECURITY;
ALTER TABLE withdrawal_application FORCE ROW LEVEL SECURITY;
ALTER TABLE consent_withdrawal ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_withdrawal FORCE ROW LEVEL SECURITY;
ALTER TABLE withdrawal_poll ENABLE ROW LEVEL SECURITY;
ALTER TABLE withdrawal_poll FORCE ROW LEVEL SECURITY;
ALTER TABLE unknown_withdrawal ENABLE ROW LEVEL SECURITY;
ALTER TABLE unknown_withdrawal FORCE ROW LEVEL SECURITY;
ALTER TABLE consent_reminder ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_reminder FORCE ROW LEVEL SECURITY;
ALTER TABLE consent_receipt ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_receipt FORCE ROW LEVEL SECURITY;
ALTER TABLE receipt_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE receipt_key FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON consent_history
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON withdrawal_application
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON consent_withdrawal
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON withdrawal_poll
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON unknown_withdrawal
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON consent_reminder
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON consent_receipt
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
-- No tenant's data: public keys, read by everybody, added by the application, changed by nobody.
CREATE POLICY published ON receipt_key FOR SELECT TO jpki_app, jpki_owner USING (true);
CREATE POLICY publish ON receipt_key FOR INSERT TO jpki_app WITH CHECK (true);

GRANT SELECT, INSERT ON consent_history, withdrawal_application, consent_receipt, receipt_key TO jpki_app;
GRANT SELECT, INSERT, UPDATE ON consent_withdrawal, withdrawal_poll TO jpki_app;
GRANT SELECT, INSERT, DELETE ON unknown_withdrawal TO jpki_app;
GRANT SELECT, INSERT, UPDATE (reminded_at) ON consent_reminder TO jpki_app;
