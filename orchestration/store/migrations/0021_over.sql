-- Alerts of what has been settled since: who has not been told of them by then never is.

ALTER TABLE alerts ADD COLUMN over_at DOUBLE PRECISION;   -- null: it is not over, or nobody can tell
