-- Blocks of 100 service account ids: a value n stands for the ids (n-1)*100+1 .. n*100.
-- $1 int4 number of blocks
-- Columns: block
SELECT nextval('provd.service_id_block') AS block
FROM generate_series(1, $1::int4)
