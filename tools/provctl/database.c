#include "database.h"

#include <string.h>
#include <sysexits.h>

#include "command.h"

enum status database_open(struct postgres **ret_pg, const struct config *config, struct error *err)
{
    const struct config_database *database = &config->database;
    struct postgres_options options = {
        .url = database->url,
        .password = *database->password ? database->password : NULL,
        .application_name = "provctl",
        .connect_timeout_ms = database->connect_timeout_ms,
        .statement_timeout_ms = database->statement_timeout_ms,
        .commit_timeout_ms = database->commit_timeout_ms,
    };
    struct postgres *pg;
    enum status status = postgres_open(&pg, &options, err);

    if (status != STATUS_OK)
        return status;
    status = postgres_command(pg, "SET timezone = 'UTC'", err);
    if (status != STATUS_OK)
        postgres_close(pg);
    else
        *ret_pg = pg;
    return status;
}

enum status database_rows(struct postgres *pg, const char *sql, const struct param *params,
                          int param_count, json_t **ret_rows, struct error *err)
{
    struct result *result;
    enum status status = postgres_query(pg, sql, params, param_count, &result, err);
    json_t *rows;

    if (status != STATUS_OK)
        return status;
    rows = json_array();
    for (int i = 0; status == STATUS_OK && i < result_rows(result); i++) {
        json_t *row = json_from_text(result_text(result, i, 0), DATABASE_ROW_BYTES_MAX, err);
        if (!row)
            status = error_prefix(err, STATUS_FATAL, "postgres: a row");
        else
            json_array_append_new(rows, row);
    }
    result_close(result);
    if (status == STATUS_OK)
        *ret_rows = rows;
    else
        json_decref(rows);
    return status;
}

/* What a person can do about the errors that operators meet. */
static const struct {
    const char *sqlstate, *advice;
} advices[] = {
    {"3F000", "the schema provd is not there: run the migrations (tools/migrate deploy), or check "
              "database.url"},
    {"42P01",
     "a table is missing: run the migrations (tools/migrate deploy), or check database.url"},
    {"42883",
     "a function is missing: run the migrations (tools/migrate deploy), or check database.url"},
    {"42501",
     "this user may not do that: provctl needs the role provd_operator, or provd_reader to look"},
    {"28P01", "check the user and password in database.url and database.password"},
    {"28000", "check the user in database.url and the server's pg_hba.conf"},
    {"3D000", "check the database name in database.url"},
};

const char *database_advice(const struct error *err)
{
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
        if (strcmp(err->code, advices[i].sqlstate) == 0)
            return advices[i].advice;
    }
    return NULL;
}

int database_complain(enum status status, const struct error *err)
{
    const char *advice = database_advice(err);

    if (!advice)
        return complain_status(status, err);
    complain("%s; %s", err->message, advice);
    return status == STATUS_RETRY ? EX_UNAVAILABLE : EX_CONFIG;
}
