-- What people must know of, and agents that are spared for a while because they only fail.

CREATE TABLE alerts (
    id {serial},
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,                       -- the agent, workflow or queue that it is about
    message TEXT NOT NULL,
    run_id TEXT,
    raised_at DOUBLE PRECISION NOT NULL,         -- the last time, where it stands for several
    times INTEGER NOT NULL DEFAULT 1,
    quiet_until DOUBLE PRECISION NOT NULL,       -- the next one like it is told then at the earliest
    due_at DOUBLE PRECISION,                     -- when it is told next; null: never again
    told_at DOUBLE PRECISION,                    -- since when the next one like it is another row
    tries INTEGER NOT NULL DEFAULT 0,
    told_to TEXT NOT NULL DEFAULT '[]',          -- digests of the addresses that have it
    problem TEXT                                 -- why the last try failed
);
CREATE INDEX alerts_due ON alerts (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX alerts_subject ON alerts (kind, subject, id);
CREATE INDEX alerts_age ON alerts (raised_at);

ALTER TABLE agents ADD COLUMN deserted INTEGER NOT NULL DEFAULT 0;   -- its last worker died
ALTER TABLE agents ADD COLUMN silent_since DOUBLE PRECISION;         -- until it is known to be back
ALTER TABLE agents ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;   -- failed attempts in a row
ALTER TABLE agents ADD COLUMN circuit_since DOUBLE PRECISION;
ALTER TABLE agents ADD COLUMN circuit_pause DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN circuit_due DOUBLE PRECISION;          -- while it is open
CREATE INDEX agents_due ON agents (circuit_due) WHERE circuit_due IS NOT NULL;

-- A step that waits for a person wakes up before its time is over, to say so.
UPDATE steps SET deadline = due_at WHERE status = 'waiting';
