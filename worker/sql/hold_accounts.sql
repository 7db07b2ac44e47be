-- Keeps accounts that become members of a group from being purged before the commit. Fewer rows than were asked for:
-- one is gone, and the caller has lost a race.
-- $1 uuid[] accounts
-- Columns: uuid
SELECT uuid
FROM provd.account
WHERE uuid = ANY ($1::uuid[])
ORDER BY uuid
FOR KEY SHARE
