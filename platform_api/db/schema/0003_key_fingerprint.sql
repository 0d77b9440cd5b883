-- Which keys this database was filled with: a hash of each, so that a lost or foreign key file is noticed
-- before it does harm (a new tag key would find no registration, and a night would end without an event).
-- The keys have 256 random bits, so a plain hash tells nothing about them.

CREATE TABLE key_fingerprint (
    name text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 100),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32)
);

ALTER TABLE key_fingerprint ENABLE ROW LEVEL SECURITY;
ALTER TABLE key_fingerprint FORCE ROW LEVEL SECURITY;

-- No tenant's data: everybody may compare, the application adds a key that it sees first. Nobody changes one.
CREATE POLICY compare ON key_fingerprint FOR SELECT TO jpki_app, detector, jpki_owner USING (true);
CREATE POLICY remember ON key_fingerprint FOR INSERT TO jpki_app WITH CHECK (true);

GRANT SELECT, INSERT ON key_fingerprint TO jpki_app;
GRANT SELECT ON key_fingerprint TO detector;
