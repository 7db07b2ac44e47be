-- Soft-deletes every live account of a domain.
-- $1 text domain, $2 timestamptz when, $3 int8 microseconds until the address is free
UPDATE provd.account SET
    tombstone = account_id,
    deleted_at = $2::timestamptz,
    purge_at = $2::timestamptz + $3::int8 * interval '1 microsecond',
    version = version + 1,
    revision = revision + 1,
    updated_at = $2::timestamptz
WHERE domain = $1 AND tombstone = 0
