-- The first fence row of a partition. Two workers that make it at once: one of them does.
-- $1 text cluster id, $2 text topic, $3 int4 partition, $4 text group, $5 int8 next offset, $6 timestamptz now
INSERT INTO provd.fence (cluster_id, topic, partition, group_id, next_offset, published_upto, updated_at)
VALUES ($1, $2, $3, $4, $5, $5, $6)
ON CONFLICT (cluster_id, topic, partition) DO NOTHING
