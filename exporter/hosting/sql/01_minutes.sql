-- One row a server and interval of heartbeats that was logged. A heartbeat off its start counts for the interval it
-- lies in; of several for one the highest workload holds. A workload below 0 stands for a heartbeat of which it is in
-- doubt whether it was there.
SELECT
    heartbeats.server_id,
    heartbeats.time_s - MOD(heartbeats.time_s, cycle.heartbeat_s) AS minute_s,
    MAX(heartbeats.workload) AS workload,
    MIN(CASE WHEN heartbeats.workload >= 0 THEN heartbeats.workload END) AS lowest,
    COUNT(*) AS copies,
    MAX(heartbeats.time_s) - MIN(heartbeats.time_s) AS span_s
FROM heartbeats CROSS JOIN cycle
GROUP BY heartbeats.server_id, heartbeats.time_s - MOD(heartbeats.time_s, cycle.heartbeat_s)
