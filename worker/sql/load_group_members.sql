-- All members of groups, those of deleted accounts too; of a group that has more than $3 only so many.
-- $1 text[] contexts, $2 int8[] numbers, pair by pair; $3 int8 members of a group at most
-- Columns: those of group_member, in the order of member_columns (domain/group.c), and the address of the account
SELECT m.context, m.number, m.account_uuid, m.is_own, m.created_at, a.address
FROM unnest($1::text[], $2::int8[]) AS k (context, number)
CROSS JOIN LATERAL (
    SELECT g.context, g.number, g.account_uuid, g.is_own, g.created_at
    FROM provd.group_member g
    WHERE g.context = k.context AND g.number = k.number
    LIMIT $3::int8
) AS m
JOIN provd.account a ON a.uuid = m.account_uuid
