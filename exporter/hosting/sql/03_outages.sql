-- When each server was down, or in doubt, inside the observed part of the cycle: [start_s, end_s), disjoint, by cause.
-- Overload: intervals above the limit, neighbours joined; unknown: in doubt, the same. Silent: from the end of a logged
-- interval to the next one, from the start of what was observed to the first, from the last to its end; all of it for a
-- server that accounts were routed to and that never logged.
WITH numbered AS (
    SELECT
        minutes.server_id,
        minutes.minute_s,
        CASE
            WHEN minutes.workload > cycle.overload THEN 'overload'
            WHEN minutes.workload < 0 THEN 'unknown'
        END AS cause,
        LAG(minutes.minute_s) OVER (PARTITION BY minutes.server_id ORDER BY minutes.minute_s) AS previous_s,
        LEAD(minutes.minute_s) OVER (PARTITION BY minutes.server_id ORDER BY minutes.minute_s) AS next_s
    FROM minutes CROSS JOIN cycle
),
runs AS (
    SELECT
        above.server_id,
        above.minute_s,
        above.cause,
        SUM(CASE WHEN above.before_s = above.minute_s - cycle.heartbeat_s THEN 0 ELSE 1 END)
            OVER (PARTITION BY above.server_id, above.cause ORDER BY above.minute_s) AS run
    FROM (
        SELECT
            server_id,
            minute_s,
            cause,
            LAG(minute_s) OVER (PARTITION BY server_id, cause ORDER BY minute_s) AS before_s
        FROM numbered
        WHERE cause IS NOT NULL
    ) above CROSS JOIN cycle
),
found AS (
    SELECT runs.server_id, MIN(runs.minute_s) AS start_s, MAX(runs.minute_s + cycle.heartbeat_s) AS end_s, runs.cause
    FROM runs CROSS JOIN cycle
    GROUP BY runs.server_id, runs.cause, runs.run
    UNION ALL
    SELECT
        server_id,
        minute_s + cycle.heartbeat_s AS start_s,
        COALESCE(next_s, cycle.observed_s) AS end_s,
        'silent' AS cause
    FROM numbered CROSS JOIN cycle
    WHERE next_s IS NULL OR next_s > minute_s + cycle.heartbeat_s
    UNION ALL
    SELECT server_id, cycle.since_s AS start_s, minute_s AS end_s, 'silent' AS cause
    FROM numbered CROSS JOIN cycle
    WHERE previous_s IS NULL
    UNION ALL
    SELECT mute.server_id, cycle.since_s AS start_s, cycle.observed_s AS end_s, 'silent' AS cause
    FROM (
        SELECT DISTINCT routes.server_id
        FROM routes LEFT JOIN loggers ON loggers.server_id = routes.server_id
        WHERE loggers.server_id IS NULL AND routes.doubt <> 1
    ) mute CROSS JOIN cycle
)
SELECT
    found.server_id,
    GREATEST(found.start_s, cycle.since_s) AS start_s,
    LEAST(found.end_s, cycle.observed_s) AS end_s,
    found.cause
FROM found CROSS JOIN cycle
WHERE GREATEST(found.start_s, cycle.since_s) < LEAST(found.end_s, cycle.observed_s)
