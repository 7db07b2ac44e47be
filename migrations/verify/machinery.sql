-- Verify provd:machinery on pg

BEGIN;

SELECT fence_id, cluster_id, topic, partition, group_id, next_offset, owner_epoch, published_upto, chain_seq, chain_head,
    permission, permission_reason, permission_by, updated_at
FROM provd.fence WHERE false;
SELECT event_id, fence_id, kafka_offset, status, payload_hash, result, chain_seq, change_count, applied_at
FROM provd.event_ledger WHERE false;
SELECT fence_id, kafka_offset, status, event_id, content_hash, result, stage, code, message, recorded_at
FROM provd.record_outcome WHERE false;
SELECT fence_id, seq, changed_at, event_id, object_type, object_id, frame, body, hash FROM provd.change_log WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    -- Nobody but the owner can change or delete what was written to the ledger and the change log.
    SELECT string_agg(format('%s %s on %s', role, privilege, relation), ', ') INTO wrong
    FROM (VALUES ('provd_writer', 'SELECT', true), ('provd_writer', 'INSERT', true), ('provd_writer', 'UPDATE', false),
            ('provd_writer', 'DELETE', false), ('provd_writer', 'TRUNCATE', false), ('provd_reader', 'SELECT', true),
            ('provd_reader', 'INSERT', false), ('provd_operator', 'SELECT', true), ('provd_operator', 'UPDATE', false),
            ('provd_operator', 'DELETE', false), ('mta', 'SELECT', false), ('mda', 'SELECT', false)
        ) AS rule (role, privilege, allowed),
        unnest(ARRAY['event_ledger', 'change_log', 'record_outcome']) AS relation
    WHERE has_table_privilege(role, 'provd.' || relation, privilege) <> allowed;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'rights that are missing or too many: %', wrong;
    END IF;

    SELECT string_agg(format('%s %s', role, privilege), ', ') INTO wrong
    FROM (VALUES ('provd_writer', 'SELECT', true), ('provd_writer', 'INSERT', true), ('provd_writer', 'UPDATE', true),
            ('provd_writer', 'DELETE', false), ('provd_reader', 'SELECT', true), ('provd_reader', 'UPDATE', false),
            ('provd_operator', 'INSERT', true), ('provd_operator', 'UPDATE', false), ('provd_operator', 'DELETE', false)
        ) AS rule (role, privilege, allowed)
    WHERE has_table_privilege(role, 'provd.fence', privilege) <> allowed;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'rights on fence that are missing or too many: %', wrong;
    END IF;
    IF NOT has_column_privilege('provd_operator', 'provd.fence', 'permission', 'UPDATE')
        OR has_column_privilege('provd_operator', 'provd.fence', 'next_offset', 'UPDATE') THEN
        RAISE EXCEPTION 'provd_operator must be able to give a permission and unable to move an offset';
    END IF;

    SELECT string_agg(parent, ', ') INTO wrong
    FROM unnest(ARRAY['provd.event_ledger', 'provd.change_log']) AS parent
    WHERE NOT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = parent::regclass AND partdefid <> 0);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'not partitioned, or without a default partition: %', wrong;
    END IF;
END
$$;

ROLLBACK;
