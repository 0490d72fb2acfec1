-- The pieces, cut where their poll is too far away to speak (carry_us) and where it is too far to be called observed
-- (reach_us), beside the windows of their store. What is neither up nor down is not known, by the poll itself.
SELECT
    p.store, p.at_us, CASE WHEN p.up = 1 THEN 1 ELSE 0 END AS is_up, CASE WHEN p.up = 0 THEN 1 ELSE 0 END AS is_down,
    GREATEST(p.start_us, p.at_us - g.carry_us) AS start_us, LEAST(p.end_us, p.at_us + g.carry_us) AS end_us,
    GREATEST(p.start_us, p.at_us - g.reach_us) AS seen_us, LEAST(p.end_us, p.at_us + g.reach_us) AS unseen_us,
    w.hour_start_us, w.hour_end_us, w.day_start_us, w.day_end_us, w.week_start_us, w.week_end_us, g.as_of_us
FROM inside p
CROSS JOIN given g
JOIN stores s ON s.store = p.store
JOIN zone_of z ON z.timezone = COALESCE(s.timezone, '')
JOIN windows w ON w.zone = z.zone
WHERE p.end_us > g.first_us
