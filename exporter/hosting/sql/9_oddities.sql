-- What in the log is odd though every line of it can be read, by kind.
SELECT 'heartbeats off the minute' AS kind, COUNT(*) AS n FROM heartbeats WHERE MOD(time_s, 60) <> 0
UNION ALL
SELECT 'heartbeats repeated' AS kind, CAST(COALESCE(SUM(copies - 1), 0) AS BIGINT) AS n FROM minutes
UNION ALL
SELECT 'minutes with differing workloads' AS kind, COUNT(*) AS n FROM minutes WHERE lowest <> workload
UNION ALL
SELECT 'routes in conflict' AS kind, CAST(COALESCE(SUM(servers - 1), 0) AS BIGINT) AS n
FROM (SELECT COUNT(DISTINCT server_id) AS servers FROM routes GROUP BY account_id, time_s) torn
UNION ALL
SELECT 'routes of no existing account' AS kind, COUNT(*) AS n
FROM routes
LEFT JOIN segments ON segments.account_id = routes.account_id AND segments.route_s = routes.time_s
WHERE segments.account_id IS NULL
UNION ALL
SELECT 'deletions of no existing account' AS kind, COUNT(*) AS n
FROM deletes
LEFT JOIN sessions ON sessions.account_id = deletes.account_id AND sessions.ended_s = deletes.time_s
WHERE sessions.account_id IS NULL
