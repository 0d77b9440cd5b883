-- When the institution first took (or acknowledged) the delivery of who signed a letter. While this is NULL, what was
-- signed is nowhere but in `delivery`: if that row goes (72 hours, a crash), the letter opens again.
ALTER TABLE consent_invitation ADD COLUMN signer_taken_at timestamptz;
-- Of letters signed before, nobody knows: they wait for their institution as before. Every tenant's, by the owner.
ALTER TABLE consent_invitation NO FORCE ROW LEVEL SECURITY;
UPDATE consent_invitation SET signer_taken_at = signed_at WHERE state = 'PENDING_INSTITUTION_CONFIRMATION';
ALTER TABLE consent_invitation FORCE ROW LEVEL SECURITY;
