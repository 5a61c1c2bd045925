-- Which run belongs to which trace; empty where nobody traces.

CREATE TABLE traces (
    run_id TEXT PRIMARY KEY,
    own TEXT NOT NULL,                           -- W3C traceparent: the run's own span
    parent TEXT NOT NULL                         -- the span of the command
);
