-- The groups that accounts are in.
-- $1 uuid[] accounts
-- Columns: those of group_member, in the order of member_columns (domain/group.c), and the address of the account
SELECT m.context, m.number, m.account_uuid, m.is_own, m.created_at, a.address
FROM provd.group_member m
JOIN provd.account a ON a.uuid = m.account_uuid
WHERE m.account_uuid = ANY ($1::uuid[])
