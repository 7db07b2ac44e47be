-- What the ledger knows of event ids, with the coordinates of the record that used each up.
-- The bounds, in themselves superfluous, leave out partitions: an array does not.
-- $1 uuid[] event ids, $2 uuid the least of them, $3 uuid the greatest
-- Columns: event_id, fence_id, topic, partition, kafka_offset, status, payload_hash, result, chain_seq, change_count, applied_at
SELECT
    l.event_id, l.fence_id, f.topic, f.partition, l.kafka_offset, l.status, l.payload_hash, l.result,
    l.chain_seq, l.change_count, l.applied_at
FROM provd.event_ledger l
JOIN provd.fence f ON f.fence_id = l.fence_id
WHERE l.event_id = ANY ($1::uuid[]) AND l.event_id BETWEEN $2::uuid AND $3::uuid
