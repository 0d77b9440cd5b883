-- Ended tasks go some time after their end (refresh.retention); what a day's caps were used for stays, and nobody
-- who serves may take it away.
CREATE INDEX refresh_task_ended ON refresh_task (institution_id, changed_at)
    WHERE state IN ('DONE', 'CANCELLED', 'HANDED_OVER');
GRANT DELETE ON refresh_task TO jpki_app;
