-- Domains that events rely on: they cannot vanish before the commit.
-- $1 text[] names
-- Columns: those of domain, in the order of domain_columns (domain/domain.c).
SELECT
    name, context, status, default_services, default_quota_bytes, default_quota_messages,
    max_accounts, quota_bytes, max_messages, disabled_protocols, catch_all, used_accounts,
    used_quota_bytes, used_messages, version, revision, created_at, updated_at
FROM provd.domain
WHERE name = ANY ($1::text[])
ORDER BY name
FOR KEY SHARE
