-- When an agent that is not ours and was told to cancel an attempt is waited for no longer.

ALTER TABLE attempts ADD COLUMN due_at DOUBLE PRECISION;
CREATE INDEX attempts_due ON attempts (due_at) WHERE due_at IS NOT NULL;
