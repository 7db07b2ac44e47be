/* Every error code of a broker on every request of a transaction, injected into librdkafka's mock
 * cluster: which verdict it gets, whether obeying leads to a transaction that goes through. These
 * and the tables of wire/kafka_errors.c are kept in expected/, so that a change of a rule, or
 * another librdkafka, is a difference that somebody looks at.
 *
 * Most of the time is waiting: processes with clusters of their own share the codes. */
#include "kafka_helpers.h"

#include "wire/kafka_handles.h"

#include <librdkafka/rdkafka_mock.h>

#include <sys/wait.h>
#include <unistd.h>

enum {
    CODES_MAX = 256,
    SLICES = 4,
    TIMEOUT_MS = 10000,
    ATTEMPTS_MAX = 60,
    PAUSE_MS = 100, /* as the publish stage */
    TABLE_BYTES_MAX = 1 << 16,
    FAILED = '!', /* obeying did not lead to a transaction that goes through */
};

/* Numbers of the protocol, and what the worker calls when the request goes out. */
static const struct request {
    const char *name;
    int16_t number;
    bool is_init, is_abort;
    bool is_behind; /* in the background: the error is noticed by whichever call comes next */
} requests[] = {
    {.name = "FindCoordinator", .number = 10, .is_init = true},
    {.name = "InitProducerId", .number = 22, .is_init = true},
    {.name = "AddPartitions", .number = 24, .is_behind = true},
    {.name = "Produce", .number = 0, .is_behind = true},
    {.name = "AddOffsets", .number = 25},
    {.name = "OffsetCommit", .number = 28},
    {.name = "EndTxn/commit", .number = 26},
    {.name = "EndTxn/abort", .number = 26, .is_abort = true},
};
enum { REQUESTS = sizeof(requests) / sizeof(requests[0]), COMMIT = 6 };

static rd_kafka_resp_err_t codes[CODES_MAX];
static size_t code_count;

/* What a broker, or the connection to it, can answer. */
static void list_codes(void)
{
    const struct rd_kafka_err_desc *descs;
    size_t count;

    rd_kafka_get_err_descs(&descs, &count);
    for (size_t i = 0; i < count && code_count < CODES_MAX; i++) {
        rd_kafka_resp_err_t code = descs[i].code;
        if (descs[i].name && (code > 0 || code == RD_KAFKA_RESP_ERR_UNKNOWN ||
                              code == RD_KAFKA_RESP_ERR__TRANSPORT)) {
            codes[code_count++] = code;
        }
    }
    assert_true(code_count > 80);
}

/* --- one cell ----------------------------------------------------------------------------------
 */

struct world {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *mock;
    struct kafka_options options;
    struct kafka_group_metadata *metadata;
    struct kafka_producer *producer;
};

static void world_open(struct world *world)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why));
    world->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(world->host);
    world->mock = rd_kafka_mock_cluster_new(world->host, 1);
    assert_non_null(world->mock);
    world->options = (struct kafka_options){
        .brokers = rd_kafka_mock_cluster_bootstraps(world->mock),
        .client_id = "test",
        .group_id = "codes",
        .transactional_id = "codes-0",
        .events_topic = "events",
        .results_topic = "results",
        .transaction_timeout_ms = TIMEOUT_MS,
        .session_timeout_ms = 6000,
        .fetch_memory_bytes_max = 16 << 20,
        .outputs_per_batch_max = 1000,
        .output_bytes_max = 1000000,
    };
    rd_kafka_mock_topic_create(world->mock, "events", 1, 1);
    rd_kafka_mock_topic_create(world->mock, "results", 1, 1);
    world->metadata =
        (struct kafka_group_metadata *)rd_kafka_consumer_group_metadata_new_with_genid(
            world->options.group_id, 1, "member", NULL);
}

static void world_close(struct world *world)
{
    kafka_producer_close(world->producer);
    kafka_group_metadata_close(world->metadata);
    rd_kafka_mock_cluster_destroy(world->mock);
    rd_kafka_destroy(world->host);
}

/* As the publish stage: RETRY is repeated, FATAL is not. */
static enum status open_again(struct world *world, struct error *err)
{
    enum status status = STATUS_RETRY;

    kafka_producer_close(world->producer);
    world->producer = NULL;
    for (int i = 0; i < ATTEMPTS_MAX && status == STATUS_RETRY; i++) {
        status = kafka_producer_open(&world->producer, &world->options, err);
    }
    return status;
}

static enum kafka_verdict transact(struct world *world, struct error *err)
{
    const struct kafka_offset offset = {0, 5};

    return whole_transaction(world->producer, world->metadata, &offset, err);
}

/* What the lane does until the same results have gone through. */
static bool obey(struct world *world, enum kafka_verdict verdict)
{
    struct error err = {0};

    for (int i = 0; i < ATTEMPTS_MAX && verdict != KAFKA_GO_ON; i++) {
        if (verdict == KAFKA_ABORT || verdict == KAFKA_FENCED) {
            verdict = kafka_transaction_abort(world->producer, &err);
        }
        if (verdict != KAFKA_GO_ON && open_again(world, &err)) {
            return false;
        }
        verdict = transact(world, &err);
        if (verdict != KAFKA_GO_ON) {
            clock_sleep_ms(PAUSE_MS);
        }
    }
    return verdict == KAFKA_GO_ON;
}

/* 'g'o on, 'a'bort, 'r'ecycle, 'i'n doubt, 'f'enced; of opening 'O'K, 'R'ETRY, 'F'ATAL. */
static char letter_of(enum kafka_verdict verdict)
{
    return kafka_verdict_name(verdict)[0];
}

static char try_init(struct world *world, struct error *err)
{
    enum status status;

    kafka_producer_close(world->producer);
    world->producer = NULL;
    status = kafka_producer_open(&world->producer, &world->options, err);
    if (status && err->message[0] == '\0') {
        return FAILED;
    }
    return status_name(status)[0];
}

static enum kafka_verdict abort_one(struct world *world, struct error *err)
{
    enum kafka_verdict verdict = kafka_transaction_begin(world->producer, err);

    if (verdict == KAFKA_GO_ON) {
        verdict = produce_text(world->producer, "k", "v", err);
    }
    return verdict == KAFKA_GO_ON ? kafka_transaction_abort(world->producer, err) : verdict;
}

static char try_cell(struct world *world, const struct request *request, rd_kafka_resp_err_t code)
{
    struct error err = {0};
    char letter;
    enum kafka_verdict verdict = KAFKA_RECYCLE;

    if (!world->producer && open_again(world, &err)) {
        return FAILED;
    }
    rd_kafka_mock_push_request_errors_array(world->mock, request->number, 1, &code);
    if (request->is_init) {
        letter = try_init(world, &err);
    } else {
        verdict = request->is_abort ? abort_one(world, &err) : transact(world, &err);
        letter = verdict == KAFKA_GO_ON || (err.message[0] && err.code[0]) ? letter_of(verdict)
                                                                           : (char)FAILED;
    }
    rd_kafka_mock_clear_request_errors(world->mock, request->number);
    if (request->is_init ? open_again(world, &err) == STATUS_OK : obey(world, verdict)) {
        /* No broker says this there; both verdicts begin with an abort. */
        return request->is_behind && letter == 'f' ? 'a' : letter;
    }
    kafka_producer_close(world->producer);
    world->producer = NULL;
    return FAILED;
}

/* --- the tables --------------------------------------------------------------------------------
 */

/* Compares with tests/unit/expected/NAME; with PROVD_TEST_WRITE_EXPECTED it is written instead. */
static void expect_file(const char *name, const char *table)
{
    static char expected[TABLE_BYTES_MAX];
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/tests/unit/expected/%s", TEST_SOURCE_DIR, name);
    if (getenv("PROVD_TEST_WRITE_EXPECTED")) {
        file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(table, file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
    file = fopen(path, "r");
    assert_non_null(file);
    expected[fread(expected, 1, sizeof(expected) - 1, file)] = '\0';
    fclose(file);
    size_t at = 0, line = 0;
    while (table[at] && table[at] == expected[at]) {
        line = table[at++] == '\n' ? at : line;
    }
    if (table[at] || expected[at]) {
        fail_msg("%s differs: PROVD_TEST_WRITE_EXPECTED=1 writes it; look at the diff\n%.*s\n%.*s",
                 path, (int)strcspn(expected + line, "\n"), expected + line,
                 (int)strcspn(table + line, "\n"), table + line);
    }
}

struct table {
    char text[TABLE_BYTES_MAX];
    size_t used;
};

static void put(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct table *table, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    table->used += (size_t)vsnprintf(table->text + table->used, sizeof(table->text) - table->used,
                                     format, args);
    va_end(args);
    assert_true(table->used < sizeof(table->text));
}

static char cells[REQUESTS][CODES_MAX];

/* In a process of its own: every SLICES-th code on one request. */
static void fill_slice(const struct request *request, size_t slice, int fd)
{
    struct world world = {.producer = NULL};
    char column[CODES_MAX];
    size_t count = 0;

    world_open(&world);
    for (size_t i = slice; i < code_count; i += SLICES) {
        column[count++] = try_cell(&world, request, codes[i]);
    }
    world_close(&world);
    _exit(write(fd, column, count) == (ssize_t)count ? 0 : 1);
}

struct child {
    pid_t pid;
    int fd;
};

static struct child start_slice(size_t request, size_t slice)
{
    int ends[2];
    struct child child;

    assert_int_equal(pipe(ends), 0);
    child = (struct child){fork(), ends[0]};
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        fill_slice(&requests[request], slice, ends[1]);
    }
    close(ends[1]);
    return child;
}

static void collect_slice(const struct child *child, size_t request, size_t slice)
{
    char column[CODES_MAX];
    size_t at = slice;
    int how = 0;
    ssize_t len = read(child->fd, column, sizeof(column));

    close(child->fd);
    assert_int_equal(waitpid(child->pid, &how, 0), child->pid);
    for (ssize_t i = 0; i < len; i++, at += SLICES) {
        cells[request][at] = column[i];
    }
    if (at < code_count || how != 0) {
        fail_msg("%s: its process ended with %d before %s", requests[request].name, how,
                 rd_kafka_err2name(codes[at < code_count ? at : slice]));
    }
}

static void fill_cells(void)
{
    struct child children[REQUESTS][SLICES];

    for (size_t r = 0; r < REQUESTS; r++) {
        for (size_t s = 0; s < SLICES; s++) {
            children[r][s] = start_slice(r, s);
        }
    }
    for (size_t r = 0; r < REQUESTS; r++) {
        for (size_t s = 0; s < SLICES; s++) {
            collect_slice(&children[r][s], r, s);
        }
    }
}

/* What holds for every code, known or not. */
static void expect_cell(size_t r, size_t i)
{
    const char *code = rd_kafka_err2name(codes[i]);
    char cell = cells[r][i];

    if (cell == FAILED) {
        fail_msg("%s on %s: no way out, or no reason given", code, requests[r].name);
    }
    if (r == COMMIT && cell != 'g' && cell != 'i') {
        fail_msg("%s on %s: nobody knows how the transaction ended, but the verdict is %c", code,
                 requests[r].name, cell);
    }
    if (r != COMMIT && cell == 'i') {
        fail_msg("%s on %s: nothing was committed yet", code, requests[r].name);
    }
}

static void every_code_on_every_request_has_a_verdict_and_a_way_out(void **state)
{
    static struct table table;

    (void)state;
    fill_cells();
    put(&table,
        "opening: o = OK, r = RETRY, f = FATAL\n"
        "else: g = go on, a = abort, r = recycle, i = in doubt, f = fenced\n\n%-37s",
        "");
    for (size_t r = 0; r < REQUESTS; r++) {
        put(&table, " %s", requests[r].name);
    }
    for (size_t i = 0; i < code_count; i++) {
        put(&table, "\n%-37s", rd_kafka_err2name(codes[i]));
        for (size_t r = 0; r < REQUESTS; r++) {
            expect_cell(r, i);
            put(&table, " %-*c", r + 1 < REQUESTS ? (int)strlen(requests[r].name) : 0, cells[r][i]);
        }
    }
    put(&table, "\n");
    expect_file("kafka_codes.txt", table.text);
}

static void the_rules_are_as_expected(void **state)
{
    static const char *const failures[FAILURE_COUNT] = {
        [FAILURE_FATAL] = "fatal",         [FAILURE_GROUP_MOVED] = "group moved",
        [FAILURE_ABORTABLE] = "abortable", [FAILURE_RETRIABLE] = "retriable",
        [FAILURE_OTHER] = "other",
    };
    static struct table table;

    (void)state;
    for (int c = 0; c < CALL_COUNT; c++) {
        for (int f = 0; f < FAILURE_COUNT; f++) {
            enum kafka_call call = (enum kafka_call)c;
            const struct kafka_rule *rule = kafka_rule_for(call, (enum kafka_failure)f);
            put(&table, "%-12s %-11s  %s\n", kafka_call_name(call), failures[f],
                kafka_verdict_name(rule->verdict));
            assert_true(strlen(rule->reason) > 10);
        }
    }
    expect_file("kafka_rules.txt", table.text);
}

/* Also those that librdkafka itself gives: which of them no waiting cures, and what is advised. */
static void the_statuses_are_as_expected(void **state)
{
    static struct table table;
    const struct rd_kafka_err_desc *descs;
    size_t count;

    (void)state;
    rd_kafka_get_err_descs(&descs, &count);
    for (size_t i = 0; i < count; i++) {
        struct error err = {0};
        if (!descs[i].name || strcmp(descs[i].name, rd_kafka_err2name(descs[i].code)) != 0) {
            continue; /* marks of a range */
        }
        enum status status = kafka_error_set(&err, descs[i].code, "it", "detail");
        const char *advice = strstr(err.message, "detail; ");
        assert_int_equal(status, kafka_status_of(descs[i].code));
        assert_string_equal(err.code, descs[i].name);
        if (status == STATUS_FATAL || advice) {
            put(&table, "%-37s %-5s  %s\n", descs[i].name, status_name(status),
                advice ? advice + strlen("detail; ") : "");
        }
    }
    expect_file("kafka_statuses.txt", table.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_on_every_request_has_a_verdict_and_a_way_out),
        cmocka_unit_test(the_rules_are_as_expected),
        cmocka_unit_test(the_statuses_are_as_expected),
    };

    list_codes();
    return cmocka_run_group_tests_name("kafka_codes", tests, NULL, NULL);
}
