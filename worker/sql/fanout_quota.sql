-- Sets the quota of every live account of a domain.
-- $1 text domain, $2 timestamptz when, $3 int8 bytes, $4 int8 messages; 0 is unlimited, null leaves it
UPDATE provd.account SET
    quota_bytes = coalesce($3, quota_bytes),
    quota_messages = coalesce($4, quota_messages),
    version = version + 1,
    revision = revision + 1,
    updated_at = $2
WHERE domain = $1 AND tombstone = 0
    AND (quota_bytes, quota_messages)
        IS DISTINCT FROM (coalesce($3, quota_bytes), coalesce($4, quota_messages))
