/* Opening connections: hosts that do not answer, refusals, session settings, statements that cannot
 * be prepared. */
#include "check.h"
#include "postgres_server.h"

#include "base/clock.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static enum status try_open(const char *url, const char *password, int64_t timeout_ms,
                            struct error *err)
{
    struct postgres *pg = NULL;
    struct postgres_options options = test_options(NULL);

    options.url = url;
    options.password = password;
    options.connect_timeout_ms = timeout_ms;
    enum status status = postgres_open(&pg, &options, err);
    if (status == STATUS_OK) {
        assert_true(postgres_usable(pg));
        postgres_close(pg);
    } else {
        assert_null(pg);
    }
    return status;
}

/* A port that takes connections and never says a word, as "127.0.0.1:PORT". */
static int listen_silently(char *ret_address, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(ret_address, size, "127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

static void a_statement_that_cannot_be_prepared_stops_the_start_and_is_named(void **state)
{
    static const struct statement statements[] = {
        {"good", "SELECT 1"}, {"typo", "SELEKT 1"}, {"also_good", "SELECT 2"}, {NULL, NULL}};
    static const struct statement missing[] = {{"load_x", "SELECT * FROM no_such_table"},
                                               {NULL, NULL}};
    static const struct statement wrong_type[] = {{"nap", "SELECT $1::int8, pg_sleep($2)"},
                                                  {NULL, NULL}};
    struct postgres_options options = test_options(statements);
    struct postgres *pg = NULL;
    struct error err;

    (void)state;
    test_database_url();
    assert_int_equal(postgres_open(&pg, &options, &err), STATUS_FATAL);
    assert_string_equal(err.code, "42601");
    assert_non_null(strstr(err.message, "'typo'"));
    options.statements = missing;
    assert_int_equal(postgres_open(&pg, &options, &err), STATUS_FATAL);
    assert_string_equal(err.code, "42P01");
    assert_non_null(strstr(err.message, "'load_x'"));
    assert_non_null(strstr(err.message, "migrations"));
    options.statements = wrong_type;
    assert_int_equal(postgres_open(&pg, &options, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "$2 of statement 'nap'"));
    assert_null(pg);
}

static void a_wrong_password_is_fatal_and_never_shown(void **state)
{
    struct error err;

    (void)state;
    assert_int_equal(try_open(test_database_url(), "s3cret-wrong", 10000, &err), STATUS_FATAL);
    assert_string_equal(err.code, "28P01");
    assert_null(strstr(err.message, "s3cret"));
    assert_non_null(strstr(err.message, "password"));
}

static void a_connection_string_that_cannot_be_read_is_fatal_and_never_shown(void **state)
{
    struct error err;

    (void)state;
    assert_int_equal(try_open("postgresql://u:s3cret%zz@h/d", NULL, 1000, &err), STATUS_FATAL);
    assert_null(strstr(err.message, "s3cret"));
    assert_int_equal(try_open("host=h s3cret", NULL, 1000, &err), STATUS_FATAL);
    assert_null(strstr(err.message, "s3cret"));
    assert_int_equal(try_open("host=h sslmode=maybe", NULL, 1000, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "sslmode"));
    assert_int_equal(try_open("host=a,b,c port=1,2", NULL, 1000, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "match"));
}

static void a_missing_database_is_fatal(void **state)
{
    struct error err;

    (void)state;
    assert_int_equal(try_open(test_database_url_with("dbname=no_such_db"), NULL, 10000, &err),
                     STATUS_FATAL);
    assert_string_equal(err.code, "3D000");
}

static void a_refused_connection_is_retried(void **state)
{
    struct error err;
    char address[32];
    char url[64];
    int fd = listen_silently(address, sizeof address);

    (void)state;
    close(fd); /* nobody listens there now */
    snprintf(url, sizeof url, "postgresql://u@%s/d", address);
    assert_int_equal(try_open(url, NULL, 10000, &err), STATUS_RETRY);
    assert_string_equal(err.code, "08001");
    assert_non_null(strstr(err.message, "refused"));
}

/* Answers one login as a server whose disk is full. */
static void *refuse_with_internal_error(void *listener)
{
    static const char answer[] = "E\0\0\0ASFATAL\0VFATAL\0CXX000\0" /* 65 bytes behind the E */
                                 "Mcould not write init file\0Rwrite_file\0";
    char login[1024];
    int fd = accept(*(int *)listener, NULL, NULL);

    assert_true(read(fd, login, sizeof login) > 0);
    assert_int_equal(write(fd, answer, sizeof answer), sizeof answer);
    close(fd);
    return NULL;
}

static void an_internal_error_of_the_server_at_login_is_retried(void **state)
{
    struct error err;
    char address[32];
    char url[64];
    pthread_t server;
    int fd = listen_silently(address, sizeof address);

    (void)state;
    assert_int_equal(pthread_create(&server, NULL, refuse_with_internal_error, &fd), 0);
    snprintf(url, sizeof url, "postgresql://u@%s/d?sslmode=disable", address);
    assert_int_equal(try_open(url, NULL, 10000, &err), STATUS_RETRY);
    pthread_join(server, NULL);
    assert_string_equal(err.code, "XX000");
    assert_non_null(strstr(err.message, "init file"));
    close(fd);
}

static void a_server_that_says_nothing_is_left_at_the_deadline(void **state)
{
    struct error err;
    char address[32];
    char url[64];
    int fd = listen_silently(address, sizeof address);
    int64_t start_us = clock_monotonic_us();

    (void)state;
    snprintf(url, sizeof url, "postgresql://u@%s/d", address);
    assert_int_equal(try_open(url, NULL, 300, &err), STATUS_RETRY);
    assert_string_equal(err.code, "08001");
    assert_non_null(strstr(err.message, "did not answer"));
    assert_true(clock_monotonic_us() - start_us >= 300000);
    close(fd);
}

static void a_silent_first_host_does_not_keep_us_from_the_second(void **state)
{
    struct error err;
    char address[32];
    int fd = listen_silently(address, sizeof address);

    (void)state;
    enum status status = try_open(test_database_url_behind(address), NULL, 4000, &err);
    close(fd);
    if (status != STATUS_OK) {
        fail_msg("%s", err.message);
    }
}

static void a_server_that_takes_no_writes_is_not_taken(void **state)
{
    struct error err;
    const char *read_only =
        test_database_url_with("options=-c%20default_transaction_read_only%3Don");

    (void)state;
    assert_int_equal(try_open(read_only, NULL, 10000, &err), STATUS_RETRY);
    assert_non_null(strstr(err.message, "read-only"));
    read_only = test_database_url_with(
        "options=-c%20default_transaction_read_only%3Don&target_session_attrs=any");
    assert_int_equal(try_open(read_only, NULL, 10000, &err), STATUS_OK);
}

static struct postgres *open_url(const char *url)
{
    struct postgres_options options = test_options(NULL);

    options.url = url;
    return test_open_with(&options);
}

static void check_setting(struct postgres *pg, const char *name, const char *expected)
{
    struct param param = param_text(text_from(name));
    struct result *result = NULL;
    struct error err;

    assert_ok(postgres_query(pg, "SELECT current_setting($1)", &param, 1, &result, &err), &err);
    struct text value = result_text(result, 0, 0);
    if (!text_equal_z(value, expected)) {
        fail_msg("%s is '%.*s', not '%s'", name, TEXT_ARG(value), expected);
    }
    result_close(result);
}

static void the_session_has_the_settings_that_the_code_relies_on(void **state)
{
    struct postgres *pg = open_url(test_database_url_with(
        "options=-c%20synchronous_commit%3Doff%20-c%20client_min_messages%3Derror"
        "%20-c%20default_transaction_isolation%3Dserializable%20-c%20TimeZone%3DAsia/Tokyo"));

    (void)state;
    check_setting(pg, "application_name", "provd test");
    check_setting(pg, "statement_timeout", "20s");
    check_setting(pg, "lock_timeout", "10001ms");
    check_setting(pg, "idle_in_transaction_session_timeout", "6666ms");
    check_setting(pg, "search_path", "provd, pg_temp");
    check_setting(pg, "TimeZone", "UTC");
    check_setting(pg, "client_encoding", "UTF8");
    check_setting(pg, "client_min_messages", "warning");
    check_setting(pg, "default_transaction_isolation", "read committed");
    check_setting(pg, "plan_cache_mode", "force_generic_plan");
    check_setting(pg, "enable_seqscan", "off");
    check_setting(pg, "synchronous_commit", "on");
    assert_int_equal(postgres_backend_pid(pg), test_number(pg, "SELECT pg_backend_pid()"));
    postgres_close(pg);
}

static void a_stronger_synchronous_commit_stays(void **state)
{
    struct postgres *pg =
        open_url(test_database_url_with("options=-c%20synchronous_commit%3Dremote_apply"));

    (void)state;
    check_setting(pg, "synchronous_commit", "remote_apply");
    postgres_close(pg);
}

static void tls_is_as_the_url_wants_it(void **state)
{
    const char *url = getenv("DATABASE_TLS_URL");
    struct error err;
    char without_ca[1024];

    (void)state;
    if (!url || !strstr(url, "sslrootcert=")) {
        skip("no DATABASE_TLS_URL, see `tools/stack env`");
    }
    struct postgres *pg = open_url(url);
    assert_int_equal(test_number(pg, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
                     1);
    postgres_close(pg);
    snprintf(without_ca, sizeof without_ca, "%.*ssslrootcert=/nonexistent/ca.pem",
             (int)(strstr(url, "sslrootcert=") - url), url);
    assert_int_equal(try_open(without_ca, NULL, 10000, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "root certificate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statement_that_cannot_be_prepared_stops_the_start_and_is_named),
        cmocka_unit_test(a_wrong_password_is_fatal_and_never_shown),
        cmocka_unit_test(a_connection_string_that_cannot_be_read_is_fatal_and_never_shown),
        cmocka_unit_test(a_missing_database_is_fatal),
        cmocka_unit_test(a_refused_connection_is_retried),
        cmocka_unit_test(an_internal_error_of_the_server_at_login_is_retried),
        cmocka_unit_test(a_server_that_says_nothing_is_left_at_the_deadline),
        cmocka_unit_test(a_silent_first_host_does_not_keep_us_from_the_second),
        cmocka_unit_test(a_server_that_takes_no_writes_is_not_taken),
        cmocka_unit_test(the_session_has_the_settings_that_the_code_relies_on),
        cmocka_unit_test(a_stronger_synchronous_commit_stays),
        cmocka_unit_test(tls_is_as_the_url_wants_it),
    };
    return cmocka_run_group_tests(tests, test_database_create, test_database_drop);
}
