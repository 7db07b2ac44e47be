-- Makes the caller the owner of a partition: a former owner's batches find another epoch from now on. Sets the offset
-- that the assignment decided on, and spends the permission when it was used.
-- $1 int4 fence id, $2 text group, $3 int8 next offset, $4 int8 published_upto, $5 bool permission used, $6 timestamptz now,
-- $7 int8 chain_seq, $8 bytea chain_head, $9 int8 republish_below
-- Columns: owner_epoch
UPDATE provd.fence SET
    owner_epoch = owner_epoch + 1,
    group_id = $2,
    next_offset = $3,
    published_upto = $4,
    permission = CASE WHEN $5 THEN NULL ELSE permission END,
    permission_reason = CASE WHEN $5 THEN NULL ELSE permission_reason END,
    permission_by = CASE WHEN $5 THEN NULL ELSE permission_by END,
    chain_seq = $7,
    chain_head = $8,
    republish_below = $9,
    updated_at = $6
WHERE fence_id = $1
RETURNING owner_epoch
