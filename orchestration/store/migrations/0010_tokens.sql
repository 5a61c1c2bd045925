-- Who may speak over HTTP. Of a token and of a session only a digest is kept.

CREATE TABLE tokens (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    created_at DOUBLE PRECISION NOT NULL,
    created_by TEXT NOT NULL
);

CREATE TABLE sessions (
    digest TEXT PRIMARY KEY,
    token TEXT NOT NULL,                         -- the digest of the token that opened it
    expires_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX sessions_token ON sessions (token);
CREATE INDEX sessions_expiry ON sessions (expires_at);
