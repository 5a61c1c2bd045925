-- What only ever grows, counted apart from the rows that it stands for: those are deleted one day.

CREATE TABLE counters (
    name TEXT NOT NULL,
    labels TEXT NOT NULL,                        -- JSON array of texts
    part TEXT NOT NULL DEFAULT '',               -- of a histogram: a bucket's bound, or the sum
    value DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (name, labels, part)
);

-- Every event up to this one is counted.
ALTER TABLE control ADD COLUMN counted BIGINT NOT NULL DEFAULT 0;
UPDATE control SET counted = (SELECT COALESCE(MAX(id), 0) FROM events);
