-- Which server answered for an account and when: from each route to the next one, or to the session's end.
-- route_s and until_s are as logged; [start_s, end_s) is what is accounted: the same seconds, or, by the minute, the
-- minutes at whose start the route was the last one. Of several servers in one second the highest id holds.
-- doubt 1: which server answers is not known from here on; 2: it is known again, and nothing was decided here.
WITH decided AS (
    SELECT account_id, time_s, MAX(server_id) AS server_id, MIN(doubt) AS doubt
    FROM routes
    GROUP BY account_id, time_s
),
placed AS (
    SELECT
        decided.account_id,
        sessions.created_s,
        decided.server_id,
        decided.doubt,
        decided.time_s AS route_s,
        COALESCE(
            LAG(decided.server_id) OVER (PARTITION BY decided.account_id, sessions.created_s ORDER BY decided.time_s),
            decided.server_id
        ) AS from_server_id,
        ROW_NUMBER() OVER (PARTITION BY decided.account_id, sessions.created_s ORDER BY decided.time_s) AS nth,
        COALESCE(
            LEAD(decided.time_s) OVER (PARTITION BY decided.account_id, sessions.created_s ORDER BY decided.time_s),
            sessions.ended_s,
            cycle.end_s
        ) AS until_s
    FROM decided
    JOIN sessions
        ON sessions.account_id = decided.account_id
        AND sessions.created_s <= decided.time_s
        AND (sessions.ended_s IS NULL OR decided.time_s < sessions.ended_s)
    CROSS JOIN cycle
)
SELECT
    placed.account_id,
    placed.created_s,
    placed.server_id,
    placed.from_server_id,
    placed.doubt,
    CASE WHEN placed.nth = 1 THEN 1 ELSE 0 END AS is_first,
    placed.route_s,
    placed.until_s,
    placed.route_s + MOD(cycle.step_s - MOD(placed.route_s, cycle.step_s), cycle.step_s) AS start_s,
    placed.until_s + MOD(cycle.step_s - MOD(placed.until_s, cycle.step_s), cycle.step_s) AS end_s
FROM placed CROSS JOIN cycle
