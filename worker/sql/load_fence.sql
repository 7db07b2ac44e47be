-- The fence row of a partition, locked, for an assignment.
-- $1 text cluster id, $2 text topic, $3 int4 partition
-- Columns: fence_id, group_id, next_offset, owner_epoch, published_upto, chain_seq, chain_head, permission, permission_reason,
-- permission_by, republish_below
SELECT
    fence_id, group_id, next_offset, owner_epoch, published_upto, chain_seq, chain_head,
    permission, permission_reason, permission_by, republish_below
FROM provd.fence
WHERE cluster_id = $1 AND topic = $2 AND partition = $3
FOR NO KEY UPDATE
