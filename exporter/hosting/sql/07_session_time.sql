-- What became of each session's time inside the cycle, in seconds.
WITH lived AS (
    SELECT
        sessions.account_id,
        sessions.account_name,
        sessions.created_s,
        sessions.was_created,
        sessions.ended_s AS deleted_s,
        GREATEST(
            sessions.created_s + MOD(cycle.step_s - MOD(sessions.created_s, cycle.step_s), cycle.step_s),
            cycle.start_s
        ) AS start_s,
        LEAST(
            COALESCE(
                sessions.ended_s + MOD(cycle.step_s - MOD(sessions.ended_s, cycle.step_s), cycle.step_s),
                cycle.end_s
            ),
            cycle.end_s
        ) AS end_s,
        GREATEST(
            sessions.known_s + MOD(cycle.step_s - MOD(sessions.known_s, cycle.step_s), cycle.step_s),
            cycle.since_s
        ) AS known_s,
        cycle.observed_s
    FROM sessions CROSS JOIN cycle
)
SELECT
    lived.account_id,
    lived.account_name,
    lived.created_s,
    lived.was_created,
    lived.deleted_s,
    CAST(GREATEST(lived.end_s - lived.start_s, 0) AS BIGINT) AS lifetime_s,
    CAST(COALESCE(routed.overload_s, 0) AS BIGINT) AS overload_s,
    CAST(COALESCE(routed.silent_s, 0) AS BIGINT) AS silent_s,
    CAST(
        GREATEST(LEAST(lived.end_s, lived.observed_s) - lived.known_s, 0) - COALESCE(routed.routed_s, 0) AS BIGINT
    ) AS unrouted_s,
    CAST(
        GREATEST(lived.end_s - lived.start_s, 0)
        - GREATEST(LEAST(lived.end_s, lived.observed_s) - lived.known_s, 0)
        + COALESCE(routed.doubt_s, 0) AS BIGINT
    ) AS unknown_s
FROM lived
LEFT JOIN routed
    ON routed.account_id = lived.account_id
    AND routed.created_s = lived.created_s
