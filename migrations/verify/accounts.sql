-- Verify provd:accounts on pg

BEGIN;

SELECT uuid, account_id, address, tombstone, domain, context, status, status_reason, password,
    first_name, last_name, department, telephone, mail_group, quota_bytes, quota_messages,
    mailbox_type, storage_node, services, service_mode, flags, forward, autoreply_subject,
    autoreply_body, autoreply_start, autoreply_end, autoreply_enabled, comment, created_by,
    last_login_at, last_login_ip, last_login_protocol, deleted_at, purge_at, version, revision,
    created_at, updated_at
FROM provd.account WHERE false;
SELECT account_uuid, service, service_id, active, created_at
FROM provd.service_account WHERE false;
SELECT context, name, number, version, revision, created_at, updated_at
FROM provd.mail_group WHERE false;
SELECT account_uuid, role, scope_type, scope, granted_by, granted_at
FROM provd.role_grant WHERE false;
SELECT account_uuid, question, answer, wrong_answers, first_wrong_at, locked_until, version,
    revision, updated_at
FROM provd.recovery WHERE false;

DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(format('%s on %s: "%s" instead of "%s"', role, name, actual, rights), ', ')
    INTO wrong
    FROM unnest(ARRAY['provd.account', 'provd.service_account', 'provd.mail_group',
            'provd.role_grant', 'provd.recovery']) AS name,
        (VALUES ('provd_writer', 'DELETE INSERT SELECT UPDATE'), ('mta', ''), ('mda', ''))
            AS rule (role, rights),
        LATERAL (SELECT coalesce(string_agg(p, ' ' ORDER BY p), '')
            FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p
            WHERE has_table_privilege(role, name, p)) AS has (actual)
    WHERE actual <> rights;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'wrong rights: %', wrong;
    END IF;

    SELECT string_agg(format('%s.%s', attrelid::regclass, attname), ', ') INTO wrong
    FROM pg_attribute
    WHERE attrelid IN ('provd.account'::regclass, 'provd.recovery'::regclass)
        AND attnum > 0 AND NOT attisdropped
        AND has_column_privilege('provd_reader', attrelid, attnum, 'SELECT')
            = (attname IN ('password', 'answer'));
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'provd_reader must see all columns but secrets; wrong are: %', wrong;
    END IF;

    IF NOT has_sequence_privilege('provd_writer', 'provd.account_id_block', 'USAGE')
        OR NOT has_sequence_privilege('provd_writer', 'provd.service_id_block', 'USAGE') THEN
        RAISE EXCEPTION 'provd_writer cannot draw from account_id_block and service_id_block';
    END IF;

    -- One index more costs up to a tenth of the speed of inserting. account_account_id comes later.
    SELECT string_agg(c.relname, ' ' ORDER BY c.relname) INTO wrong
    FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    WHERE indrelid IN ('provd.account'::regclass, 'provd.service_account'::regclass)
        AND c.relname <> 'account_account_id';
    IF wrong IS DISTINCT FROM
        'account_address_tombstone account_domain_live account_pkey service_account_pkey' THEN
        RAISE EXCEPTION 'indexes of account and service_account are: %', wrong;
    END IF;
    IF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f'
            AND conrelid IN ('provd.account'::regclass, 'provd.service_account'::regclass)) THEN
        RAISE EXCEPTION 'account and service_account must have no foreign keys';
    END IF;
END
$$;

ROLLBACK;
