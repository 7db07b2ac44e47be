-- The fence rows of the batch's partitions, locked in order: a worker that lost its partitions waits here for
-- its successor, and then finds another epoch. The lock also serialises the audit chains.
-- $1 int4[] fence ids
-- Columns: fence_id, next_offset, owner_epoch, published_upto, chain_seq, chain_head
SELECT fence_id, next_offset, owner_epoch, published_upto, chain_seq, chain_head
FROM provd.fence
WHERE fence_id = ANY ($1::int4[])
ORDER BY topic, partition
FOR NO KEY UPDATE
