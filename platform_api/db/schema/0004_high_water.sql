-- The second memory of what was believed: marks of the lists, the greatest published set, and the acts by which
-- an operator accepts that sets are lost. The first memory is the manifest chain; the greater of both wins.
--
-- Written by the night (role detector) after a publish and again at the start of the next one, so that a crash in
-- between costs nothing. The role that serves requests may not even read it: raising a mark would stop a list.
-- Nothing here is any institution's.

CREATE TABLE high_water (
    ca_id text NOT NULL CHECK (ca_id ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
    -- SHA-256 of the signer's public key, in hex, and of the distribution point: whose list it is.
    signing_key text NOT NULL CHECK (signing_key ~ '^[0-9a-f]{64}$'),
    point_sha256 bytea NOT NULL CHECK (octet_length(point_sha256) = 32),
    kind text NOT NULL CHECK (kind IN ('full', 'delta')),
    -- Up to 20 octets (RFC 5280 section 5.2.3), exact; null only where the CA's lists have none.
    crl_number numeric(49, 0) CHECK (crl_number >= 0),
    this_update timestamptz NOT NULL,
    -- Of the whole list, DER: an equal number needs equal bytes.
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    -- The set that took it.
    set_seq bigint NOT NULL CHECK (set_seq >= 1),
    PRIMARY KEY (ca_id, signing_key, point_sha256, kind)
);

-- One row: the newest set that was ever published here.
CREATE TABLE published_set (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    set_seq bigint NOT NULL CHECK (set_seq >= 1),
    manifest_sha256 text NOT NULL CHECK (manifest_sha256 ~ '^[0-9a-f]{64}$')
);

-- "The sets up to known_seq cannot be had any more; build anew": who said so, and when. Never changed, but for
-- compared_seq: the complete set that detection compared whole, after which sets are compared in pairs again.
CREATE TABLE lost_sets (
    act_id uuid PRIMARY KEY,
    known_seq bigint NOT NULL CHECK (known_seq >= 0),
    -- What the snapshot folder had instead; 0 for nothing.
    found_seq bigint NOT NULL CHECK (found_seq >= 0),
    -- New sets are numbered from here on.
    at_least bigint NOT NULL CHECK (at_least >= 1),
    recorded_by text NOT NULL CHECK (length(recorded_by) BETWEEN 1 AND 200),
    recorded_at timestamptz NOT NULL,
    compared_seq bigint
);

-- Memories only rise, whatever a statement or an old backup beside a new folder would make of them.
CREATE FUNCTION only_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'high_water' THEN
        IF NEW.this_update < OLD.this_update OR NEW.crl_number < OLD.crl_number
            OR (NEW.crl_number IS NULL AND OLD.crl_number IS NOT NULL) OR NEW.set_seq < OLD.set_seq THEN
            RAISE EXCEPTION 'a high-water mark only rises';
        END IF;
    ELSIF NEW.set_seq <= OLD.set_seq THEN
        RAISE EXCEPTION 'the published set only rises';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER only_rises BEFORE UPDATE ON high_water FOR EACH ROW EXECUTE FUNCTION only_rises();
CREATE TRIGGER only_rises BEFORE UPDATE ON published_set FOR EACH ROW EXECUTE FUNCTION only_rises();

ALTER TABLE high_water ENABLE ROW LEVEL SECURITY;
ALTER TABLE high_water FORCE ROW LEVEL SECURITY;
ALTER TABLE published_set ENABLE ROW LEVEL SECURITY;
ALTER TABLE published_set FORCE ROW LEVEL SECURITY;
ALTER TABLE lost_sets ENABLE ROW LEVEL SECURITY;
ALTER TABLE lost_sets FORCE ROW LEVEL SECURITY;

CREATE POLICY night ON high_water TO detector USING (true);
CREATE POLICY night ON published_set TO detector USING (true);
CREATE POLICY night ON lost_sets TO detector USING (true);
CREATE POLICY administration ON lost_sets FOR SELECT TO jpki_owner USING (true);

GRANT SELECT, INSERT, UPDATE (crl_number, this_update, sha256, set_seq) ON high_water TO detector;
GRANT SELECT, INSERT, UPDATE (set_seq, manifest_sha256) ON published_set TO detector;
GRANT SELECT, INSERT, UPDATE (compared_seq) ON lost_sets TO detector;
