-- Contexts that events change: nobody can rely on them or change them before the commit.
-- $1 text[] names
-- Columns: those of context, in the order of context_columns (domain/domain.c).
SELECT
    name, domains_on_the_fly, max_accounts, quota_bytes, max_messages, disabled_protocols,
    domain_count, version, revision, created_at, updated_at
FROM provd.context
WHERE name = ANY ($1::text[])
ORDER BY name
FOR UPDATE
