-- The stored password hashes of live accounts, question by question: by address, or by identity where that is given.
-- Read outside the transaction, without a lock: the rule finds out when another one is stored by then.
-- $1 text[] contexts, $2 text[] addresses, $3 uuid[] accounts; of the last two one is null
-- Columns: question (from 1), uuid, password
SELECT k.question, a.uuid, a.password
FROM unnest($1::text[], $2::text[], $3::uuid[]) WITH ORDINALITY AS k (context, address, uuid, question)
JOIN provd.account a ON a.address = k.address AND a.tombstone = 0 AND a.context = k.context
UNION ALL
SELECT k.question, a.uuid, a.password
FROM unnest($1::text[], $2::text[], $3::uuid[]) WITH ORDINALITY AS k (context, address, uuid, question)
JOIN provd.account a ON a.uuid = k.uuid AND a.tombstone = 0 AND a.context = k.context
