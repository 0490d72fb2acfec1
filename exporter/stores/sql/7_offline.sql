-- For stores that are down at as_of_us: since when, and how many polls in a row have said so.
SELECT k.store, MIN(k.start_us) AS down_since_us, COUNT(DISTINCT k.at_us) AS down_polls
FROM known k
JOIN totals t ON t.store = k.store
WHERE t.up_now = 0 AND k.at_us > COALESCE(t.last_not_down_us, 0) AND k.start_us < k.end_us
GROUP BY k.store
