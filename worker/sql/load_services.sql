-- The service accounts of accounts.
-- $1 uuid[] accounts
-- Columns: those of service_account, in the order of service_columns (domain/account.c).
SELECT
    account_uuid, service, service_id, active, created_at
FROM provd.service_account
WHERE account_uuid = ANY ($1::uuid[])
