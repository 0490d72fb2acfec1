-- What the manager could see when it routed: for each route inside the observed cycle the servers that had logged the
-- minute before it (strictly: the last heartbeat earlier than the route), with their workload. Of very many routes the
-- last ones are taken, as many as make no more than max_cells rows.
WITH latest AS (
    SELECT
        segments.account_id,
        segments.route_s,
        segments.server_id,
        segments.from_server_id,
        segments.is_first,
        ROW_NUMBER() OVER (ORDER BY segments.route_s DESC, segments.account_id DESC) AS nth
    FROM segments CROSS JOIN cycle
    WHERE segments.doubt = 0 AND segments.route_s >= cycle.start_s AND segments.route_s < cycle.observed_s
),
fleet AS (
    SELECT COUNT(DISTINCT server_id) AS servers FROM minutes
)
SELECT
    latest.account_id,
    latest.route_s,
    latest.server_id,
    latest.from_server_id,
    latest.is_first,
    minutes.server_id AS candidate_id,
    minutes.workload
FROM latest
CROSS JOIN fleet
CROSS JOIN cycle
JOIN minutes ON minutes.minute_s = latest.route_s - 1 - MOD(latest.route_s - 1, cycle.heartbeat_s)
WHERE minutes.workload >= 0 AND latest.nth * fleet.servers <= cycle.max_cells
