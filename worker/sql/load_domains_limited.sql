-- Domains with limits, once it is known that they have some: their counts are read and written by one lane
-- at a time. NO KEY UPDATE goes together with the KEY SHARE that all lanes hold, so that two lanes that
-- both want it wait for each other in turn.
-- $1 text[] names
-- Columns: those of domain, in the order of domain_columns (domain/domain.c).
SELECT
    name, context, status, default_services, default_quota_bytes, default_quota_messages,
    max_accounts, quota_bytes, max_messages, disabled_protocols, catch_all, used_accounts,
    used_quota_bytes, used_messages, version, revision, created_at, updated_at
FROM provd.domain
WHERE name = ANY ($1::text[])
ORDER BY name
FOR NO KEY UPDATE
