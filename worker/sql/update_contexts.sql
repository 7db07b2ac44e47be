-- Writes changed rows of context; a row that is at another revision is not written, and the caller sees by the
-- number of rows that it has lost a race.
-- One array per column that is a key or can change, in the order of the table of columns.
UPDATE provd.context t SET
    domains_on_the_fly = u.domains_on_the_fly,
    max_accounts = u.max_accounts,
    quota_bytes = u.quota_bytes,
    max_messages = u.max_messages,
    disabled_protocols = u.disabled_protocols,
    domain_count = u.domain_count,
    version = u.version,
    revision = u.revision + 1,
    updated_at = u.updated_at
FROM unnest(
    $1::text[], $2::bool[], $3::int8[], $4::int8[], $5::int8[], $6::int4[], $7::int8[],
    $8::int8[], $9::int8[], $10::timestamptz[]
) AS u (
    name, domains_on_the_fly, max_accounts, quota_bytes, max_messages, disabled_protocols,
    domain_count, version, revision, updated_at
)
WHERE t.name = u.name AND t.revision = u.revision
