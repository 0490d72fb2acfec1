-- Microseconds up, down, and observed in either state, by store and window; and how the store is at as_of_us.
SELECT
    store,
    CAST(SUM(is_up * GREATEST(0, LEAST(end_us, hour_end_us) - GREATEST(start_us, hour_start_us))) AS BIGINT) AS up_hour,
    CAST(SUM(is_up * GREATEST(0, LEAST(end_us, day_end_us) - GREATEST(start_us, day_start_us))) AS BIGINT) AS up_day,
    CAST(SUM(is_up * GREATEST(0, LEAST(end_us, week_end_us) - GREATEST(start_us, week_start_us))) AS BIGINT) AS up_week,
    CAST(SUM(is_down * GREATEST(0, LEAST(end_us, hour_end_us) - GREATEST(start_us, hour_start_us))) AS BIGINT) AS down_hour,
    CAST(SUM(is_down * GREATEST(0, LEAST(end_us, day_end_us) - GREATEST(start_us, day_start_us))) AS BIGINT) AS down_day,
    CAST(SUM(is_down * GREATEST(0, LEAST(end_us, week_end_us) - GREATEST(start_us, week_start_us))) AS BIGINT) AS down_week,
    CAST(SUM((is_up + is_down) * GREATEST(0, LEAST(unseen_us, hour_end_us) - GREATEST(seen_us, hour_start_us))) AS BIGINT) AS observed_hour,
    CAST(SUM((is_up + is_down) * GREATEST(0, LEAST(unseen_us, day_end_us) - GREATEST(seen_us, day_start_us))) AS BIGINT) AS observed_day,
    CAST(SUM((is_up + is_down) * GREATEST(0, LEAST(unseen_us, week_end_us) - GREATEST(seen_us, week_start_us))) AS BIGINT) AS observed_week,
    MAX(CASE WHEN start_us <= as_of_us AND as_of_us < end_us AND is_up + is_down > 0 THEN is_up END) AS up_now,
    MAX(CASE WHEN is_down = 0 THEN at_us END) AS last_not_down_us,
    MAX(at_us) AS last_evidence_us
FROM known
GROUP BY store
