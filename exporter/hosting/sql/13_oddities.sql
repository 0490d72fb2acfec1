-- What in the log is odd though every line of it can be read, by kind.
SELECT kind, n FROM heartbeat_oddities
UNION ALL
SELECT 'routes in conflict' AS kind, CAST(COALESCE(SUM(servers - 1), 0) AS BIGINT) AS n
FROM (SELECT COUNT(DISTINCT server_id) AS servers FROM routes WHERE doubt = 0 GROUP BY account_id, time_s) torn
UNION ALL
SELECT 'routes repeated' AS kind, CAST(COALESCE(SUM(copies - servers), 0) AS BIGINT) AS n
FROM (SELECT COUNT(*) AS copies, COUNT(DISTINCT server_id) AS servers FROM routes WHERE doubt = 0 GROUP BY account_id, time_s) told
UNION ALL
SELECT 'routes to the same server' AS kind, COUNT(*) AS n
FROM segments
WHERE doubt = 0 AND is_first = 0 AND server_id = from_server_id
UNION ALL
SELECT 'routes of no existing account' AS kind, COUNT(*) AS n
FROM routes
LEFT JOIN segments ON segments.account_id = routes.account_id AND segments.route_s = routes.time_s
WHERE segments.account_id IS NULL AND routes.doubt = 0
UNION ALL
SELECT 'deletions of no existing account' AS kind, COUNT(*) AS n
FROM deletes
LEFT JOIN sessions ON sessions.account_id = deletes.account_id AND sessions.ended_s = deletes.time_s
WHERE sessions.account_id IS NULL
UNION ALL
SELECT 'deletions repeated' AS kind, CAST(COALESCE(SUM(copies - 1), 0) AS BIGINT) AS n
FROM (SELECT COUNT(*) AS copies FROM deletes GROUP BY account_id, time_s) told
UNION ALL
SELECT 'creations repeated' AS kind, (SELECT COUNT(*) FROM creates) - (SELECT COUNT(*) FROM sessions WHERE was_created = 1) AS n
UNION ALL
SELECT 'creations and deletions in one second' AS kind, COUNT(*) AS n
FROM (SELECT DISTINCT account_id, time_s FROM deletes) gone
JOIN (SELECT DISTINCT account_id, time_s FROM creates) made
    ON made.account_id = gone.account_id
    AND made.time_s = gone.time_s
UNION ALL
SELECT 'accounts created again' AS kind, COUNT(*) - COUNT(DISTINCT account_id) AS n FROM sessions
UNION ALL
SELECT 'customers of one name' AS kind, CAST(COALESCE(SUM(ids), 0) AS BIGINT) AS n
FROM (SELECT COUNT(DISTINCT account_id) AS ids FROM sessions WHERE was_created = 1 GROUP BY account_name) named
WHERE ids > 1
UNION ALL
SELECT 'servers silent at the start' AS kind, COUNT(*) AS n
FROM outages CROSS JOIN cycle
WHERE outages.cause = 'silent' AND outages.start_s = cycle.since_s
