-- One row a server and minute that was logged. A heartbeat off the minute counts for the minute it lies in; of several
-- for one minute the highest workload holds.
SELECT
    server_id,
    time_s - MOD(time_s, 60) AS minute_s,
    MAX(workload) AS workload,
    MIN(workload) AS lowest,
    COUNT(*) AS copies
FROM heartbeats
GROUP BY server_id, time_s - MOD(time_s, 60)
