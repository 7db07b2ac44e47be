-- Remembers what is known to be published, of partitions that are still the caller's. Otherwise only the next batch
-- would, and offsets that are set back after a stop would have the last results published again.
-- $1 int4[] fence ids, $2 int8[] owner epochs, $3 int8[] published_upto
UPDATE provd.fence f SET published_upto = greatest(f.published_upto, u.published_upto)
FROM unnest($1::int4[], $2::int8[], $3::int8[]) AS u (fence_id, owner_epoch, published_upto)
WHERE f.fence_id = u.fence_id AND f.owner_epoch = u.owner_epoch
