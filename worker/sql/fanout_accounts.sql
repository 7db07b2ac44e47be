-- The live accounts of a domain, for the audit rows of a fan-out: read through a cursor in pieces.
-- $1 text domain
-- Columns: those of account, in the order of account_columns (domain/account.c).
SELECT
    uuid, account_id, address, tombstone, domain, context, status, status_reason, password,
    first_name, last_name, department, telephone, quota_bytes, quota_messages,
    mailbox_type, storage_node, services, service_mode, flags, forward, autoreply_subject,
    autoreply_body, autoreply_start, autoreply_end, autoreply_enabled, comment, created_by,
    last_login_at, last_login_ip, last_login_protocol, deleted_at, purge_at, version, revision,
    created_at, updated_at
FROM provd.account
WHERE domain = $1 AND tombstone = 0
ORDER BY address
FOR NO KEY UPDATE
