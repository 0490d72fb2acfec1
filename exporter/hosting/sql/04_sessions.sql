-- From each creation of an account to its deletion: [created_s, ended_s), NULL for no end. A creation of an account that
-- exists is the same message once more and changes nothing.
-- Inside a second creation comes before deletion, unless the account existed already: then it was deleted and made
-- anew. So a second with both leaves the account as it was, and the last second with only one of them tells how that is.
-- An account that was never created, or was deleted before it was created, came before the log: it lives from the
-- cycle's start on, and nothing is known of it before its first route (known_s).
WITH seconds AS (
    SELECT
        account_id,
        time_s,
        MAX(made) AS made,
        MAX(gone) AS gone,
        MIN(account_name) AS account_name
    FROM (
        SELECT account_id, time_s, 1 AS made, 0 AS gone, account_name FROM creates
        UNION ALL
        SELECT account_id, time_s, 0 AS made, 1 AS gone, CAST(NULL AS VARCHAR(1)) AS account_name FROM deletes
    ) both_logs
    GROUP BY account_id, time_s
),
known AS (
    SELECT
        account_id,
        time_s,
        made,
        gone,
        account_name,
        MOD(
            COALESCE(
                MAX(CASE WHEN made <> gone THEN time_s * 2 + made END)
                    OVER (PARTITION BY account_id ORDER BY time_s ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                0
            ),
            2
        ) AS existed
    FROM seconds
),
edges AS (
    SELECT
        account_id,
        time_s,
        made,
        gone,
        existed,
        account_name,
        LEAD(time_s) OVER (PARTITION BY account_id ORDER BY time_s) AS next_s
    FROM known
    WHERE existed = 0 OR gone = 1
)
SELECT
    account_id,
    account_name,
    time_s AS created_s,
    CASE WHEN gone = 1 AND existed = 0 THEN time_s ELSE next_s END AS ended_s,
    time_s AS known_s,
    1 AS was_created
FROM edges
WHERE made = 1
UNION ALL
SELECT
    seen.account_id,
    CAST(NULL AS VARCHAR(1)) AS account_name,
    LEAST(cycle.start_s, MIN(seen.time_s)) AS created_s,
    MIN(CASE WHEN seen.gone = 1 THEN seen.time_s END) AS ended_s,
    MIN(seen.time_s) AS known_s,
    0 AS was_created
FROM (
    SELECT account_id, time_s, 0 AS gone FROM routes
    UNION ALL
    SELECT account_id, time_s, 1 AS gone FROM deletes
) seen
LEFT JOIN (SELECT account_id, MIN(time_s) AS first_s FROM creates GROUP BY account_id) made
    ON made.account_id = seen.account_id
LEFT JOIN (SELECT account_id, MIN(time_s) AS first_s FROM deletes GROUP BY account_id) ended
    ON ended.account_id = seen.account_id
CROSS JOIN cycle
WHERE made.account_id IS NULL OR ended.first_s < made.first_s
GROUP BY seen.account_id, cycle.start_s
