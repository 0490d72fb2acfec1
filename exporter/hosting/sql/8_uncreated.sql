-- Accounts that were routed or deleted and never created, as far as the log knows.
SELECT DISTINCT seen.account_id
FROM (
    SELECT account_id FROM routes
    UNION
    SELECT account_id FROM deletes
) seen
LEFT JOIN creates ON creates.account_id = seen.account_id
WHERE creates.account_id IS NULL
