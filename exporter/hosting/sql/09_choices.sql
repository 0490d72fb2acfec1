-- What the manager could see when it routed: the servers that had logged the minute before, with their workload.
SELECT
    latest.account_id,
    latest.route_s,
    latest.server_id,
    latest.from_server_id,
    latest.is_first,
    minutes.server_id AS candidate_id,
    minutes.workload
FROM latest
JOIN minutes ON minutes.minute_s = latest.minute_s
WHERE minutes.workload >= 0
