-- Deletes rows of account for good; a row that is at another revision stays, and the caller sees that it lost a race.
-- One array per key column, and the revisions.
DELETE FROM provd.account t
USING unnest($1::uuid[], $2::int8[]) AS u (uuid, revision)
WHERE t.uuid = u.uuid AND t.revision = u.revision
