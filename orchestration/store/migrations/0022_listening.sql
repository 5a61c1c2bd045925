-- Whether outside agents can be heard: while nobody listens, their silence means nothing.

ALTER TABLE control ADD COLUMN listening_since DOUBLE PRECISION;
ALTER TABLE control ADD COLUMN listened_at DOUBLE PRECISION;     -- the last time somebody did
