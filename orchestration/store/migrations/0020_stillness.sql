-- How long a worker has stood still, for whoever begins to watch it when its last watcher has died.

ALTER TABLE workers ADD COLUMN still_beat INTEGER;        -- the beat at which it stood still
ALTER TABLE workers ADD COLUMN still_s DOUBLE PRECISION;  -- for how many seconds one has seen that
