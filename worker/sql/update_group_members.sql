-- Writes changed rows of group_member; a row that is gone is not written, and the caller sees by the number of rows
-- that it has lost a race.
-- One array per column that is a key or can change, in the order of the table of columns.
UPDATE provd.group_member t SET
    is_own = u.is_own
FROM unnest(
    $1::text[], $2::int8[], $3::uuid[], $4::bool[]
) AS u (
    context, number, account_uuid, is_own
)
WHERE t.context = u.context AND t.number = u.number AND t.account_uuid = u.account_uuid
