-- When each server was down inside the observed part of the cycle: [start_s, end_s), disjoint, by cause.
-- Overload: minutes above the limit, neighbours joined. Silent: from the end of a logged minute to the next one, from
-- the cycle's start to the first, from the last to the end of what was observed; all of it for a server that
-- accounts were routed to and that never logged.
WITH numbered AS (
    SELECT
        server_id,
        minute_s,
        workload > 1.0 AS overloaded,
        LAG(minute_s) OVER (PARTITION BY server_id ORDER BY minute_s) AS previous_s,
        LEAD(minute_s) OVER (PARTITION BY server_id ORDER BY minute_s) AS next_s
    FROM minutes
),
over_runs AS (
    SELECT
        server_id,
        minute_s,
        SUM(CASE WHEN before_s = minute_s - 60 THEN 0 ELSE 1 END)
            OVER (PARTITION BY server_id ORDER BY minute_s) AS run
    FROM (
        SELECT
            server_id,
            minute_s,
            LAG(minute_s) OVER (PARTITION BY server_id ORDER BY minute_s) AS before_s
        FROM numbered
        WHERE overloaded
    ) above
),
found AS (
    SELECT server_id, MIN(minute_s) AS start_s, MAX(minute_s) + 60 AS end_s, 'overload' AS cause
    FROM over_runs
    GROUP BY server_id, run
    UNION ALL
    SELECT server_id, minute_s + 60 AS start_s, COALESCE(next_s, cycle.observed_s) AS end_s, 'silent' AS cause
    FROM numbered CROSS JOIN cycle
    WHERE next_s IS NULL OR next_s > minute_s + 60
    UNION ALL
    SELECT server_id, cycle.start_s, minute_s AS end_s, 'silent' AS cause
    FROM numbered CROSS JOIN cycle
    WHERE previous_s IS NULL
    UNION ALL
    SELECT mute.server_id, cycle.start_s, cycle.observed_s AS end_s, 'silent' AS cause
    FROM (
        SELECT DISTINCT routes.server_id
        FROM routes LEFT JOIN numbered ON numbered.server_id = routes.server_id
        WHERE numbered.server_id IS NULL
    ) mute CROSS JOIN cycle
)
SELECT
    found.server_id,
    GREATEST(found.start_s, cycle.start_s) AS start_s,
    LEAST(found.end_s, cycle.observed_s) AS end_s,
    found.cause
FROM found CROSS JOIN cycle
WHERE GREATEST(found.start_s, cycle.start_s) < LEAST(found.end_s, cycle.observed_s)
