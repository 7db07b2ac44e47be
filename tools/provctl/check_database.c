/* `provctl check`: PostgreSQL, its role, schema version and partitions. */
#include "check.h"

#include <inttypes.h>
#include <string.h>

#include "configuration.h"
#include "database.h"
#include "schema_version.h"

static const char sql_role[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT current_user AS \"user\", current_database() AS database,"
    "        current_setting('server_version') AS server, r.rolsuper AS is_super,"
    "        (SELECT string_agg(g.rolname, ', ' ORDER BY g.rolname) FROM pg_roles g"
    "            WHERE g.rolname IN ('provd_writer', 'provd_operator', 'provd_reader', "
    "'provd_owner')"
    "                AND pg_has_role(g.oid, 'MEMBER')) AS roles,"
    "        COALESCE((SELECT pg_has_role(g.oid, 'MEMBER') FROM pg_roles g WHERE g.rolname = "
    "'provd_writer'), false)"
    "            AS may_write,"
    "        current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS "
    "synchronous_commit"
    "    FROM pg_roles r WHERE r.rolname = current_user) t";
static const char sql_version[] =
    "SELECT to_json(t)::text FROM (SELECT provd.schema_version() AS version) t";
static const char sql_serves_from[] =
    "SELECT to_json(t)::text FROM (SELECT provd.schema_serves_from() AS serves_from) t";
static const char sql_partitions[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT parent || to_char(month, '_YYYY_MM') AS name,"
    "        to_regclass('provd.' || parent || to_char(month, '_YYYY_MM')) IS NOT NULL AS is_there"
    "    FROM unnest(ARRAY['event_ledger', 'change_log']) AS parent,"
    "        generate_series(date_trunc('month', now()), date_trunc('month', now()) + interval '1 "
    "month', '1 month')"
    "            AS month ORDER BY 1) t";

static const char *to_migrate =
    "run the migrations: tools/migrate deploy, or psql -f migrations/install.sql";

/* The rows of a question, or NULL after saying what is wrong. */
static json_t *ask(struct check *check, struct postgres *pg, const char *what, const char *sql,
                   const char *advice)
{
    json_t *rows = NULL;
    struct error err;

    if (database_rows(pg, sql, NULL, 0, &rows, &err) != STATUS_OK) {
        check_find(check, what, VERDICT_FAILED, err.message, advice);
        return NULL;
    }
    return rows;
}

static void check_role(struct check *check, struct postgres *pg)
{
    json_t *rows = ask(check, pg, "postgresql", sql_role, "check the server's log");
    const json_t *row = json_array_get(rows, 0);
    const char *user = json_member_z(row, "user");
    const char *roles = json_member_z(row, "roles");

    if (!row)
        return;
    check_found(check, "postgresql", VERDICT_OK, NULL, "%s, database %s",
                json_member_z(row, "server"), json_member_z(row, "database"));
    if (json_is_true(json_object_get(row, "is_super")))
        check_found(check, "database role", VERDICT_WARNING,
                    "give the worker a user of its own with the role provd_writer only: the ledger "
                    "and the change log are "
                    "safe from it then",
                    "%s is a superuser", user);
    else if (!json_is_true(json_object_get(row, "may_write")))
        check_found(check, "database role", roles ? VERDICT_WARNING : VERDICT_FAILED,
                    "fine for provctl; a worker's user needs: GRANT provd_writer TO ...",
                    "%s has %s", user, roles ? roles : "none of the roles");
    else
        check_found(check, "database role", VERDICT_OK, NULL, "%s has %s", user, roles);
    if (strcmp(json_member_z(row, "fsync"), "on") != 0 ||
        strcmp(json_member_z(row, "synchronous_commit"), "off") == 0)
        check_found(check, "durability", VERDICT_WARNING,
                    "turn both on: what was acknowledged may be lost in a crash",
                    "fsync %s, synchronous_commit %s", json_member_z(row, "fsync"),
                    json_member_z(row, "synchronous_commit"));
    json_decref(rows);
}

/* Does a newer schema still serve this version's workers? */
static bool is_served(struct check *check, struct postgres *pg)
{
    json_t *rows = ask(check, pg, "database schema", sql_serves_from, to_migrate);
    int64_t from = INT64_MAX;

    if (rows)
        json_member_int64(json_array_get(rows, 0), "serves_from", &from);
    json_decref(rows);
    return from <= PROVD_SCHEMA_VERSION;
}

static void check_version(struct check *check, struct postgres *pg)
{
    json_t *rows = ask(check, pg, "database schema", sql_version, to_migrate);
    int64_t version = 0;

    if (!rows)
        return;
    json_member_int64(json_array_get(rows, 0), "version", &version);
    json_decref(rows);
    if (version > PROVD_SCHEMA_VERSION && is_served(check, pg)) {
        check_found(check, "database schema", VERDICT_OK, "upgrade this provd too",
                    "version %" PRId64 ", which still serves this provd's %d", version,
                    PROVD_SCHEMA_VERSION);
        return;
    }
    check_found(check, "database schema",
                version == PROVD_SCHEMA_VERSION ? VERDICT_OK : VERDICT_FAILED,
                version == PROVD_SCHEMA_VERSION ? NULL
                : version < PROVD_SCHEMA_VERSION
                    ? to_migrate
                    : "this provd is older than the database: install the newer one",
                "version %" PRId64 ", this provd needs %d", version, PROVD_SCHEMA_VERSION);
}

static void check_partitions(struct check *check, struct postgres *pg)
{
    json_t *rows = ask(check, pg, "partitions", sql_partitions, to_migrate);
    bool are_there = true;
    size_t index;
    json_t *row;

    json_array_foreach(rows, index, row)
    {
        if (json_is_true(json_object_get(row, "is_there")))
            continue;
        are_there = false;
        check_found(check, "partitions", VERDICT_WARNING,
                    "make them: SELECT provd.make_partitions(3), by a timer "
                    "(migrations/README.md); until then rows go to the "
                    "default",
                    "%s is missing", json_member_z(row, "name"));
    }
    if (rows && are_there)
        check_find(check, "partitions", VERDICT_OK, "this month and the next are there", NULL);
    json_decref(rows);
}

void check_database(struct check *check)
{
    const struct config *config = check->invocation->config;
    struct postgres *pg;
    struct error err;

    if (!*config->database.url) {
        check_find(check, "postgresql", VERDICT_FAILED, "database.url is not set",
                   "set database.url");
        return;
    }
    if (database_open(&pg, config, &err) != STATUS_OK) {
        check_unreachable(
            check, "postgresql", &err,
            database_advice(&err)
                ? database_advice(&err)
                : "check database.url, the network, pg_hba.conf, and that the server runs");
        return;
    }
    check_role(check, pg);
    check_version(check, pg);
    check_partitions(check, pg);
    postgres_close(pg);
}
