-- Whose run it is, where the clock has started it: nobody answers for a run of his own.

ALTER TABLE schedules ADD COLUMN created_by TEXT;    -- who has added it
ALTER TABLE runs ADD COLUMN caused_by TEXT;          -- JSON: who added, or triggered, its schedule
UPDATE schedules SET created_by = (
    SELECT actor FROM audit WHERE action = 'add_schedule' AND subject = schedules.name
    ORDER BY id DESC LIMIT 1
);
