-- A store that was put back from a backup: what was sent or given before is known by its numbers.

ALTER TABLE control ADD COLUMN restores INTEGER NOT NULL DEFAULT 0;   -- how often it was put back
ALTER TABLE control ADD COLUMN saved_at DOUBLE PRECISION;             -- in a backup: when it was made
ALTER TABLE runs ADD COLUMN attempts_from INTEGER NOT NULL DEFAULT 0; -- its new steps count from here
