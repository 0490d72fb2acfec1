-- One row for every store that any file names; what is neither up nor down of its business time is unknown.
SELECT
    s.store_id,
    COALESCE(b.business_hour, 0) AS business_hour,
    COALESCE(b.business_day, 0) AS business_day,
    COALESCE(b.business_week, 0) AS business_week,
    COALESCE(t.up_hour, 0) AS up_hour,
    COALESCE(t.up_day, 0) AS up_day,
    COALESCE(t.up_week, 0) AS up_week,
    COALESCE(t.down_hour, 0) AS down_hour,
    COALESCE(t.down_day, 0) AS down_day,
    COALESCE(t.down_week, 0) AS down_week,
    COALESCE(t.up_hour + t.down_hour - t.observed_hour, 0) AS assumed_hour,
    COALESCE(t.up_day + t.down_day - t.observed_day, 0) AS assumed_day,
    COALESCE(t.up_week + t.down_week - t.observed_week, 0) AS assumed_week,
    COALESCE(b.open_now, 0) AS open_now,
    t.up_now, t.last_up_us, t.last_evidence_us, t.up_until_us, t.known_from_us,
    COALESCE(s.timezone, '') AS timezone
FROM stores s
LEFT JOIN business b ON b.store = s.store
LEFT JOIN totals t ON t.store = s.store
