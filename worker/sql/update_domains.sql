-- Writes changed rows of domain; a row that is at another revision is not written, and the caller sees by the
-- number of rows that it has lost a race.
-- One array per column that is a key or can change, in the order of the table of columns.
UPDATE provd.domain t SET
    status = u.status,
    default_services = u.default_services,
    default_quota_bytes = u.default_quota_bytes,
    default_quota_messages = u.default_quota_messages,
    max_accounts = u.max_accounts,
    quota_bytes = u.quota_bytes,
    max_messages = u.max_messages,
    disabled_protocols = u.disabled_protocols,
    catch_all = u.catch_all,
    used_accounts = u.used_accounts,
    used_quota_bytes = u.used_quota_bytes,
    used_messages = u.used_messages,
    version = u.version,
    revision = u.revision + 1,
    updated_at = u.updated_at
FROM unnest(
    $1::text[], $2::text[], $3::int2[], $4::int8[], $5::int8[], $6::int8[], $7::int8[],
    $8::int8[], $9::int4[], $10::text[], $11::int8[], $12::int8[], $13::int8[], $14::int8[],
    $15::int8[], $16::timestamptz[]
) AS u (
    name, status, default_services, default_quota_bytes, default_quota_messages, max_accounts,
    quota_bytes, max_messages, disabled_protocols, catch_all, used_accounts, used_quota_bytes,
    used_messages, version, revision, updated_at
)
WHERE t.name = u.name AND t.revision = u.revision
