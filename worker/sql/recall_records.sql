-- Outcomes that used up no event id, by the coordinates of their records; of several for the same coordinates
-- (the topic was made again) the last one counts.
-- $1 int4[] fence ids, $2 int8[] first offsets, $3 int8[] last offsets
-- Columns: fence_id, kafka_offset, status, result, stage, code, message, recorded_at
SELECT
    r.fence_id, r.kafka_offset, r.status, r.result, r.stage, r.code, r.message, r.recorded_at
FROM unnest($1::int4[], $2::int8[], $3::int8[]) AS u (fence_id, first_offset, last_offset)
JOIN provd.record_outcome r
    ON r.fence_id = u.fence_id AND r.kafka_offset BETWEEN u.first_offset AND u.last_offset
ORDER BY r.fence_id, r.kafka_offset, r.recorded_at
