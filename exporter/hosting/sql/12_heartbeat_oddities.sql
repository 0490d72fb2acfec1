-- What is odd about heartbeats, by kind.
SELECT 'heartbeats off the minute' AS kind, COUNT(*) AS n
FROM heartbeats CROSS JOIN cycle
WHERE MOD(heartbeats.time_s, cycle.heartbeat_s) <> 0
UNION ALL
SELECT 'heartbeats repeated' AS kind, CAST(COALESCE(SUM(copies - 1), 0) AS BIGINT) AS n FROM minutes
UNION ALL
SELECT 'minutes with differing workloads' AS kind, COUNT(*) AS n FROM minutes WHERE workload >= 0 AND lowest <> workload
