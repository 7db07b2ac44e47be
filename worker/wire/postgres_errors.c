/* What PostgreSQL's errors mean for the worker: one table, and the texts that people read.
 *
 * No error text ever holds DETAIL, HINT or CONTEXT: they quote rows. The primary message is taken
 * over only for classes that cannot quote a value. */
#include "wire/certificate.h"
#include "wire/postgres_handle.h"

#include <stdio.h>
#include <string.h>

/* SQLSTATEs before their classes: the first row whose code is a prefix counts. */
struct sqlstate_row {
    const char *code;
    enum sqlstate_action action;
    bool message_safe; /* the primary message cannot hold row data */
    bool reconnect;    /* this session cannot go on although it lives */
    const char *reason;
};

static const char internal_error[] = "XX";

static const struct sqlstate_row sqlstate_table[] = {
    {"40001", SQLSTATE_RETRY, true, false, "another transaction was first; the batch runs again"},
    {"40P01", SQLSTATE_RETRY, true, false,
     "deadlock with another transaction; the batch runs again"},
    {"40", SQLSTATE_RETRY, true, false, "the transaction was rolled back; the batch runs again"},
    {"55P03", SQLSTATE_RETRY, true, false,
     "a row lock was not free in time, e.g. held by a session that waits for a standby; wait"},
    {"55", SQLSTATE_RETRY, true, false, "something is in use at the moment; wait"},
    {"08", SQLSTATE_RETRY, true, true, "the connection failed; a new one is opened"},
    {"57014", SQLSTATE_RETRY, true, false,
     "cancelled by statement_timeout or by an operator; if it repeats, look for locks or raise the "
     "timeout"},
    {"57", SQLSTATE_RETRY, true, true, "the server stops or starts; a new connection is opened"},
    {"53100", SQLSTATE_RETRY, true, false, "the server's disk is full: make room"},
    {"53300", SQLSTATE_RETRY, true, true,
     "too many connections: raise max_connections or use fewer lanes"},
    {"53", SQLSTATE_RETRY, true, false, "the server is short of resources; wait"},
    {"58", SQLSTATE_RETRY, true, false, "the server's system failed: look into its log"},
    {"25P03", SQLSTATE_RETRY, true, true,
     "the worker stood still inside a transaction; a new connection is opened"},
    {"25006", SQLSTATE_RETRY, true, true,
     "this server does not accept writes (a standby?); a new connection looks for one that does"},
    {"25P02", SQLSTATE_RETRY, true, false, "an earlier statement failed; the batch runs again"},
    {"0A000", SQLSTATE_RETRY, true, true,
     "not supported, or a table has changed under a prepared statement; a new connection prepares "
     "it "
     "again"},
    {"23505", SQLSTATE_CONFLICT, false, false,
     "another transaction wrote the same key first; load again"},
    {"22P03", SQLSTATE_STOP, true, false, "a binary value is malformed: a bug in the worker"},
    {"22P04", SQLSTATE_STOP, true, false,
     "the rows of a COPY do not fit its columns: worker and schema are of different versions"},
    {"22", SQLSTATE_EVENT, false, false, "a value of some event cannot be stored"},
    {"23", SQLSTATE_EVENT, false, false, "a row of some event breaks a constraint"},
    {"54", SQLSTATE_EVENT, true, false, "a row of some event is too large for a table or an index"},
    {"26000", SQLSTATE_STOP, true, true,
     "a prepared statement is gone: behind pgbouncer use session pooling, or 1.21 or later with "
     "max_prepared_statements"},
    {"42P05", SQLSTATE_STOP, true, true,
     "a prepared statement is there already: behind pgbouncer use session pooling, or 1.21 or "
     "later "
     "with max_prepared_statements"},
    {"42501", SQLSTATE_STOP, true, false, "no permission: grant provd_writer to the worker's user"},
    {"42P01", SQLSTATE_STOP, true, false,
     "a table is missing: run the migrations in this database"},
    {"42", SQLSTATE_STOP, true, false,
     "the statement does not fit the schema: worker and migrations are of different versions"},
    {"3F", SQLSTATE_STOP, true, false,
     "the schema is missing: run the migrations in this database"},
    {"28", SQLSTATE_STOP, true, true, "login refused: check user, password and pg_hba.conf"},
    {"3D", SQLSTATE_STOP, true, true, "no such database: check the name or create it"},
    {internal_error, SQLSTATE_STOP, true, false,
     "an internal error of PostgreSQL: look into the server's log"},
    {"", SQLSTATE_STOP, false, false,
     "an error that the worker does not know: look into the server's log"},
};

static const struct sqlstate_row *sqlstate_find(const char *sqlstate)
{
    const struct sqlstate_row *row = sqlstate_table;

    while (strncmp(sqlstate, row->code, strlen(row->code)) != 0) {
        row++;
    }
    return row;
}

enum sqlstate_action sqlstate_action(const char *sqlstate)
{
    return sqlstate_find(sqlstate)->action;
}

const char *sqlstate_reason(const char *sqlstate)
{
    return sqlstate_find(sqlstate)->reason;
}

bool postgres_lost_race(const struct error *err)
{
    return sqlstate_action(err->code) == SQLSTATE_CONFLICT;
}

bool postgres_blames_itself(const struct error *err)
{
    return strncmp(err->code, internal_error, strlen(internal_error)) == 0;
}

bool postgres_blames_event(const struct error *err)
{
    return sqlstate_action(err->code) == SQLSTATE_EVENT;
}

/* A request is named by its statement's name or the first two words of its SQL: what follows there
 * may be values. For the format "%.*s". */
#define WHAT(what) what_len(what), (what)

static int what_len(const char *what)
{
    size_t first = strcspn(what, " ;(");

    return (int)(what[first] == ' ' ? first + 1 + strcspn(what + first + 1, " ;(") : first);
}

static enum status action_status(enum sqlstate_action action)
{
    return action == SQLSTATE_STOP ? STATUS_FATAL : STATUS_RETRY;
}

/* One field of an error as "label value", on one line; nothing when the server did not send it. */
struct part {
    char text[200];
};

static struct part error_part(const PGresult *result, int field, const char *label)
{
    struct part part = {""};
    const char *value = PQresultErrorField(result, field);

    if (value && *value) {
        snprintf(part.text, sizeof part.text, "%s%s", label, value);
        for (char *c = part.text; *c; c++) {
            if ((unsigned char)*c < ' ' || *c == 127) {
                *c = ' ';
            }
        }
    }
    return part;
}

/* FATAL and PANIC end the session. */
static bool ends_session(const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

    return severity && strcmp(severity, "ERROR") != 0;
}

enum status postgres_fail_result(struct postgres *pg, const PGresult *result, const char *what,
                                 struct error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) {
        sqlstate = "25P02";
    }
    if (!sqlstate) { /* libpq's own: the connection broke, or memory is out */
        return postgres_fail_lost(pg, what, err);
    }
    const struct sqlstate_row *row = sqlstate_find(sqlstate);
    struct part message = {""};

    if (row->message_safe) {
        message = error_part(result, PG_DIAG_MESSAGE_PRIMARY, ", ");
    }
    if (row->reconnect || ends_session(result)) {
        pg->broken = true;
        if (pg->committing && action_status(row->action) == STATUS_RETRY) {
            return postgres_fail_lost(pg, what, err);
        }
    }
    return error_set(err, action_status(row->action), sqlstate,
                     "postgres: %.*s: SQLSTATE %s%s%s%s%s: %s", WHAT(what), sqlstate,
                     error_part(result, PG_DIAG_TABLE_NAME, ", table ").text,
                     error_part(result, PG_DIAG_COLUMN_NAME, ", column ").text,
                     error_part(result, PG_DIAG_CONSTRAINT_NAME, ", constraint ").text,
                     message.text, row->reason);
}

/* A COMMIT without an answer may have happened: 08007, transaction resolution unknown. */
static enum status fail_in_doubt(const char *what, const char *cause, struct error *err)
{
    return error_set(err, STATUS_RETRY, "08007",
                     "postgres: %.*s: %s: the commit is in doubt; the batch runs again on a new "
                     "connection and the ledger decides",
                     WHAT(what), cause);
}

enum status postgres_fail_lost(struct postgres *pg, const char *what, struct error *err)
{
    pg->broken = true;
    if (pg->committing) {
        return fail_in_doubt(what, "the connection was lost", err);
    }
    return error_set(err, STATUS_RETRY, "08006",
                     "postgres: %.*s: the connection was lost; a new one is opened", WHAT(what));
}

enum status postgres_fail_deadline(struct postgres *pg, const char *what, struct error *err)
{
    pg->broken = true;
    if (pg->committing) {
        return fail_in_doubt(what, "no answer in time, e.g. from a synchronous standby", err);
    }
    return error_set(
        err, STATUS_RETRY, "08006",
        "postgres: %.*s: no answer in time (statement timeout %lld ms); the connection is "
        "given up",
        WHAT(what), (long long)pg->statement_timeout_ms);
}

enum status postgres_fail_send(struct postgres *pg, const char *what, struct error *err)
{
    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        return postgres_fail_lost(pg, what, err);
    }
    pg->broken = true;
    return error_set(
        err, STATUS_RETRY, "53200",
        "postgres: %.*s: libpq cannot queue the request, its memory is out or the request is "
        "too large: use smaller batches",
        WHAT(what));
}

/* --- connecting -------------------------------------------------------------------------- */

/* libpq shows no SQLSTATE for errors while connecting, but with PQERRORS_VERBOSE its text has
 * "FATAL:  28P01: ..", the severity in the server's language. Several addresses give several: the
 * last one counts. */
static const char *find_sqlstate(const char *message)
{
    const char *found = NULL;

    for (const char *at = strstr(message, ":  "); at; at = strstr(at + 3, ":  ")) {
        if (strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && at[8] == ':') {
            found = at + 3;
        }
    }
    return found;
}

/* Starts of libpq's complaints about our own settings, which no waiting cures (libpq speaks English
 * as long as the program sets no locale; in another language they are retried, loudly). */
static bool complains_about_settings(const char *message)
{
    static const char *const complaints[] = {
        "invalid ",
        "could not match ",
        "sslmode value ",
        "could not load ",
        "root certificate",
        "could not read certificate file",
        "certificate present",
        "private key file",
        "could not look up local user",
        "local user with ID",
        "definition of service",
        "service file",
    };
    const char *failed = strstr(message, " failed: ");
    const char *start = failed ? failed + strlen(" failed: ") : message;

    for (size_t i = 0; i < sizeof complaints / sizeof *complaints; i++) {
        if (strncmp(start, complaints[i], strlen(complaints[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* The line at which `at` points, or the first one, without its end. */
static int line_len(const char *line)
{
    return (int)strcspn(line, "\r\n");
}

/* An internal error is not about our settings: a server with a full disk cannot write the cache
 * that a login needs, and says XX000. */
static enum status login_status(const struct sqlstate_row *row)
{
    return strcmp(row->code, internal_error) == 0 ? STATUS_RETRY : action_status(row->action);
}

enum status postgres_fail_connect(const PGconn *conn, struct error *err)
{
    const char *message = PQerrorMessage(conn);
    const char *found = find_sqlstate(message);
    char sqlstate[6] = "08001";

    if (found) {
        memcpy(sqlstate, found, 5);
        const struct sqlstate_row *row = sqlstate_find(sqlstate);
        return error_set(err, login_status(row), sqlstate,
                         "postgres: cannot connect to host '%s' port '%s': SQLSTATE %.*s: %s",
                         PQhost(conn) ? PQhost(conn) : "", PQport(conn) ? PQport(conn) : "",
                         line_len(found), found, row->reason);
    }
    if (PQconnectionNeedsPassword(conn)) {
        return error_set(
            err, STATUS_FATAL, "28P01",
            "postgres: the server at host '%s' wants a password and none is set: give one "
            "in the settings or the password file",
            PQhost(conn) ? PQhost(conn) : "");
    }
    enum status status = complains_about_settings(message) ? STATUS_FATAL : STATUS_RETRY;
    const char *advice = certificate_advice(message);
    return error_set(err, status, sqlstate, "postgres: cannot connect: %.*s%s%s", line_len(message),
                     message, advice ? "; " : "", advice ? advice : "");
}
