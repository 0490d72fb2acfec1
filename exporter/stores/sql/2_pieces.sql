-- Which poll speaks for which time: one piece [start_us, end_us) for every poll within business hours, and one for
-- every segment without a poll of its own, for which the last one before it speaks. `up` is 1, 0, or 2 where the poll
-- itself says that it is not known. Time whose hours are in doubt has no pieces. Where polls outside of business
-- hours are evidence too, pieces are made as if no store ever closed.
WITH spans AS (
    SELECT s.store, s.start_us, s.end_us
    FROM segments s
    CROSS JOIN given g
    WHERE g.use_outside_polls = 0 AND s.doubt = 0
    UNION ALL
    SELECT s.store, g.horizon_us AS start_us, g.until_us AS end_us
    FROM stores s
    CROSS JOIN given g
    WHERE g.use_outside_polls = 1
),
events AS (
    -- A segment's start comes before a poll at the same moment (kind 0 before 1), which is therefore inside.
    SELECT store, start_us AS at_us, 0 AS kind, 0 AS up, start_us AS opened_us, end_us AS closes_us
    FROM spans
    UNION ALL
    SELECT p.store, p.at_us, 1 AS kind, p.up, CAST(NULL AS BIGINT) AS opened_us, CAST(NULL AS BIGINT) AS closes_us
    FROM polls p
    CROSS JOIN given g
    WHERE p.at_us >= g.horizon_us AND p.at_us <= g.as_of_us
),
-- Segments are disjoint, so the latest start and the latest end so far belong to the latest segment.
placed AS (
    SELECT
        store, at_us, kind, up,
        MAX(opened_us) OVER (PARTITION BY store ORDER BY at_us, kind ROWS UNBOUNDED PRECEDING) AS opened_us,
        MAX(closes_us) OVER (PARTITION BY store ORDER BY at_us, kind ROWS UNBOUNDED PRECEDING) AS closes_us
    FROM events
),
-- Polls outside of business hours end here.
neighbours AS (
    SELECT
        store, at_us, kind, up, opened_us, closes_us,
        LAG(kind) OVER (PARTITION BY store ORDER BY at_us, kind) AS kind_before,
        LAG(at_us) OVER (PARTITION BY store ORDER BY at_us, kind) AS before_us,
        LEAD(kind) OVER (PARTITION BY store ORDER BY at_us, kind) AS kind_after,
        LEAD(at_us) OVER (PARTITION BY store ORDER BY at_us, kind) AS after_us,
        MAX(CASE WHEN kind = 1 THEN at_us END)
            OVER (PARTITION BY store ORDER BY at_us, kind ROWS UNBOUNDED PRECEDING) AS polled_us,
        MAX(CASE WHEN kind = 1 AND up = 1 THEN at_us END)
            OVER (PARTITION BY store ORDER BY at_us, kind ROWS UNBOUNDED PRECEDING) AS polled_up_us,
        MAX(CASE WHEN kind = 1 AND up = 2 THEN at_us END)
            OVER (PARTITION BY store ORDER BY at_us, kind ROWS UNBOUNDED PRECEDING) AS polled_unsure_us
    FROM placed
    WHERE kind = 0 OR at_us < closes_us
)
SELECT
    n.store, n.polled_us AS at_us,
    CASE WHEN n.polled_up_us = n.polled_us THEN 1 WHEN n.polled_unsure_us = n.polled_us THEN 2 ELSE 0 END AS up,
    CASE
        WHEN n.kind = 0 OR n.kind_before = 0 THEN n.opened_us
        WHEN g.interpolation = 'previous' THEN n.at_us
        WHEN g.interpolation = 'next' THEN n.before_us
        ELSE CAST(FLOOR((n.before_us + n.at_us) / 2) AS BIGINT)
    END AS start_us,
    CASE
        WHEN n.kind = 0 OR n.kind_after IS NULL OR n.kind_after = 0 THEN n.closes_us
        WHEN g.interpolation = 'previous' THEN n.after_us
        WHEN g.interpolation = 'next' THEN n.at_us
        ELSE CAST(FLOOR((n.at_us + n.after_us) / 2) AS BIGINT)
    END AS end_us
FROM neighbours n
CROSS JOIN given g
WHERE n.kind = 1 OR (n.polled_us IS NOT NULL AND (n.kind_after IS NULL OR n.kind_after = 0))
