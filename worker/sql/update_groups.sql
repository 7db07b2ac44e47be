-- Writes changed rows of mail_group; a row that is at another revision is not written, and the caller sees by the
-- number of rows that it has lost a race.
-- One array per column that is a key or can change, in the order of the table of columns.
UPDATE provd.mail_group t SET
    name = u.name,
    version = u.version,
    revision = u.revision + 1,
    updated_at = u.updated_at
FROM unnest(
    $1::text[], $2::int8[], $3::text[], $4::int8[], $5::int8[], $6::timestamptz[]
) AS u (
    context, number, name, version, revision, updated_at
)
WHERE t.context = u.context AND t.number = u.number AND t.revision = u.revision
