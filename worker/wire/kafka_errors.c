/* Kafka's errors as statuses, verdicts and sentences: the one place that knows what each code means
 * for the caller. */
#include "wire/kafka_handles.h"

#include <assert.h>
#include <string.h>

#define ALL_CALLS ((1u << CALL_COUNT) - 1)
#define ALL_FAILURES ((1u << FAILURE_COUNT) - 1)
#define CALL(name) (1u << CALL_##name)
#define FAILURE(name) (1u << FAILURE_##name)

/* What to do after a failed call of a transaction. The first row that fits counts. It is the order
 * of design.md, section 3, item 5, with one thing added: once an EndTxn may be on its way, nobody
 * but the broker knows how the transaction ended, whatever the client says. */
static const struct kafka_rule rules[] = {
    {CALL(COMMIT), ALL_FAILURES, KAFKA_IN_DOUBT,
     "the commit may or may not have taken place; a new producer, then the committed offsets say"},
    {ALL_CALLS, FAILURE(FATAL), KAFKA_RECYCLE,
     "this producer is dead; a new one with the same transactional id, then the same results"},
    {CALL(OFFSETS) | CALL(FLUSH), FAILURE(GROUP_MOVED), KAFKA_FENCED,
     "the consumer group has moved on without this member; the batch is another's now"},
    {CALL(ABORT), ALL_FAILURES, KAFKA_RECYCLE,
     "the transaction could not be aborted; a new producer with the same id aborts it"},
    {ALL_CALLS, FAILURE(ABORTABLE) | FAILURE(GROUP_MOVED), KAFKA_ABORT,
     "this transaction is dead; abort it, then the same results"},
    {ALL_CALLS, FAILURE(RETRIABLE), KAFKA_ABORT,
     "repeating the call did not help in time; abort, then the same results"},
    {CALL(PRODUCE), FAILURE(OTHER), KAFKA_ABORT,
     "a record was refused; abort, then the same results"},
    {ALL_CALLS, ALL_FAILURES, KAFKA_RECYCLE,
     "an error without a class is treated as fatal; a new producer with the same id"},
};

/* Codes that a person has to do something about, and codes with advice. All others: RETRY, no
 * advice. */
struct cause {
    rd_kafka_resp_err_t code;
    enum status status;
    const char *advice;
};
/* librdkafka issue 4895: brokers from 4.0 on refuse its SCRAM as wrong credentials (measured
 * with 2.0.2 and 4.1.1; 3.9.1 accepts it). */
#define SASL_ADVICE                                                                                \
    "check the SASL mechanism, user and secret; SCRAM with Kafka 4 needs librdkafka 2.6.1: use "   \
    "PLAIN over TLS, OAUTHBEARER or client certificates"
static const struct cause causes[] = {
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, STATUS_FATAL,
     "the offset is not in the log: records were removed before they were read, or the topic was "
     "made again"},
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, STATUS_FATAL, "the offset is not in the log"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, STATUS_RETRY,
     "create the topics with `provctl topics ensure`, or check their names"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, STATUS_RETRY,
     "create the topics with `provctl topics ensure`, or check their names"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, STATUS_RETRY,
     "the topic has fewer partitions than expected"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, STATUS_RETRY,
     "grant this principal READ on the events topic and WRITE on the output topics"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, STATUS_RETRY,
     "grant this principal READ on the consumer group"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, STATUS_FATAL,
     "grant this principal WRITE and DESCRIBE on the transactional id"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, STATUS_FATAL,
     "grant this principal IDEMPOTENT_WRITE on the cluster"},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, STATUS_FATAL,
     "the broker's transaction.max.timeout.ms is below the configured transaction timeout"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, STATUS_RETRY,
     "raise max.message.bytes of the topic, or lower the worker's limit on outputs"},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, STATUS_RETRY,
     "raise max.message.bytes of the topic, or lower the worker's limit on outputs"},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, STATUS_RETRY, SASL_ADVICE},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, STATUS_RETRY, SASL_ADVICE},
    {RD_KAFKA_RESP_ERR__SSL, STATUS_RETRY,
     "check the CA, the client's certificate and the broker's name"},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, STATUS_RETRY, "check kafka.brokers and the network"},
    {RD_KAFKA_RESP_ERR__RESOLVE, STATUS_RETRY, "check the host names in kafka.brokers"},
    {RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, STATUS_RETRY,
     "a batch took longer than max.poll.interval.ms; the consumer joins its group again"},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, STATUS_FATAL, NULL},
    {RD_KAFKA_RESP_ERR__FATAL, STATUS_FATAL, NULL},
    {RD_KAFKA_RESP_ERR__FENCED, STATUS_RETRY,
     "another producer with the same transactional id has taken over"},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, STATUS_FATAL, "the broker is too old for this client"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, STATUS_FATAL, "the broker does not know this request"},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, STATUS_FATAL, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, STATUS_FATAL, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, STATUS_FATAL,
     "there are fewer brokers than replicas asked for"},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, STATUS_FATAL, NULL},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, STATUS_FATAL,
     "another program with another assignment strategy is in this consumer group"},
    {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, STATUS_FATAL,
     "the session timeout is outside the broker's group.min/max.session.timeout.ms"},
};

static const char *const call_names[CALL_COUNT] = {
    [CALL_BEGIN] = "begin", [CALL_PRODUCE] = "produce", [CALL_OFFSETS] = "send offsets",
    [CALL_FLUSH] = "flush", [CALL_COMMIT] = "commit",   [CALL_ABORT] = "abort",
};

const char *kafka_call_name(enum kafka_call call)
{
    assert(call < CALL_COUNT);
    return call_names[call];
}

static const struct cause *find_cause(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        if (causes[i].code == code) {
            return &causes[i];
        }
    }
    return NULL;
}

enum status kafka_status_of(rd_kafka_resp_err_t code)
{
    const struct cause *cause = find_cause(code);

    return cause ? cause->status : STATUS_RETRY;
}

enum status kafka_error_set(struct error *err, rd_kafka_resp_err_t code, const char *what,
                            const char *detail)
{
    const struct cause *cause = find_cause(code);
    const char *advice = cause ? cause->advice : NULL;

    return error_set(err, kafka_status_of(code), rd_kafka_err2name(code), "kafka: %s: %s%s%s", what,
                     detail ? detail : rd_kafka_err2str(code), advice ? "; " : "",
                     advice ? advice : "");
}

static bool says_group_moved(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
           code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

enum kafka_failure kafka_failure_of(rd_kafka_resp_err_t code, bool fatal, bool requires_abort,
                                    bool retriable)
{
    if (fatal || code == RD_KAFKA_RESP_ERR__FENCED) { /* some calls say only "abort" when fenced */
        return FAILURE_FATAL;
    }
    if (says_group_moved(code)) {
        return FAILURE_GROUP_MOVED;
    }
    if (requires_abort) {
        return FAILURE_ABORTABLE;
    }
    return retriable ? FAILURE_RETRIABLE : FAILURE_OTHER;
}

const struct kafka_rule *kafka_rule_for(enum kafka_call call, enum kafka_failure failure)
{
    const struct kafka_rule *rule = rules;

    /* The last row fits everything. */
    while (!(rule->calls & (1u << call)) || !(rule->failures & (1u << failure))) {
        rule++;
        assert(rule < rules + sizeof(rules) / sizeof(rules[0]));
    }
    return rule;
}

enum kafka_verdict kafka_judge(enum kafka_call call, rd_kafka_resp_err_t code,
                               enum kafka_failure failure, const char *detail, struct error *err)
{
    const struct kafka_rule *rule = kafka_rule_for(call, failure);
    const struct cause *cause = find_cause(code);
    const char *advice = cause ? cause->advice : NULL;

    error_set(err, STATUS_RETRY, rd_kafka_err2name(code), "kafka transaction: %s: %s: %s%s%s",
              call_names[call], detail ? detail : rd_kafka_err2str(code), rule->reason,
              advice ? "; " : "", advice ? advice : "");
    return rule->verdict;
}

enum kafka_verdict kafka_verdict_of(bool fatal, bool requires_abort, bool retriable)
{
    enum kafka_failure failure =
        kafka_failure_of(RD_KAFKA_RESP_ERR_UNKNOWN, fatal, requires_abort, retriable);

    return kafka_rule_for(CALL_OFFSETS, failure)->verdict;
}

const char *kafka_verdict_name(enum kafka_verdict verdict)
{
    static const char *const names[] = {
        [KAFKA_GO_ON] = "go on",       [KAFKA_ABORT] = "abort",   [KAFKA_RECYCLE] = "recycle",
        [KAFKA_IN_DOUBT] = "in doubt", [KAFKA_FENCED] = "fenced",
    };

    assert((size_t)verdict < sizeof(names) / sizeof(names[0]));
    return names[verdict];
}
