-- What the accounts of domains use of their limits, counted afresh: for domains that are locked FOR UPDATE.
-- 8192 is vpopmail's flag 0x2000, override limits.
-- $1 text[] names
-- Columns: domain, live_accounts, used_accounts, used_quota_bytes, used_messages
SELECT
    domain,
    count(*) AS live_accounts,
    count(*) FILTER (WHERE flags & 8192 = 0) AS used_accounts,
    coalesce(sum(quota_bytes) FILTER (WHERE flags & 8192 = 0), 0)::int8 AS used_quota_bytes,
    coalesce(sum(quota_messages) FILTER (WHERE flags & 8192 = 0), 0)::int8 AS used_messages
FROM provd.account
WHERE domain = ANY ($1::text[]) AND tombstone = 0
GROUP BY domain
