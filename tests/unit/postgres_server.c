/* The test database of the PostgreSQL tests. */
#include "postgres_server.h"

#include "check.h"

#include <unistd.h>

enum { URL_MAX = 1024 };

static char database[64];
static char database_url[URL_MAX];

/* Cuts postgresql://user:password@host:port/database?options at the database and at the host. */
struct url_parts {
    const char *host;    /* behind '@' or "//" */
    const char *path;    /* the '/' before the database */
    const char *options; /* '?' or the end */
};

static struct url_parts cut_url(const char *url)
{
    struct url_parts parts;
    const char *start = strstr(url, "//");

    assert_non_null(start); /* the stack gives URIs */
    parts.path = strchr(start + 2, '/');
    assert_non_null(parts.path);
    const char *at = memchr(start, '@', (size_t)(parts.path - start));
    parts.host = at ? at + 1 : start + 2;
    parts.options = parts.path + strcspn(parts.path, "?");
    return parts;
}

struct postgres_options test_options(const struct statement *statements)
{
    return (struct postgres_options){
        .url = database_url,
        .application_name = "provd test",
        .connect_timeout_ms = 10000,
        .statement_timeout_ms = 20000,
        .commit_timeout_ms = 20000,
        .statements = statements,
    };
}

static struct postgres *open_server(void)
{
    struct postgres_options options = test_options(NULL);
    struct postgres *pg = NULL;
    struct error err;

    options.url = getenv("DATABASE_URL");
    assert_ok(postgres_open(&pg, &options, &err), &err);
    return pg;
}

int test_database_create(void **state)
{
    const char *server = getenv("DATABASE_URL");
    char sql[128];

    (void)state;
    if (!server) {
        return 0;
    }
    struct url_parts parts = cut_url(server);
    snprintf(database, sizeof database, "provd_unit_%d", (int)getpid());
    snprintf(database_url, sizeof database_url, "%.*s/%s%s", (int)(parts.path - server), server,
             database, parts.options);
    struct postgres *pg = open_server();
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", database);
    test_command(pg, sql);
    postgres_close(pg);
    pg = test_open(NULL);
    test_command(pg, "CREATE SCHEMA provd");
    postgres_close(pg);
    return 0;
}

int test_database_drop(void **state)
{
    char sql[128];

    (void)state;
    if (!*database_url) {
        return 0;
    }
    struct postgres *pg = open_server();
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", database);
    test_command(pg, sql);
    postgres_close(pg);
    *database_url = '\0';
    return 0;
}

const char *test_database_url(void)
{
    if (!*database_url) {
        skip("no DATABASE_URL, see `tools/stack env`");
    }
    return database_url;
}

const char *test_database_url_behind(const char *host_and_port)
{
    static char url[URL_MAX];
    struct url_parts parts = cut_url(test_database_url());

    snprintf(url, sizeof url, "%.*s%s,%s", (int)(parts.host - database_url), database_url,
             host_and_port, parts.host);
    return url;
}

const char *test_database_url_with(const char *option)
{
    static char url[URL_MAX];
    const char *base = test_database_url();

    int len = snprintf(url, sizeof url, "%s%c%s", base, strchr(base, '?') ? '&' : '?', option);
    assert_in_range(len, 1, sizeof url - 1);
    return url;
}

struct postgres *test_open_with(const struct postgres_options *options)
{
    struct postgres *pg = NULL;
    struct error err;

    assert_ok(postgres_open(&pg, options, &err), &err);
    return pg;
}

struct postgres *test_open(const struct statement *statements)
{
    test_database_url();
    struct postgres_options options = test_options(statements);
    return test_open_with(&options);
}

void test_command(struct postgres *pg, const char *sql)
{
    struct error err;

    assert_ok(postgres_command(pg, sql, &err), &err);
}

int64_t test_number(struct postgres *pg, const char *sql)
{
    struct result *result = NULL;
    struct error err;

    assert_ok(postgres_query(pg, sql, NULL, 0, &result, &err), &err);
    int64_t number = result_int(result, 0, 0);
    result_close(result);
    return number;
}
