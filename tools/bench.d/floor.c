/* bench_floor: the least that a client can do for the same rows. Reads the rows that provd has
 * written from one database into memory and writes them into another one that is empty: COPY BINARY
 * in batches, each a transaction with the lock and the update of its fence rows; no Kafka, no Avro,
 * no rules, no look-ups.
 *
 *     bench_floor SOURCE_URL TARGET_URL EVENTS_PER_BATCH CONNECTIONS
 *
 * Prints "<events> <seconds>". Each connection is a process, as a lane is, and takes the rows of
 * its share of the fences. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

enum {
    COPY_HEADER_BYTES = 19,
    CONNECTIONS_MAX = 16,
    SQL_MAX = 2048,
    FIRST_ROWS = 1024,
};

/* The rows of one table, in the order of the events. */
struct table {
    const char *columns; /* as provd names them in its own COPY */
    const char *name;
    const char *query;
    int rows_per_event;
    char *bytes;
    size_t length, capacity;
    size_t *starts; /* of each row, and one more */
    size_t count, count_max;
};

/* Which fences are a connection's share. */
#define OURS                                                                                       \
    "fence_id % current_setting('bench.connections')::int = "                                      \
    "current_setting('bench.connection')::int"
#define EVENTS " provd.change_log c WHERE c.object_type = 'account' AND c." OURS
#define IN_ORDER " ORDER BY c.seq, c.fence_id"
#define ACCOUNT                                                                                    \
    "uuid, account_id, address, tombstone, domain, context, status, status_reason, password, "     \
    "first_name, last_name, department, telephone, mail_group, quota_bytes, quota_messages, "      \
    "mailbox_type, storage_node, services, service_mode, flags, forward, autoreply_subject, "      \
    "autoreply_body, autoreply_start, autoreply_end, autoreply_enabled, comment, created_by, "     \
    "last_login_at, last_login_ip, last_login_protocol, deleted_at, purge_at, version, revision, " \
    "created_at, updated_at"
#define SERVICE "account_uuid, service, service_id, active, created_at"
#define LEDGER                                                                                     \
    "event_id, fence_id, kafka_offset, status, payload_hash, result, chain_seq, change_count, "    \
    "applied_at"
#define CHANGE "fence_id, seq, changed_at, event_id, object_type, object_id, frame, body, hash"

static struct table tables[] = {
    {ACCOUNT, "provd.account",
     "SELECT a.* FROM (SELECT c.seq, c.fence_id, c.object_id FROM" EVENTS
     ") c JOIN provd.account a ON a.uuid = c.object_id" IN_ORDER,
     1, NULL, 0, 0, NULL, 0, 0},
    {SERVICE, "provd.service_account",
     "SELECT s.* FROM (SELECT c.seq, c.fence_id, c.object_id FROM" EVENTS
     ") c JOIN provd.service_account s ON s.account_uuid = c.object_id" IN_ORDER ", s.service",
     3, NULL, 0, 0, NULL, 0, 0},
    {LEDGER, "provd.event_ledger",
     "SELECT l.* FROM (SELECT c.seq, c.fence_id, c.event_id FROM" EVENTS
     ") c JOIN provd.event_ledger l ON l.event_id = c.event_id" IN_ORDER,
     1, NULL, 0, 0, NULL, 0, 0},
    {CHANGE, "provd.change_log", "SELECT c.* FROM" EVENTS IN_ORDER, 1, NULL, 0, 0, NULL, 0, 0},
};
enum { TABLE_COUNT = sizeof tables / sizeof tables[0] };

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_floor: %s: %s\n", what, why);
    exit(1);
}

static void run(PGconn *connection, const char *sql, ExecStatusType expected)
{
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != expected)
        fail(sql, PQerrorMessage(connection));
    PQclear(result);
}

static PGconn *open_database(const char *url, int connections, int connection)
{
    char sql[SQL_MAX];
    PGconn *opened = PQconnectdb(url);
    if (PQstatus(opened) != CONNECTION_OK)
        fail("cannot connect", PQerrorMessage(opened));
    snprintf(sql, sizeof sql, "SET bench.connections = %d; SET bench.connection = %d", connections,
             connection);
    run(opened, sql, PGRES_COMMAND_OK);
    return opened;
}

/* --- reading ------------------------------------------------------------------------------------
 */

static void *grown(void *memory, size_t count, size_t size)
{
    memory = reallocarray(memory, count, size);
    if (!memory)
        fail("reading", "out of memory");
    return memory;
}

static void take_row(struct table *table, const char *row, size_t length)
{
    if (table->length + length > table->capacity) {
        table->capacity = 2 * (table->capacity + length);
        table->bytes = grown(table->bytes, table->capacity, 1);
    }
    if (table->count + 2 > table->count_max) {
        table->count_max = table->count_max ? 2 * table->count_max : FIRST_ROWS;
        table->starts = grown(table->starts, table->count_max, sizeof *table->starts);
    }
    table->starts[table->count++] = table->length;
    memcpy(table->bytes + table->length, row, length);
    table->length += length;
    table->starts[table->count] = table->length;
}

/* The select list names the columns, so that both sides have the same order. */
static void read_table(PGconn *source, struct table *table)
{
    char sql[SQL_MAX];
    snprintf(sql, sizeof sql, "COPY (SELECT %s FROM (%s) r) TO STDOUT (FORMAT binary)",
             table->columns, table->query);
    run(source, sql, PGRES_COPY_OUT);
    char *message;
    int length;
    bool is_first = true;
    while ((length = PQgetCopyData(source, &message, 0)) > 0) {
        size_t skip = is_first ? COPY_HEADER_BYTES : 0;
        if ((size_t)length - skip > sizeof(int16_t)) /* not the trailer */
            take_row(table, message + skip, (size_t)length - skip);
        is_first = false;
        PQfreemem(message);
    }
    PGresult *result = PQgetResult(source);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail(table->name, PQerrorMessage(source));
    PQclear(result);
    while ((result = PQgetResult(source)))
        PQclear(result);
}

static size_t read_all(const char *url, int connections, int connection)
{
    PGconn *source = open_database(url, connections, connection);
    run(source, "SET enable_nestloop = off", PGRES_COMMAND_OK);
    for (int i = 0; i < TABLE_COUNT; i++)
        read_table(source, &tables[i]);
    PQfinish(source);
    for (int i = 0; i < TABLE_COUNT; i++) {
        if (tables[i].count != tables[0].count * (size_t)tables[i].rows_per_event)
            fail(tables[i].name, "not as many rows as there are events");
    }
    return tables[0].count;
}

/* --- writing ------------------------------------------------------------------------------------
 */

static void put(PGconn *target, const char *bytes, size_t length)
{
    if (PQputCopyData(target, bytes, (int)length) != 1)
        fail("COPY", PQerrorMessage(target));
}

static void write_rows(PGconn *target, const struct table *table, size_t from, size_t to)
{
    static const char header[COPY_HEADER_BYTES] = "PGCOPY\n\377\r\n"; /* and eight zero bytes */
    static const char trailer[] = {'\377', '\377'};
    char sql[SQL_MAX];
    from *= (size_t)table->rows_per_event;
    to *= (size_t)table->rows_per_event;
    snprintf(sql, sizeof sql, "COPY %s (%s) FROM STDIN (FORMAT binary)", table->name,
             table->columns);
    run(target, sql, PGRES_COPY_IN);
    put(target, header, sizeof header);
    put(target, table->bytes + table->starts[from], table->starts[to] - table->starts[from]);
    put(target, trailer, sizeof trailer);
    if (PQputCopyEnd(target, NULL) != 1)
        fail("COPY", PQerrorMessage(target));
    PGresult *result = PQgetResult(target);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail(table->name, PQerrorMessage(target));
    PQclear(result);
    while ((result = PQgetResult(target)))
        PQclear(result);
}

static void write_batch(PGconn *target, size_t from, size_t to)
{
    static const char lock[] =
        "SELECT * FROM provd.fence WHERE " OURS " ORDER BY topic, partition FOR NO KEY UPDATE";
    static const char advance[] = "UPDATE provd.fence SET next_offset = next_offset + 1, "
                                  "chain_seq = chain_seq + 1, updated_at = now() WHERE " OURS;
    run(target, "BEGIN", PGRES_COMMAND_OK);
    run(target, lock, PGRES_TUPLES_OK);
    for (int i = 0; i < TABLE_COUNT; i++)
        write_rows(target, &tables[i], from, to);
    run(target, advance, PGRES_COMMAND_OK);
    run(target, "COMMIT", PGRES_COMMAND_OK);
}

static void write_all(PGconn *target, size_t events, size_t batch)
{
    for (size_t from = 0; from < events; from += batch)
        write_batch(target, from, from + batch < events ? from + batch : events);
}

/* --- processes ----------------------------------------------------------------------------------
 */

struct signals {
    int ready[2]; /* a child writes its number of events */
    int go[2];    /* closed by the parent when all are ready */
};

static _Noreturn void child(char **argv, int connections, int connection, struct signals *signals)
{
    char byte;
    close(signals->go[1]);
    size_t events = read_all(argv[1], connections, connection);
    PGconn *target = open_database(argv[2], connections, connection);
    if (write(signals->ready[1], &events, sizeof events) != sizeof events ||
        read(signals->go[0], &byte, 1) != 0)
        fail("starting", "the parent is gone");
    write_all(target, events, strtoul(argv[3], NULL, 10));
    PQfinish(target);
    exit(0);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    int connections = argc == 5 ? atoi(argv[4]) : 0;
    struct signals signals;
    if (connections < 1 || connections > CONNECTIONS_MAX || atoi(argv[3]) < 1)
        fail("usage", "bench_floor SOURCE_URL TARGET_URL EVENTS_PER_BATCH CONNECTIONS");
    if (pipe(signals.ready) != 0 || pipe(signals.go) != 0)
        fail("starting", "no pipes");
    for (int i = 0; i < connections; i++) {
        if (fork() == 0)
            child(argv, connections, i, &signals);
    }
    close(signals.ready[1]);
    size_t total = 0, events;
    for (int i = 0; i < connections; i++) {
        if (read(signals.ready[0], &events, sizeof events) != sizeof events)
            fail("starting", "a connection failed");
        total += events;
    }
    double started = seconds();
    close(signals.go[0]);
    close(signals.go[1]);
    for (int i = 0; i < connections; i++) {
        int status;
        if (wait(&status) < 0 || status != 0)
            fail("writing", "a connection failed");
    }
    printf("%zu %.3f\n", total, seconds() - started);
    return 0;
}
