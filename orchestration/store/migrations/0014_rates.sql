-- When attempts of an agent with a rate began, and when the next one may.

ALTER TABLE agents ADD COLUMN rate_due DOUBLE PRECISION;   -- while something waits for its rate
CREATE INDEX agents_rate_due ON agents (rate_due) WHERE rate_due IS NOT NULL;
CREATE TABLE starts (
    id {serial},
    agent TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL
);
CREATE INDEX starts_agent ON starts (agent, at);
