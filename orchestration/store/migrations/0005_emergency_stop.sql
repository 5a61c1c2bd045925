-- The emergency stop: an epoch that every admission, claim and approval reads in its transaction.

ALTER TABLE control ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;    -- stops so far
ALTER TABLE control ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0;  -- 1 until it is released
ALTER TABLE runs ADD COLUMN system INTEGER NOT NULL DEFAULT 0;      -- 1: it goes on during a stop
ALTER TABLE outbox ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0;    -- overtakes everything else
CREATE INDEX outbox_urgent ON outbox (id) WHERE urgent = 1;
CREATE TABLE stops (
    epoch INTEGER PRIMARY KEY,
    at DOUBLE PRECISION NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    cancelled INTEGER NOT NULL DEFAULT 0,        -- runs that it ended
    released_at DOUBLE PRECISION,
    released_by TEXT
);
CREATE TABLE stop_answers (
    epoch INTEGER NOT NULL,
    name TEXT NOT NULL,                          -- a worker's id, or an agent that is not ours
    kind TEXT NOT NULL,
    place TEXT NOT NULL,                         -- where it is, for people
    answered_at DOUBLE PRECISION,
    PRIMARY KEY (epoch, name)
);
