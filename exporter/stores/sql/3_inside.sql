-- The pieces cut to business hours. Where only polls within them are evidence, the pieces are cut already; where all
-- are, this is one more sweep, over the starts of pieces and of segments.
WITH events AS (
    SELECT p.store, p.start_us AS from_us, p.end_us, p.at_us, p.up, CAST(NULL AS BIGINT) AS closes_us
    FROM pieces p
    CROSS JOIN given g
    WHERE g.use_outside_polls = 1
    UNION ALL
    SELECT
        s.store, s.start_us AS from_us, CAST(NULL AS BIGINT) AS end_us, CAST(NULL AS BIGINT) AS at_us, 0 AS up,
        s.end_us AS closes_us
    FROM segments s
    CROSS JOIN given g
    WHERE g.use_outside_polls = 1 AND s.doubt = 0
),
-- Pieces follow one another, and so do segments: the latest of each is the one with the latest end. Events at one
-- moment need no order, as what is between them is empty.
placed AS (
    SELECT
        store, from_us,
        LEAD(from_us) OVER (PARTITION BY store ORDER BY from_us) AS next_us,
        MAX(end_us) OVER (PARTITION BY store ORDER BY from_us) AS end_us,
        MAX(closes_us) OVER (PARTITION BY store ORDER BY from_us) AS closes_us,
        MAX(at_us) OVER (PARTITION BY store ORDER BY from_us) AS at_us,
        MAX(CASE WHEN up = 1 THEN at_us END) OVER (PARTITION BY store ORDER BY from_us) AS up_us,
        MAX(CASE WHEN up = 2 THEN at_us END) OVER (PARTITION BY store ORDER BY from_us) AS unsure_us
    FROM events
)
SELECT
    store, at_us, CASE WHEN up_us = at_us THEN 1 WHEN unsure_us = at_us THEN 2 ELSE 0 END AS up,
    from_us AS start_us,
    LEAST(end_us, closes_us, COALESCE(next_us, closes_us)) AS end_us
FROM placed
WHERE at_us IS NOT NULL AND closes_us IS NOT NULL AND from_us < LEAST(end_us, closes_us, COALESCE(next_us, closes_us))
UNION ALL
SELECT p.store, p.at_us, p.up, p.start_us, p.end_us
FROM pieces p
CROSS JOIN given g
WHERE g.use_outside_polls = 0
