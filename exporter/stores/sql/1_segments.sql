-- The business hours of every store as disjoint intervals: what overlaps or touches is one segment.
WITH openings AS (
    SELECT h.store, opens.first_us AS start_us, closes.last_us AS end_us
    FROM hours h
    JOIN stores s ON s.store = h.store
    JOIN zone_of z ON z.timezone = COALESCE(s.timezone, '')
    JOIN days d ON d.weekday = h.weekday
    JOIN moments opens ON opens.zone = z.zone AND opens.day = d.day AND opens.second = h.start_s
    JOIN moments closes ON closes.zone = z.zone AND closes.day = d.day AND closes.second = h.end_s
    WHERE opens.first_us < closes.last_us -- an opening that a clock set forward leaves out is none
    UNION ALL
    -- A store that no row of hours names never closes.
    SELECT s.store, g.horizon_us AS start_us, g.until_us AS end_us
    FROM stores s
    CROSS JOIN given g
    LEFT JOIN (SELECT DISTINCT store FROM hours) h ON h.store = s.store
    WHERE h.store IS NULL
),
marked AS (
    SELECT
        store, start_us, end_us,
        CASE
            WHEN start_us <= MAX(end_us) OVER (
                PARTITION BY store ORDER BY start_us, end_us ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) THEN 0 ELSE 1
        END AS begins
    FROM openings
),
numbered AS (
    SELECT
        store, start_us, end_us,
        SUM(begins) OVER (PARTITION BY store ORDER BY start_us, end_us ROWS UNBOUNDED PRECEDING) AS segment
    FROM marked
)
SELECT store, MIN(start_us) AS start_us, MAX(end_us) AS end_us
FROM numbered
GROUP BY store, segment
