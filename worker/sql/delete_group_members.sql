-- Takes accounts out of groups.
-- One array per key column.
DELETE FROM provd.group_member t
USING unnest($1::text[], $2::int8[], $3::uuid[]) AS u (context, number, account_uuid)
WHERE t.context = u.context AND t.number = u.number AND t.account_uuid = u.account_uuid
