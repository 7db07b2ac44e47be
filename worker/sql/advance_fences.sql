-- Moves the fences forward; never back, whatever is asked.
-- $1 int4[] fence ids, $2 int8[] next offsets, $3 int8[] published_upto, $4 int8[] chain_seq, $5 bytea[] chain_head,
-- $6 timestamptz now
UPDATE provd.fence f SET
    next_offset = greatest(f.next_offset, u.next_offset),
    published_upto = greatest(f.published_upto, u.published_upto),
    chain_seq = u.chain_seq,
    chain_head = u.chain_head,
    updated_at = $6
FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[], $5::bytea[])
    AS u (fence_id, next_offset, published_upto, chain_seq, chain_head)
WHERE f.fence_id = u.fence_id
