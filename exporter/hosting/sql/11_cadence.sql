-- How far apart the heartbeats of each server are: how often each distance was met. Several of one interval that are
-- spread over it count by the distance between them; the same message twice does not.
SELECT server_id, gap_s, COUNT(*) AS n
FROM (
    SELECT
        minutes.server_id,
        CASE
            WHEN minutes.copies > 1
                AND 4 * minutes.span_s * minutes.copies >= 3 * cycle.heartbeat_s * (minutes.copies - 1)
                THEN CAST(FLOOR(minutes.span_s / (minutes.copies - 1)) AS BIGINT)
            ELSE
                LEAD(minutes.minute_s) OVER (PARTITION BY minutes.server_id ORDER BY minutes.minute_s)
                - minutes.minute_s
        END AS gap_s
    FROM minutes CROSS JOIN cycle
) apart
WHERE gap_s IS NOT NULL
GROUP BY server_id, gap_s
