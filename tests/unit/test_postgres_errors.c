/* The table of SQLSTATEs: what each class makes the worker do. */
#include "wire/postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *sqlstate;
    enum sqlstate_action action;
    const char *because;
} cases[] = {
    {"40001", SQLSTATE_RETRY, "serialization_failure"},
    {"40P01", SQLSTATE_RETRY, "deadlock_detected"},
    {"40002", SQLSTATE_RETRY, "rest of class 40"},
    {"55P03", SQLSTATE_RETRY, "lock_not_available"},
    {"55006", SQLSTATE_RETRY, "object_in_use"},
    {"08006", SQLSTATE_RETRY, "connection_failure"},
    {"08007", SQLSTATE_RETRY, "transaction_resolution_unknown: commit in doubt"},
    {"08P01", SQLSTATE_RETRY, "pgbouncer says this for most of its troubles"},
    {"57014", SQLSTATE_RETRY, "query_canceled: statement_timeout"},
    {"57P01", SQLSTATE_RETRY, "admin_shutdown"},
    {"57P03", SQLSTATE_RETRY, "cannot_connect_now"},
    {"53100", SQLSTATE_RETRY, "disk_full"},
    {"53300", SQLSTATE_RETRY, "too_many_connections"},
    {"58030", SQLSTATE_RETRY, "io_error"},
    {"25P02", SQLSTATE_RETRY, "in_failed_sql_transaction"},
    {"25P03", SQLSTATE_RETRY, "idle_in_transaction_session_timeout"},
    {"25006", SQLSTATE_RETRY, "read_only_sql_transaction: the primary has become a standby"},
    {"0A000", SQLSTATE_RETRY, "cached plan must not change result type"},
    {"23505", SQLSTATE_CONFLICT, "unique_violation: lost race"},
    {"23503", SQLSTATE_EVENT, "foreign_key_violation"},
    {"23514", SQLSTATE_EVENT, "check_violation"},
    {"23502", SQLSTATE_EVENT, "not_null_violation"},
    {"22001", SQLSTATE_EVENT, "string_data_right_truncation"},
    {"22021", SQLSTATE_EVENT, "character_not_in_repertoire"},
    {"54000", SQLSTATE_EVENT, "index row size exceeds maximum"},
    {"22P03", SQLSTATE_STOP, "invalid_binary_representation: our encoder, no event"},
    {"22P04", SQLSTATE_STOP, "bad_copy_file_format: our columns, no event"},
    {"26000", SQLSTATE_STOP, "invalid_sql_statement_name: pgbouncer before 1.21"},
    {"42P05", SQLSTATE_STOP, "duplicate_prepared_statement: pgbouncer before 1.21"},
    {"42501", SQLSTATE_STOP, "insufficient_privilege"},
    {"42P01", SQLSTATE_STOP, "undefined_table"},
    {"42601", SQLSTATE_STOP, "syntax_error"},
    {"3F000", SQLSTATE_STOP, "invalid_schema_name"},
    {"28P01", SQLSTATE_STOP, "invalid_password"},
    {"28000", SQLSTATE_STOP, "invalid_authorization_specification"},
    {"3D000", SQLSTATE_STOP, "invalid_catalog_name"},
    {"XX000", SQLSTATE_STOP, "internal_error"},
    {"XX001", SQLSTATE_STOP, "data_corrupted"},
    {"P0001", SQLSTATE_STOP, "raise_exception: nothing of ours raises"},
    {"21000", SQLSTATE_STOP, "cardinality_violation: a key twice in one statement is our bug"},
    {"", SQLSTATE_STOP, "no code"},
};

static void each_class_has_its_action(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (sqlstate_action(cases[i].sqlstate) != cases[i].action) {
            fail_msg("%s (%s): action %d", cases[i].sqlstate, cases[i].because,
                     (int)sqlstate_action(cases[i].sqlstate));
        }
        assert_true(strlen(sqlstate_reason(cases[i].sqlstate)) > 10);
    }
}

static void only_a_unique_conflict_is_a_lost_race_and_it_blames_no_event(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {"", ""};
        snprintf(err.code, sizeof err.code, "%s", cases[i].sqlstate);
        assert_int_equal(postgres_lost_race(&err), strcmp(err.code, "23505") == 0);
        assert_int_equal(postgres_blames_event(&err), cases[i].action == SQLSTATE_EVENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_has_its_action),
        cmocka_unit_test(only_a_unique_conflict_is_a_lost_race_and_it_blames_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
