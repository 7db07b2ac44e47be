-- Change records to be published again.
-- $1 int4[] fence ids, $2 int8[] first seqs, $3 int8[] last seqs
-- Columns: fence_id, seq, value (as published)
SELECT c.fence_id, c.seq, c.frame || c.body || c.hash AS value
FROM unnest($1::int4[], $2::int8[], $3::int8[]) AS u (fence_id, first_seq, last_seq)
JOIN provd.change_log c ON c.fence_id = u.fence_id AND c.seq BETWEEN u.first_seq AND u.last_seq
ORDER BY c.fence_id, c.seq
