-- What steps decide for the fleet, version by version, and small values that every process sees.

CREATE TABLE configuration (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    value TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    run_id TEXT,                                 -- the step that set it; null: a person did
    step TEXT,
    actor TEXT NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE shared (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL
);
