-- By which a withdrawal that is handed in again is known as the very same one: its certificate may have ended since,
-- and the registration may have gone on to another. Null of those taken in before.
ALTER TABLE consent_withdrawal ADD COLUMN signature_sha256 bytea CHECK (octet_length(signature_sha256) = 32);
