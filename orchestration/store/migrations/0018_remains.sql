-- Runs that are forgotten, while there are rows of theirs: their own row goes first.

CREATE TABLE remains (
    run_id TEXT PRIMARY KEY
);
