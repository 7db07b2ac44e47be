-- Deletes rows of service_account for good.
-- One array per key column.
DELETE FROM provd.service_account t
USING unnest($1::uuid[], $2::int2[]) AS u (account_uuid, service)
WHERE t.account_uuid = u.account_uuid AND t.service = u.service
