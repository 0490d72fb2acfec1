-- Microseconds of business hours by store and window, those of the week in doubt, and since when the store is open, if it is at as_of_us.
SELECT
    b.store,
    CAST(SUM(GREATEST(0, LEAST(b.end_us, w.hour_end_us) - GREATEST(b.start_us, w.hour_start_us))) AS BIGINT) AS business_hour,
    CAST(SUM(GREATEST(0, LEAST(b.end_us, w.day_end_us) - GREATEST(b.start_us, w.day_start_us))) AS BIGINT) AS business_day,
    CAST(SUM(GREATEST(0, LEAST(b.end_us, w.week_end_us) - GREATEST(b.start_us, w.week_start_us))) AS BIGINT) AS business_week,
    CAST(SUM(b.doubt * GREATEST(0, LEAST(b.end_us, w.week_end_us) - GREATEST(b.start_us, w.week_start_us))) AS BIGINT) AS doubt_week,
    MAX(CASE WHEN b.start_us <= g.as_of_us AND g.as_of_us < b.end_us THEN b.start_us END) AS opened_us
FROM segments b
CROSS JOIN given g
JOIN stores s ON s.store = b.store
JOIN zone_of z ON z.timezone = COALESCE(s.timezone, '')
JOIN windows w ON w.zone = z.zone
GROUP BY b.store
