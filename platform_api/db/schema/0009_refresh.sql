-- Automatic refresh: what a service wants, one task for each certificate that moved, and what a day has cost.

-- The customer agreed that J-LIS may be asked which certificate follows this one (jpki.md section 4.3).
ALTER TABLE registration ADD COLUMN linkage_agreed boolean NOT NULL DEFAULT false;
-- The registrations a refresh looks at; an institution has a hundred times as many that it does not.
CREATE INDEX registration_moved ON registration (service_id, registration_id)
    WHERE state IN ('CHANGED_AWAITING_REISSUE', 'RENEWED_UNLINKED', 'EXPIRED_AWAITING_RENEWAL', 'UNKNOWN', 'ENDED');

CREATE TABLE refresh_policy (
    service_id uuid PRIMARY KEY,
    institution_id uuid NOT NULL,
    enabled boolean NOT NULL,
    items text[] NOT NULL CHECK (cardinality(items) BETWEEN 1 AND 4),
    -- DATA answers, and questions whatever their answer, of one JST day.
    daily_cap integer NOT NULL CHECK (daily_cap >= 0),
    daily_questions_cap integer NOT NULL CHECK (daily_questions_cap >= 0),
    keep_hours integer NOT NULL CHECK (keep_hours BETWEEN 1 AND 72),
    back_off_days integer[] NOT NULL CHECK (cardinality(back_off_days) BETWEEN 1 AND 20 AND 0 < ALL (back_off_days)),
    hand_over_after_days integer NOT NULL CHECK (hand_over_after_days BETWEEN 1 AND 3650),
    refresh_on text[] NOT NULL,
    linkage boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    FOREIGN KEY (institution_id, service_id) REFERENCES service (institution_id, service_id) ON DELETE CASCADE
);

-- One for each certificate that moved: what it is waiting for. Found again from registrations and policy, so that
-- a lost row costs one question and no customer.
CREATE TABLE refresh_task (
    registration_id uuid NOT NULL,
    -- The certificate that moved, current when the task was made. Its row goes when the registration moves on.
    certificate_id uuid NOT NULL,
    institution_id uuid NOT NULL,
    service_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN (
        'WAITING', 'ASKING', 'DELIVERED', 'DONE', 'BLOCKED_BY_CONSENT', 'HANDED_OVER', 'CANCELLED')),
    cause text NOT NULL,
    -- How many answers without data there were: the place in the policy's back_off_days.
    step integer NOT NULL CHECK (step >= 0),
    -- How many questions in a row J-LIS could not be asked.
    unreached integer NOT NULL CHECK (unreached >= 0),
    -- How many deliveries ran out before anybody took them.
    untaken integer NOT NULL CHECK (untaken >= 0),
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- Not before. While ASKING: the end of the lease, from which on another may ask.
    next_at timestamptz NOT NULL,
    -- The JST day whose caps the question counts for.
    asked_day date,
    query_id uuid,
    consent_id uuid,
    delivery_id uuid,
    delivered_until timestamptz,
    -- How the last question ended, by code.
    last_code text,
    -- Compared and raised by every write: of two that decided on one row, one wins.
    revision integer NOT NULL CHECK (revision >= 1),
    PRIMARY KEY (registration_id, certificate_id),
    FOREIGN KEY (institution_id, registration_id)
        REFERENCES registration (institution_id, registration_id) ON DELETE CASCADE,
    FOREIGN KEY (institution_id, service_id) REFERENCES service (institution_id, service_id) ON DELETE CASCADE,
    CHECK (state <> 'ASKING' OR asked_day IS NOT NULL),
    CHECK (state <> 'DELIVERED' OR (query_id IS NOT NULL AND delivery_id IS NOT NULL AND delivered_until IS NOT NULL))
);
CREATE INDEX refresh_task_open ON refresh_task (service_id, registration_id)
    WHERE state IN ('WAITING', 'ASKING', 'DELIVERED', 'BLOCKED_BY_CONSENT');
CREATE INDEX refresh_task_due ON refresh_task (service_id, next_at) WHERE state IN ('WAITING', 'ASKING');

-- The day's answers with items, counted before each question (four_information.cap).
CREATE INDEX four_information_query_data ON four_information_query (institution_id, asked_at)
    WHERE outcome = 'DATA';

-- What the caps of one JST day have been used for.
CREATE TABLE refresh_day (
    service_id uuid NOT NULL,
    day date NOT NULL,
    institution_id uuid NOT NULL,
    questions integer NOT NULL DEFAULT 0 CHECK (questions >= 0),
    data integer NOT NULL DEFAULT 0 CHECK (data >= 0),
    PRIMARY KEY (service_id, day),
    FOREIGN KEY (institution_id, service_id) REFERENCES service (institution_id, service_id) ON DELETE CASCADE
);

-- Whoever ends a consent, and by whichever way: what was fetched by it and not yet taken goes in the very
-- transaction. The refresh tells the institution (four_information.unavailable).
CREATE FUNCTION drop_deliveries_of_ended_consent() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM delivery AS d USING four_information_query AS q
    WHERE d.registration_id = NEW.registration_id AND d.purpose = 'four_information'
        AND q.query_id = d.query_id AND q.consent_id = NEW.consent_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER consent_ended AFTER UPDATE OF state ON consent
    FOR EACH ROW WHEN (NEW.state IN ('WITHDRAWN', 'STOPPED', 'REFUSED') AND OLD.state <> NEW.state)
    EXECUTE FUNCTION drop_deliveries_of_ended_consent();

ALTER TABLE refresh_policy ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_policy FORCE ROW LEVEL SECURITY;
ALTER TABLE refresh_task ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_task FORCE ROW LEVEL SECURITY;
ALTER TABLE refresh_day ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_day FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON refresh_policy
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON refresh_task
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);
CREATE POLICY tenant ON refresh_day
    USING (institution_id = nullif(current_setting('app.institution_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE ON refresh_policy, refresh_task, refresh_day TO jpki_app;
