-- A number that changes when an operator acts on the fence of one of the partitions: makes its row, or permits to go
-- on after a halt.
-- $1 text cluster id, $2 text topic, $3 int4[] partitions
-- Columns: acts
SELECT count(*) + count(permission) AS acts
FROM provd.fence
WHERE cluster_id = $1 AND topic = $2 AND partition = ANY ($3::int4[])
