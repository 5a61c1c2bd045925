-- To whom it is said: who does not take it keeps nobody else from being told.

ALTER TABLE outbox ADD COLUMN lane TEXT NOT NULL DEFAULT '';
UPDATE outbox SET lane = routing_key;
CREATE INDEX outbox_lane ON outbox (lane, id) WHERE urgent = 0;
