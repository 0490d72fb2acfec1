-- What the manager could see when it routed: for each route inside the observed cycle the servers that had logged the
-- minute before it (strictly: the last heartbeat earlier than the route), with their workload.
SELECT
    segments.account_id,
    segments.route_s,
    segments.server_id,
    segments.from_server_id,
    segments.is_first,
    minutes.server_id AS candidate_id,
    minutes.workload
FROM segments
CROSS JOIN cycle
JOIN minutes ON minutes.minute_s = segments.route_s - 1 - MOD(segments.route_s - 1, 60)
WHERE segments.route_s >= cycle.start_s AND segments.route_s < cycle.observed_s
