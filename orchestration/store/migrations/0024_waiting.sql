-- What waits for a person, and what has been told of it, is found without looking through what is
-- pending, or ever was.

CREATE INDEX steps_waiting ON steps (step, run_id) WHERE status = 'waiting';
CREATE INDEX alerts_open ON alerts (kind, subject, id) WHERE over_at IS NULL;
