-- Accounts, live and deleted, that have or had an address of $1, or share one with an account of $2 or $3.
-- $1 text[] addresses, $2 uuid[] accounts, $3 int8[] account ids
-- Columns: those of account, in the order of account_columns (domain/account.c).
SELECT
    uuid, account_id, address, tombstone, domain, context, status, status_reason, password,
    first_name, last_name, department, telephone, quota_bytes, quota_messages,
    mailbox_type, storage_node, services, service_mode, flags, forward, autoreply_subject,
    autoreply_body, autoreply_start, autoreply_end, autoreply_enabled, comment, created_by,
    last_login_at, last_login_ip, last_login_protocol, deleted_at, purge_at, version, revision,
    created_at, updated_at
FROM provd.account
WHERE address = ANY ($1::text[]
    || ARRAY (SELECT a.address FROM provd.account a WHERE a.uuid = ANY ($2::uuid[]))
    || ARRAY (SELECT a.address FROM provd.account a WHERE a.account_id = ANY ($3::int8[])))
ORDER BY address, tombstone
