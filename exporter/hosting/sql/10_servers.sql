-- Every server that logged or was routed to.
SELECT server_id FROM loggers
UNION
SELECT server_id FROM routes
WHERE doubt <> 1
