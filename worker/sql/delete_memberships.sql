-- Takes accounts that were deleted for good out of all groups, also of those that they came into since they were loaded.
-- $1 uuid[] accounts
DELETE FROM provd.group_member
WHERE account_uuid = ANY ($1::uuid[])
