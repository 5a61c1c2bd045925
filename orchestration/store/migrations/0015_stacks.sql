-- Where the threads of a worker stand, once somebody asks for it.

ALTER TABLE workers ADD COLUMN stacks_asked INTEGER NOT NULL DEFAULT 0;  -- 1: it has to tell
ALTER TABLE workers ADD COLUMN stacks TEXT;
