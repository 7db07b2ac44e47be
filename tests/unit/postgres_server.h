/* A database of the test's own on the server of DATABASE_URL, for the tests of wire/postgres.
 *
 * Group set-up and tear-down for cmocka; without DATABASE_URL (see `tools/stack env`) every test
 * that calls test_database_url is skipped. */
#ifndef PROVD_TESTS_POSTGRES_SERVER_H
#define PROVD_TESTS_POSTGRES_SERVER_H

#include "wire/postgres.h"

/* Creates the database with a schema provd; drops it with whatever is still connected. */
int test_database_create(void **state);
int test_database_drop(void **state);

/* The URL of the test's database; skips the calling test when there is no server. */
const char *test_database_url(void);
/* The same with "HOST:PORT," put before the server's host; static buffer. */
const char *test_database_url_behind(const char *host_and_port);
/* The same with the query part (e.g. "user=x") added; static buffer. */
const char *test_database_url_with(const char *option);

/* A connection with the usual options; fails the test when there is none. */
struct postgres *test_open(const struct statement *statements);
/* The same with its own timeouts. */
struct postgres *test_open_with(const struct postgres_options *options);
struct postgres_options test_options(const struct statement *statements);

/* Runs a command that must succeed. */
void test_command(struct postgres *pg, const char *sql);
/* The number in the first row and column of a query. */
int64_t test_number(struct postgres *pg, const char *sql);

#define assert_ok(call, err)                                                                       \
    do {                                                                                           \
        (err)->message[0] = '\0';                                                                  \
        if ((call) != STATUS_OK) {                                                                 \
            fail_msg("%s: %s", #call, (err)->message);                                             \
        }                                                                                          \
    } while (0)

#endif
