-- Who may ask OCSP: one purpose and limits of its own for each API key, other ways to present a key, and the
-- yes or no of the entitlement "registered".
--
-- An OCSP request says no purpose, so its credential does: exactly one (design section 10). Keys from before
-- this file were made for status checks. The limits are null where the server's settings apply.
ALTER TABLE api_key
    ADD COLUMN ocsp_purpose text NOT NULL DEFAULT 'current_status_check'
        CHECK (ocsp_purpose IN ('current_status_check', 'signature_verification')),
    ADD COLUMN ocsp_rate_per_s integer CHECK (ocsp_rate_per_s > 0),
    ADD COLUMN ocsp_burst integer CHECK (ocsp_burst > 0),
    -- Target of a composite foreign key: a binding of one institution cannot name another's key.
    ADD UNIQUE (institution_id, key_id);

-- The key is the credential's record; a binding is another way to present it, for clients that can send no
-- header: a pinned client certificate, or the address that a connection comes from.
CREATE TABLE api_key_binding (
    binding_id uuid PRIMARY KEY,
    key_id uuid NOT NULL,
    institution_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('certificate', 'network')),
    -- Of the whole certificate, DER.
    certificate_sha256 bytea CHECK (octet_length(certificate_sha256) = 32),
    network cidr,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    FOREIGN KEY (institution_id, key_id) REFERENCES api_key (institution_id, key_id) ON DELETE CASCADE,
    CHECK ((kind = 'certificate') = (certificate_sha256 IS NOT NULL)),
    CHECK ((kind = 'network') = (network IS NOT NULL)),
    -- One address is one caller: of two living networks none holds a part of the other.
    CONSTRAINT one_caller_for_an_address
        EXCLUDE USING gist (network inet_ops WITH &&) WHERE (network IS NOT NULL AND revoked_at IS NULL)
);
CREATE UNIQUE INDEX one_caller_for_a_certificate ON api_key_binding (certificate_sha256)
    WHERE certificate_sha256 IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX api_key_binding_of_key ON api_key_binding (key_id);

ALTER TABLE api_key_binding ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key_binding FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_key_binding
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY administration ON api_key_binding FOR SELECT TO jpki_owner USING (true);

-- As with a key's hash (0001): whoever names a certificate's hash, or one address, sees the living binding that
-- it belongs to, that binding's key and the key's institution, and no other. Reading only.
CREATE POLICY presented_binding ON api_key_binding FOR SELECT TO jpki_app
    USING (revoked_at IS NULL AND (
        certificate_sha256 = decode(nullif(current_setting('app.certificate_sha256', true), ''), 'hex')
        OR network >>= nullif(current_setting('app.peer', true), '')::inet));
CREATE POLICY presented_binding ON api_key FOR SELECT TO jpki_app
    USING (key_id IN (
        SELECT b.key_id FROM api_key_binding AS b
        WHERE b.revoked_at IS NULL AND (
            b.certificate_sha256 = decode(nullif(current_setting('app.certificate_sha256', true), ''), 'hex')
            OR b.network >>= nullif(current_setting('app.peer', true), '')::inet)));
CREATE POLICY presented_binding ON institution FOR SELECT TO jpki_app
    USING (institution_id IN (
        SELECT b.institution_id FROM api_key_binding AS b
        WHERE b.revoked_at IS NULL AND (
            b.certificate_sha256 = decode(nullif(current_setting('app.certificate_sha256', true), ''), 'hex')
            OR b.network >>= nullif(current_setting('app.peer', true), '')::inet)));

GRANT SELECT, UPDATE (revoked_at) ON api_key_binding TO jpki_app;

-- Which of these certificates does this institution watch? Tags (0002) stay readable by the detector alone: the
-- application brings tags that it computed, under a key that is not in this database, and hears a yes or a no
-- for each. The function runs as its owner, whom the forced policy "tenant" binds like everybody: without a
-- tenant, and for any other institution's registration, the answer is no.
CREATE FUNCTION registered_among(tags bytea[]) RETURNS SETOF bytea
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT DISTINCT t.tag FROM public.registration_tag AS t
        WHERE t.tag = ANY (registered_among.tags)
            AND t.institution_id
                = nullif(pg_catalog.current_setting('app.institution_id', true), '')::pg_catalog.uuid
    $$;
REVOKE ALL ON FUNCTION registered_among(bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION registered_among(bytea[]) TO jpki_app;
