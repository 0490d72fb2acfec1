-- How long each session had a server, in seconds: in all, while that was down by each cause, and while it is in doubt.
-- No interval is joined with another: a server's downtime so far, D(t), is one running sum over the edges of its
-- outages (each adds or takes slope * (t - edge)), and a segment [a, b) was down for D(b) - D(a). The edges and the
-- questions about them lie in one table, sorted once.
WITH asked AS (
    SELECT
        segments.account_id,
        segments.created_s,
        segments.server_id,
        segments.doubt,
        GREATEST(segments.start_s, cycle.since_s) AS start_s,
        LEAST(segments.end_s, cycle.observed_s) AS end_s
    FROM segments CROSS JOIN cycle
    WHERE GREATEST(segments.start_s, cycle.since_s) < LEAST(segments.end_s, cycle.observed_s)
),
marks AS (
    SELECT
        server_id,
        start_s AS at_s,
        CASE WHEN cause = 'overload' THEN 1 ELSE 0 END AS load_slope,
        CASE WHEN cause = 'silent' THEN 1 ELSE 0 END AS mute_slope,
        CASE WHEN cause = 'unknown' THEN 1 ELSE 0 END AS doubt_slope,
        CAST(NULL AS BIGINT) AS account_id,
        CAST(NULL AS BIGINT) AS created_s,
        0 AS sign,
        0 AS doubt
    FROM outages
    UNION ALL
    SELECT
        server_id,
        end_s AS at_s,
        CASE WHEN cause = 'overload' THEN -1 ELSE 0 END AS load_slope,
        CASE WHEN cause = 'silent' THEN -1 ELSE 0 END AS mute_slope,
        CASE WHEN cause = 'unknown' THEN -1 ELSE 0 END AS doubt_slope,
        CAST(NULL AS BIGINT) AS account_id,
        CAST(NULL AS BIGINT) AS created_s,
        0 AS sign,
        0 AS doubt
    FROM outages
    UNION ALL
    SELECT
        server_id,
        start_s AS at_s,
        0 AS load_slope,
        0 AS mute_slope,
        0 AS doubt_slope,
        account_id,
        created_s,
        -1 AS sign,
        doubt
    FROM asked
    UNION ALL
    SELECT
        server_id,
        end_s AS at_s,
        0 AS load_slope,
        0 AS mute_slope,
        0 AS doubt_slope,
        account_id,
        created_s,
        1 AS sign,
        doubt
    FROM asked
),
running AS (
    SELECT
        account_id,
        created_s,
        sign,
        doubt,
        at_s,
        at_s * SUM(load_slope) OVER (PARTITION BY server_id ORDER BY at_s)
            - SUM(load_slope * at_s) OVER (PARTITION BY server_id ORDER BY at_s) AS load_s,
        at_s * SUM(mute_slope) OVER (PARTITION BY server_id ORDER BY at_s)
            - SUM(mute_slope * at_s) OVER (PARTITION BY server_id ORDER BY at_s) AS mute_s,
        at_s * SUM(doubt_slope) OVER (PARTITION BY server_id ORDER BY at_s)
            - SUM(doubt_slope * at_s) OVER (PARTITION BY server_id ORDER BY at_s) AS doubt_s
    FROM marks
)
SELECT
    account_id,
    created_s,
    SUM(sign * at_s) AS routed_s,
    SUM(CASE WHEN doubt = 1 THEN 0 ELSE sign * load_s END) AS overload_s,
    SUM(CASE WHEN doubt = 1 THEN 0 ELSE sign * mute_s END) AS silent_s,
    SUM(CASE WHEN doubt = 1 THEN sign * at_s ELSE sign * doubt_s END) AS doubt_s
FROM running
WHERE sign <> 0
GROUP BY account_id, created_s
