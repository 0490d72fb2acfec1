-- Every server that logged.
SELECT DISTINCT server_id FROM minutes
