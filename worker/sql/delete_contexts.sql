-- Deletes rows of context for good; a row that is at another revision stays, and the caller sees that it lost a race.
-- One array per key column, and the revisions.
DELETE FROM provd.context t
USING unnest($1::text[], $2::int8[]) AS u (name, revision)
WHERE t.name = u.name AND t.revision = u.revision
