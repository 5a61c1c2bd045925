-- breaking: an older release would go on counting in a table of its own.
--
-- How many branches have which status stands in the run's own row: every decision reads and writes
-- that anyway. What is sent counts as ready there.

ALTER TABLE runs ADD COLUMN tallies TEXT NOT NULL DEFAULT '{}';   -- JSON: "step/status" to a number
UPDATE runs SET tallies = COALESCE((
    SELECT CAST({object}(place, branches) AS TEXT) FROM (
        SELECT run_id, step || '/' || CASE status WHEN 'queued' THEN 'ready' ELSE status END AS place,
            SUM(branches) AS branches
        FROM tallies GROUP BY 1, 2
    ) counted WHERE counted.run_id = runs.id
), '{}');
DROP TABLE tallies;
