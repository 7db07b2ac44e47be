-- Sets and clears vpopmail's flags of every live account of a domain.
-- $1 text domain, $2 timestamptz when, $3 int8 bits that stay, $4 int8 bits that are set
UPDATE provd.account SET
    flags = (flags & $3::int8 | $4::int8)::int4,
    version = version + 1,
    revision = revision + 1,
    updated_at = $2
WHERE domain = $1 AND tombstone = 0
    AND (flags & $3::int8 | $4::int8) <> flags
