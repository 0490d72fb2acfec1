-- The business hours of every store as disjoint intervals: what overlaps or touches is one segment. Where `doubt` is 1
-- the hours are not known, whatever else is said of that time.
WITH periods AS (
    SELECT DISTINCT store, from_day, until_day FROM hours
),
-- On each date those hours hold that began last; from_day is missing where none do.
holding AS (
    SELECT
        p.store, d.day, d.weekday,
        MAX(CASE WHEN p.from_day <= d.day AND d.day < p.until_day THEN p.from_day END) AS from_day
    FROM periods p
    CROSS JOIN days d
    GROUP BY p.store, d.day, d.weekday
),
special AS (
    SELECT DISTINCT store, day FROM exceptions
),
ordinary AS (
    SELECT o.store, o.day, o.weekday, o.from_day
    FROM holding o
    LEFT JOIN special x ON x.store = o.store AND x.day = o.day
    WHERE x.store IS NULL
),
dated AS (
    SELECT o.store, o.day, h.start_s, h.end_s, h.doubt
    FROM ordinary o
    JOIN hours h ON h.store = o.store AND h.from_day = o.from_day AND h.weekday = o.weekday
    WHERE o.day < h.until_day
    UNION ALL
    SELECT o.store, o.day, c.start_s, c.end_s, c.doubt
    FROM ordinary o
    JOIN hours h ON h.store = o.store AND h.from_day = o.from_day
    JOIN calendars c ON c.spec = h.spec AND c.day = o.day
    WHERE o.day < h.until_day
    UNION ALL
    -- Of a date before the first hours or after the last ones nothing is known.
    SELECT store, day, 0 AS start_s, 86400 AS end_s, 1 AS doubt
    FROM ordinary
    WHERE from_day IS NULL
    UNION ALL
    SELECT store, day, start_s, end_s, doubt FROM exceptions
    UNION ALL
    -- A store that has exceptions alone is open on all other dates.
    SELECT e.store, d.day, 0 AS start_s, 86400 AS end_s, 0 AS doubt
    FROM (SELECT DISTINCT store FROM exceptions) e
    CROSS JOIN days d
    LEFT JOIN periods p ON p.store = e.store
    LEFT JOIN special x ON x.store = e.store AND x.day = d.day
    WHERE p.store IS NULL AND x.store IS NULL
),
openings AS (
    SELECT t.store, opens.first_us AS start_us, closes.last_us AS end_us, t.doubt
    FROM dated t
    JOIN stores s ON s.store = t.store
    JOIN zone_of z ON z.timezone = COALESCE(s.timezone, '')
    JOIN moments opens ON opens.zone = z.zone AND opens.day = t.day AND opens.second = t.start_s
    JOIN moments closes ON closes.zone = z.zone AND closes.day = t.day AND closes.second = t.end_s
    WHERE opens.first_us < closes.last_us -- an opening that a clock set forward leaves out is none
    UNION ALL
    -- A store that no row of hours names never closes.
    SELECT s.store, g.horizon_us AS start_us, g.until_us AS end_us, 0 AS doubt
    FROM stores s
    CROSS JOIN given g
    LEFT JOIN (SELECT DISTINCT store FROM periods UNION SELECT DISTINCT store FROM special) h ON h.store = s.store
    WHERE h.store IS NULL
    UNION ALL
    -- A zone or a date that is given and not known leaves all time of its store in doubt.
    SELECT s.store, g.horizon_us AS start_us, g.until_us AS end_us, 1 AS doubt
    FROM stores s
    CROSS JOIN given g
    JOIN zone_of z ON z.timezone = COALESCE(s.timezone, '')
    LEFT JOIN special x ON x.store = s.store AND x.day IS NULL
    WHERE z.known = 0 OR x.store IS NOT NULL
),
edges AS (
    SELECT store, start_us AS at_us, 1 - doubt AS opens, doubt AS doubts FROM openings
    UNION ALL
    SELECT store, end_us AS at_us, doubt - 1 AS opens, -doubt AS doubts FROM openings
),
changes AS (
    SELECT store, at_us, SUM(opens) AS opens, SUM(doubts) AS doubts FROM edges GROUP BY store, at_us
),
levels AS (
    SELECT
        store, at_us,
        SUM(opens) OVER (PARTITION BY store ORDER BY at_us ROWS UNBOUNDED PRECEDING) AS opened,
        SUM(doubts) OVER (PARTITION BY store ORDER BY at_us ROWS UNBOUNDED PRECEDING) AS doubted
    FROM changes
),
states AS (
    SELECT store, at_us, CASE WHEN doubted > 0 THEN 2 WHEN opened > 0 THEN 1 ELSE 0 END AS state FROM levels
),
marked AS (
    SELECT store, at_us, state, LAG(state) OVER (PARTITION BY store ORDER BY at_us) AS state_before FROM states
),
-- Each moment at which the state changes, and the next one.
segments AS (
    SELECT store, at_us AS start_us, LEAD(at_us) OVER (PARTITION BY store ORDER BY at_us) AS end_us, state
    FROM marked
    WHERE state_before IS NULL OR state <> state_before
)
SELECT store, start_us, end_us, state - 1 AS doubt FROM segments WHERE state > 0
