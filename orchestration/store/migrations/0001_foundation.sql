-- Types are PostgreSQL's; SQLite reads them by affinity. Times are seconds since 1970 UTC.

CREATE TABLE control (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    store_id TEXT NOT NULL,
    transport TEXT,
    swept_at DOUBLE PRECISION NOT NULL DEFAULT 0,
    clock_offset DOUBLE PRECISION,
    boot TEXT
);

CREATE TABLE plans (
    digest TEXT PRIMARY KEY,
    body TEXT NOT NULL
);

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    plan TEXT NOT NULL,
    parameters TEXT NOT NULL,
    sender TEXT NOT NULL,
    correlation_id TEXT,
    priority INTEGER NOT NULL,
    rank DOUBLE PRECISION NOT NULL,          -- created_at - 60 s x priority: it ages by itself
    needs_slot INTEGER NOT NULL,
    status TEXT NOT NULL,
    ending TEXT,
    generation INTEGER NOT NULL,
    progress DOUBLE PRECISION NOT NULL DEFAULT 0,
    created_at DOUBLE PRECISION NOT NULL,
    started_at DOUBLE PRECISION,
    ended_at DOUBLE PRECISION,
    running_since DOUBLE PRECISION,
    spent DOUBLE PRECISION NOT NULL DEFAULT 0,  -- seconds as running, before running_since
    due_at DOUBLE PRECISION,                 -- the workflow's deadline, while running
    reason TEXT,                             -- why it ended, where no step says so
    forked_from TEXT
);
CREATE INDEX runs_by_status ON runs (status, needs_slot, rank);
CREATE INDEX runs_pending ON runs (sender) WHERE status = 'pending';
CREATE INDEX runs_by_creation ON runs (created_at, id);
CREATE INDEX runs_by_command ON runs (command, created_at);
CREATE INDEX runs_ended ON runs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_by_plan ON runs (plan);
CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE steps (
    run_id TEXT NOT NULL,
    step TEXT NOT NULL,
    branch INTEGER NOT NULL,
    agent TEXT NOT NULL,
    offer TEXT NOT NULL,                     -- agent.action@version that a claim needs
    queue TEXT,                              -- the agent while ready, queued or running
    status TEXT NOT NULL,
    rank DOUBLE PRECISION NOT NULL,
    item TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,      -- the last one that was claimed
    failures INTEGER NOT NULL DEFAULT 0,
    losses INTEGER NOT NULL DEFAULT 0,
    sends INTEGER NOT NULL DEFAULT 0,
    owner TEXT,                              -- who sent it while queued, who holds it while running
    worker TEXT,                             -- who claimed it last
    due_at DOUBLE PRECISION,                 -- the next wake-up; what it means, the status says
    deadline DOUBLE PRECISION,
    fraction DOUBLE PRECISION NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    unknown INTEGER NOT NULL DEFAULT 0,      -- an attempt was cut off: it may have had effects
    result TEXT,
    artifact TEXT,                           -- digest of a result too large for this row
    error TEXT,
    opened_at DOUBLE PRECISION NOT NULL,
    claimed_at DOUBLE PRECISION,
    ended_at DOUBLE PRECISION,
    ended_order INTEGER,
    PRIMARY KEY (run_id, step, branch)
);
CREATE INDEX steps_due ON steps (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX steps_queue ON steps (queue, status, rank, run_id, step, branch)
    WHERE queue IS NOT NULL;
CREATE INDEX steps_progress ON steps (run_id, step) WHERE status = 'running' AND fraction > 0;
CREATE INDEX steps_owner ON steps (owner) WHERE owner IS NOT NULL;

-- How many branches of a step have which status: moved in the transaction that moves a branch.
CREATE TABLE tallies (
    run_id TEXT NOT NULL,
    step TEXT NOT NULL,
    status TEXT NOT NULL,
    branches INTEGER NOT NULL,
    PRIMARY KEY (run_id, step, status)
);

-- Attempts that did not complete; the one that did stands in its step's row.
CREATE TABLE attempts (
    run_id TEXT NOT NULL,
    step TEXT NOT NULL,
    branch INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    worker TEXT NOT NULL,
    holder TEXT,                             -- the worker, while the attempt may still act
    started_at DOUBLE PRECISION NOT NULL,
    ended_at DOUBLE PRECISION NOT NULL,
    fraction DOUBLE PRECISION NOT NULL,
    message TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (run_id, step, branch, attempt)
);
CREATE INDEX attempts_holder ON attempts (holder) WHERE holder IS NOT NULL;

CREATE TABLE events (
    id {serial},
    run_id TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    kind TEXT NOT NULL,
    step TEXT,
    branch INTEGER,
    detail TEXT
);
CREATE INDEX events_run ON events (run_id, id);

CREATE TABLE commands (
    sender TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    run_id TEXT NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (sender, key)
);
CREATE INDEX commands_expiry ON commands (expires_at);

CREATE TABLE workers (
    id TEXT PRIMARY KEY,                     -- an incarnation: minted after the fork
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    release TEXT NOT NULL,
    offers TEXT NOT NULL,
    transport TEXT NOT NULL,
    beat INTEGER NOT NULL DEFAULT 0,
    beat_at DOUBLE PRECISION NOT NULL,
    started_at DOUBLE PRECISION NOT NULL,
    scope TEXT,                              -- the only run it works for; null: all
    draining INTEGER NOT NULL DEFAULT 0,
    left_at DOUBLE PRECISION                 -- set when it is known to be gone
);
CREATE INDEX workers_left ON workers (left_at);

CREATE TABLE slots (
    worker TEXT NOT NULL,
    queue TEXT NOT NULL,
    slots INTEGER NOT NULL,
    PRIMARY KEY (worker, queue)
);
CREATE INDEX slots_queue ON slots (queue);

CREATE TABLE agents (
    name TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    last_heartbeat DOUBLE PRECISION,
    max_concurrent INTEGER,
    capabilities TEXT NOT NULL DEFAULT '[]',
    metrics TEXT NOT NULL DEFAULT '{}',
    error_count INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    circuit TEXT NOT NULL DEFAULT 'closed',
    paused INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE artifacts (
    run_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    chunk INTEGER NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (run_id, digest, chunk)
);

CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    parameters TEXT NOT NULL,
    cron TEXT NOT NULL,
    timezone TEXT NOT NULL,
    overlap TEXT NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    next_at DOUBLE PRECISION,
    last_run TEXT,
    created_at DOUBLE PRECISION NOT NULL
);

CREATE TABLE audit (
    id {serial},
    at DOUBLE PRECISION NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
);
