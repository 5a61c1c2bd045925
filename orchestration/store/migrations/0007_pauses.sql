-- Who wants an agent to rest: `agents.paused` holds while anybody does.

CREATE TABLE pauses (
    agent TEXT NOT NULL,
    owner TEXT NOT NULL,                         -- a person, or the run that lifts it at its end
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (agent, owner)
);

INSERT INTO pauses (agent, owner, at)
SELECT name, 'somebody', 0 FROM agents WHERE paused = 1;
