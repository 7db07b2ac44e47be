-- What the accounts of domains use of their limits, counted afresh: for domains that are locked FOR UPDATE.
-- 8192 is vpopmail's flag 0x2000, override limits. A sum beyond int8 stays at its end, as in domain/usage.c.
-- $1 text[] names
-- Columns: domain, live_accounts, used_accounts, used_quota_bytes, used_messages; and of the accounts that
-- override limits: overriding_quota_bytes, overriding_messages, overriding_bytes_unlimited,
-- overriding_messages_unlimited
SELECT
    domain,
    count(*) AS live_accounts,
    count(*) FILTER (WHERE flags & 8192 = 0) AS used_accounts,
    least(coalesce(sum(quota_bytes) FILTER (WHERE flags & 8192 = 0), 0), 9223372036854775807)::int8
        AS used_quota_bytes,
    least(coalesce(sum(quota_messages) FILTER (WHERE flags & 8192 = 0), 0), 9223372036854775807)::int8
        AS used_messages,
    least(coalesce(sum(quota_bytes) FILTER (WHERE flags & 8192 <> 0), 0), 9223372036854775807)::int8
        AS overriding_quota_bytes,
    least(coalesce(sum(quota_messages) FILTER (WHERE flags & 8192 <> 0), 0), 9223372036854775807)::int8
        AS overriding_messages,
    count(*) FILTER (WHERE flags & 8192 <> 0 AND coalesce(quota_bytes, 0) = 0)
        AS overriding_bytes_unlimited,
    count(*) FILTER (WHERE flags & 8192 <> 0 AND coalesce(quota_messages, 0) = 0)
        AS overriding_messages_unlimited
FROM provd.account
WHERE domain = ANY ($1::text[]) AND tombstone = 0
GROUP BY domain
