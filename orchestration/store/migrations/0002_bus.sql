-- What is said to agents on the exchange, and what came from them that could not be used.

ALTER TABLE runs ADD COLUMN requester TEXT;      -- who is told on the bus; null: nobody
ALTER TABLE agents ADD COLUMN depends_on TEXT NOT NULL DEFAULT '[]';
ALTER TABLE commands ADD COLUMN via TEXT;        -- the queue that brought it; null: both have
CREATE TABLE outbox (
    id {serial},
    topic TEXT NOT NULL UNIQUE,                  -- one row a topic: a newer one supersedes
    version INTEGER NOT NULL DEFAULT 1,
    run_id TEXT,
    kind TEXT NOT NULL,                          -- notice: written when sent; else: body as it is
    routing_key TEXT NOT NULL,
    body TEXT,
    created_at DOUBLE PRECISION NOT NULL
);

CREATE TABLE dead_letters (
    id {serial},
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    sender TEXT,
    message_id TEXT,
    received_at DOUBLE PRECISION NOT NULL,
    size INTEGER NOT NULL,
    body BYTEA NOT NULL,
    replayable INTEGER NOT NULL,
    digest TEXT NOT NULL                         -- of the body: copies are known by it
);
CREATE INDEX dead_letters_digest ON dead_letters (digest);
CREATE INDEX dead_letters_sender ON dead_letters (sender, received_at);

CREATE TABLE data_messages (
    id {serial},
    data_type TEXT NOT NULL,
    sender TEXT NOT NULL,
    received_at DOUBLE PRECISION NOT NULL,
    body TEXT NOT NULL
);

CREATE INDEX dead_letters_age ON dead_letters (received_at);
CREATE INDEX data_messages_age ON data_messages (received_at);
