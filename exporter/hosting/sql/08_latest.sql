-- The decisions that routing is tested on: each route inside the observed cycle, and the interval of heartbeats that the
-- manager could have seen before it (strictly: the last heartbeat earlier than the route). Of very many the last ones,
-- as many as make no more than max_cells rows with all servers. The first route in a life that began before the log is
-- neither where a new account was put, nor known to come from another server.
SELECT
    numbered.account_id,
    numbered.route_s,
    numbered.server_id,
    numbered.from_server_id,
    numbered.is_first,
    numbered.route_s - 1 - MOD(numbered.route_s - 1, cycle.heartbeat_s) AS minute_s
FROM (
    SELECT
        segments.account_id,
        segments.route_s,
        segments.server_id,
        segments.from_server_id,
        segments.is_first,
        ROW_NUMBER() OVER (ORDER BY segments.route_s DESC, segments.account_id DESC) AS nth
    FROM segments
    JOIN sessions ON sessions.account_id = segments.account_id AND sessions.created_s = segments.created_s
    CROSS JOIN cycle
    WHERE (segments.is_first = 0 OR sessions.was_created = 1)
        AND segments.doubt = 0 AND segments.route_s >= cycle.start_s AND segments.route_s < cycle.observed_s
) numbered
CROSS JOIN (SELECT COUNT(*) AS servers FROM loggers) fleet
CROSS JOIN cycle
WHERE numbered.nth * fleet.servers <= cycle.max_cells
