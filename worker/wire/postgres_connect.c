/* Opening a PostgreSQL connection: one host after the other, each with its share of the deadline,
 * then the session's settings, then the statements. */
#include "wire/postgres_handle.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { KEYWORDS_MAX = 80, HOSTS_MAX = 16 };

/* The parsed URL with our additions, as PQconnectStartParams takes it. */
struct conninfo {
    PQconninfoOption *parsed; /* owned */
    const char *keywords[KEYWORDS_MAX + 1];
    const char *values[KEYWORDS_MAX + 1];
    int count;
    char *host_lists[3]; /* owned: copies of host, hostaddr, port, cut at their commas */
    int host_count;      /* 1: libpq gets the lists as they are */
    const char *hosts[3][HOSTS_MAX];
    char tcp_user_timeout[24];
    bool own_tcp_user_timeout;
};

static const char *const host_keywords[3] = {"host", "hostaddr", "port"};

static void conninfo_close(struct conninfo *info)
{
    for (int i = 0; i < 3; i++) {
        free(info->host_lists[i]);
    }
    PQconninfoFree(info->parsed);
}

/* The value from the URL or its environment variable. */
static const char *given(const struct conninfo *info, const char *keyword)
{
    for (const PQconninfoOption *option = info->parsed; option->keyword; option++) {
        if (strcmp(option->keyword, keyword) == 0) {
            return option->val || !option->envvar ? option->val : getenv(option->envvar);
        }
    }
    return NULL;
}

static void set_option(struct conninfo *info, const char *keyword, const char *value)
{
    int i = 0;

    while (i < info->count && strcmp(info->keywords[i], keyword) != 0) {
        i++;
    }
    if (i < KEYWORDS_MAX) {
        info->keywords[i] = keyword;
        info->values[i] = value;
        info->count += i == info->count;
    }
}

static void set_unless_given(struct conninfo *info, const char *keyword, const char *value)
{
    if (!given(info, keyword)) {
        set_option(info, keyword, value);
    }
}

/* A dead peer is found in 25 s even when nothing is sent; see also tune_socket. */
static void add_options(struct conninfo *info, const struct postgres_options *options)
{
    for (const PQconninfoOption *option = info->parsed; option->keyword; option++) {
        if (option->val) {
            set_option(info, option->keyword, option->val);
        }
    }
    if (options->password) {
        set_option(info, "password", options->password);
    }
    set_option(info, "client_encoding", "UTF8");
    set_unless_given(info, "application_name", options->application_name);
    set_unless_given(info, "target_session_attrs", "read-write");
    set_unless_given(info, "keepalives", "1");
    set_unless_given(info, "keepalives_idle", "10");
    set_unless_given(info, "keepalives_interval", "5");
    set_unless_given(info, "keepalives_count", "3");
    info->own_tcp_user_timeout = !given(info, "tcp_user_timeout");
}

/* Cuts a comma list in place of a copy; returns the number of parts, 0 for no list, -1 for too
 * many. */
static int split_list(struct conninfo *info, int which)
{
    const char *list = given(info, host_keywords[which]);
    int count = 0;

    if (!list || !*list) {
        return 0;
    }
    char *rest = info->host_lists[which] = memory_copy_z("postgres", list);
    while (rest) {
        if (count == HOSTS_MAX) {
            return -1;
        }
        info->hosts[which][count++] = strsep(&rest, ",");
    }
    return count;
}

/* libpq leaves it to us to go on from a host that does not answer, and cannot be told to: so it
 * gets one host at a time. Lists that do not match are left for it to complain about. */
static enum status split_hosts(struct conninfo *info, struct error *err)
{
    int hosts = split_list(info, 0);
    int addresses = split_list(info, 1);
    int ports = split_list(info, 2);
    int count = hosts > addresses ? hosts : addresses;

    if (hosts < 0 || addresses < 0 || ports < 0) {
        return error_set(err, STATUS_FATAL, "08001",
                         "postgres: the connection string has more than %d hosts", HOSTS_MAX);
    }
    bool match = (!hosts || hosts == count) && (!addresses || addresses == count) &&
                 (ports <= 1 || ports == count);
    info->host_count = match && count > 1 ? count : 1;
    for (int i = 1; ports == 1 && i < info->host_count; i++) {
        info->hosts[2][i] = info->hosts[2][0];
    }
    return STATUS_OK;
}

static enum status conninfo_open(struct conninfo *info, const struct postgres_options *options,
                                 struct error *err)
{
    char *message = NULL;

    info->parsed = PQconninfoParse(options->url, &message);
    bool is_memory_out = !info->parsed && (!message || strstr(message, "out of memory"));
    PQfreemem(message); /* may quote a password */
    if (is_memory_out) {
        return error_set(err, STATUS_RETRY, "53200", "postgres: out of memory");
    }
    if (!info->parsed) {
        return error_set(
            err, STATUS_FATAL, "08001",
            "postgres: the connection string cannot be read: write "
            "postgresql://user@host:port/database?option=value (special characters as %%XX) "
            "or host=.. port=.. dbname=.. user=..");
    }
    add_options(info, options);
    return split_hosts(info, err);
}

static void choose_host(struct conninfo *info, int index)
{
    for (int i = 0; i < 3 && info->host_count > 1; i++) {
        if (info->host_lists[i]) {
            set_option(info, host_keywords[i], info->hosts[i][index]);
        }
    }
}

/* --- connecting -------------------------------------------------------------------------- */

static void ignore_notice(void *unused, const PGresult *notice)
{
    (void)unused;
    (void)notice;
}

/* One round of PQconnectPoll's "wait for what I said last". */
static bool wait_connect(const PGconn *conn, PostgresPollingStatusType wanted, int64_t deadline_us)
{
    struct pollfd fd = {PQsocket(conn), wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0};
    int ready;

    do {
        ready = poll(&fd, 1, deadline_left_ms(deadline_us));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

static enum status poll_connect(PGconn *conn, int64_t deadline_us, struct error *err)
{
    PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;

    while (PQstatus(conn) != CONNECTION_BAD) {
        if (!wait_connect(conn, wanted, deadline_us)) {
            return error_set(err, STATUS_RETRY, "08001",
                             "postgres: cannot connect: host '%s' port '%s' did not answer in time",
                             PQhost(conn) ? PQhost(conn) : "", PQport(conn) ? PQport(conn) : "");
        }
        wanted = PQconnectPoll(conn);
        if (wanted == PGRES_POLLING_OK) {
            return STATUS_OK;
        }
        if (wanted == PGRES_POLLING_FAILED) {
            break;
        }
    }
    return postgres_fail_connect(conn, err);
}

/* While connecting the kernel may spend half of the share on one address of a host, so that the
 * next address has its turn; later, unacknowledged data must outlast a server that is busy with a
 * statement and does not read. */
static void tune_socket(const struct conninfo *info, const PGconn *conn,
                        const struct postgres_options *options)
{
    unsigned timeout_ms = (unsigned)(options->statement_timeout_ms + DEADLINE_MARGIN_MS);

    if (info->own_tcp_user_timeout) { /* fails on a Unix socket, which needs none */
        setsockopt(PQsocket(conn), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    }
}

static enum status connect_host(struct conninfo *info, int index, int64_t share_ms,
                                PGconn **ret_conn, struct error *err)
{
    int64_t deadline_us = deadline_in_ms(share_ms);

    choose_host(info, index);
    if (info->own_tcp_user_timeout) {
        snprintf(info->tcp_user_timeout, sizeof info->tcp_user_timeout, "%lld",
                 (long long)share_ms / 2 + 1);
        set_option(info, "tcp_user_timeout", info->tcp_user_timeout);
    }
    PGconn *conn = PQconnectStartParams(info->keywords, info->values, 0);
    if (!conn) {
        return error_set(err, STATUS_RETRY, "53200", "postgres: cannot connect: memory is out");
    }
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE); /* see postgres_fail_connect */
    enum status status = poll_connect(conn, deadline_us, err);
    if (status != STATUS_OK) {
        PQfinish(conn);
        return status;
    }
    *ret_conn = conn;
    return STATUS_OK;
}

enum status postgres_connect(const struct postgres_options *options, PGconn **ret_conn,
                             struct error *err)
{
    struct conninfo info = {0};
    int64_t deadline_us = deadline_in_ms(options->connect_timeout_ms);

    enum status status = conninfo_open(&info, options, err);
    for (int i = 0; status != STATUS_FATAL && i < info.host_count; i++) {
        int64_t share_ms = deadline_left_ms(deadline_us) / (info.host_count - i);
        status = connect_host(&info, i, share_ms, ret_conn, err);
        if (status == STATUS_OK) {
            tune_socket(&info, *ret_conn, options);
            break;
        }
    }
    if (status == STATUS_RETRY && info.host_count > 1) {
        error_prefix(err, status, "none of %d hosts can be used, the last one", info.host_count);
    }
    conninfo_close(&info);
    return status;
}
