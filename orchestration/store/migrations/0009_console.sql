-- How much waited for each agent, minute by minute; and what listings of ended runs are read by.

CREATE TABLE samples (
    name TEXT NOT NULL,                          -- an agent; empty: runs that wait for a slot
    at DOUBLE PRECISION NOT NULL,                -- the beginning of a minute
    waiting INTEGER NOT NULL,
    running INTEGER NOT NULL,
    PRIMARY KEY (name, at)
);
CREATE INDEX samples_age ON samples (at);

DROP INDEX runs_ended;
CREATE INDEX runs_ended ON runs (ended_at, id, status) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_listed ON runs (command, status, created_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX steps_failed ON steps (ended_at) WHERE status = 'failed';
CREATE INDEX dead_letters_reason ON dead_letters (reason, id);
