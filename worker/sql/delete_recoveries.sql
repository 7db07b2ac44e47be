-- Deletes rows of recovery for good; a row that is at another revision stays, and the caller sees that it lost a race.
-- One array per key column, and the revisions.
DELETE FROM provd.recovery t
USING unnest($1::uuid[], $2::int8[]) AS u (account_uuid, revision)
WHERE t.account_uuid = u.account_uuid AND t.revision = u.revision
