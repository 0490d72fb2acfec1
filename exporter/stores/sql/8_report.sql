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
    COALESCE(b.doubt_week, 0) AS doubt_week,
    b.opened_us, t.up_now, t.last_evidence_us, o.down_since_us, o.down_polls,
    COALESCE(s.timezone, '') AS timezone
FROM stores s
LEFT JOIN business b ON b.store = s.store
LEFT JOIN totals t ON t.store = s.store
LEFT JOIN offline o ON o.store = s.store
