-- Writes changed rows of account; a row that is at another revision is not written, and the caller sees by the
-- number of rows that it has lost a race.
-- One array per column that is a key or can change, in the order of the table of columns.
UPDATE provd.account t SET
    tombstone = u.tombstone,
    status = u.status,
    status_reason = u.status_reason,
    password = u.password,
    first_name = u.first_name,
    last_name = u.last_name,
    department = u.department,
    telephone = u.telephone,
    quota_bytes = u.quota_bytes,
    quota_messages = u.quota_messages,
    mailbox_type = u.mailbox_type,
    storage_node = u.storage_node,
    services = u.services,
    service_mode = u.service_mode,
    flags = u.flags,
    forward = u.forward,
    autoreply_subject = u.autoreply_subject,
    autoreply_body = u.autoreply_body,
    autoreply_start = u.autoreply_start,
    autoreply_end = u.autoreply_end,
    autoreply_enabled = u.autoreply_enabled,
    comment = u.comment,
    last_login_at = u.last_login_at,
    last_login_ip = u.last_login_ip,
    last_login_protocol = u.last_login_protocol,
    deleted_at = u.deleted_at,
    purge_at = u.purge_at,
    version = u.version,
    revision = u.revision + 1,
    updated_at = u.updated_at
FROM unnest(
    $1::uuid[], $2::int8[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::text[], $10::int8[], $11::int8[], $12::text[], $13::text[], $14::int2[],
    $15::text[], $16::int4[], $17::text[], $18::text[], $19::text[], $20::timestamptz[],
    $21::timestamptz[], $22::bool[], $23::text[], $24::timestamptz[], $25::text[], $26::text[],
    $27::timestamptz[], $28::timestamptz[], $29::int8[], $30::int8[], $31::timestamptz[]
) AS u (
    uuid, tombstone, status, status_reason, password, first_name, last_name, department,
    telephone, quota_bytes, quota_messages, mailbox_type, storage_node, services,
    service_mode, flags, forward, autoreply_subject, autoreply_body, autoreply_start,
    autoreply_end, autoreply_enabled, comment, last_login_at, last_login_ip,
    last_login_protocol, deleted_at, purge_at, version, revision, updated_at
)
WHERE t.uuid = u.uuid AND t.revision = u.revision
