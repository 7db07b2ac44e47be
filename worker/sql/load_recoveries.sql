-- Recovery question, answer and lock of accounts.
-- $1 uuid[] accounts
-- Columns: those of recovery, in the order of recovery_columns (domain/account.c).
SELECT
    account_uuid, question, answer, wrong_answers, first_wrong_at, locked_until, version,
    revision, updated_at
FROM provd.recovery
WHERE account_uuid = ANY ($1::uuid[])
