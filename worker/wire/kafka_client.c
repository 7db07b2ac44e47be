/* Handles of librdkafka: made, their log lines passed on, and what they complain about kept until
 * somebody asks. */
#include "base/clock.h"
#include "base/log.h"
#include "wire/certificate.h"
#include "wire/kafka_handles.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    TROUBLE_AGAIN_MS = 30000, /* the same trouble is told again after this long */
    REASON_MAX = 256,
};

/* So begins what OpenSSL says when a certificate is not trusted. */
#define UNTRUSTED "certificate verify failed"

static void tell_of_certificate(struct kafka_client *client, const char *reason);

static void keep_trouble(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct kafka_client *client = opaque;
    bool same = client->trouble_code == (rd_kafka_resp_err_t)code;

    (void)rk;
    if (same && client->trouble_reported_us != 0 &&
        clock_monotonic_us() - client->trouble_reported_us < TROUBLE_AGAIN_MS * 1000LL) {
        return;
    }
    client->trouble_code = code;
    client->trouble_is_new = true;
    if (strstr(reason, UNTRUSTED) && atomic_load(&client->certificate_error) != 0) {
        tell_of_certificate(client, reason);
    } else {
        snprintf(client->trouble_text, sizeof(client->trouble_text), "%s", reason);
    }
}

/* librdkafka says no more than that, whatever the fault; only the broker's address in front is of
 * use. */
static void tell_of_certificate(struct kafka_client *client, const char *reason)
{
    const char *end = strstr(reason, ": ");
    const char *fault = certificate_fault(atomic_load(&client->certificate_error));
    const char *advice = certificate_advice(fault);

    snprintf(client->trouble_text, sizeof(client->trouble_text), "%.*s: its certificate: %s%s%s",
             end ? (int)(end - reason) : 0, reason, fault, advice ? "; " : "",
             advice ? advice : "");
}

/* Of each certificate of a broker's chain, by librdkafka's threads, after OpenSSL has judged it.
 * The judgement stands; it is only remembered, since librdkafka does not tell of it. */
static int remember_certificate(rd_kafka_t *rk, const char *broker, int32_t broker_id,
                                int *x509_error, int depth, const char *der, size_t der_bytes,
                                char *why, size_t why_size, void *opaque)
{
    struct kafka_client *client = opaque;

    (void)rk, (void)broker, (void)broker_id, (void)depth, (void)der, (void)der_bytes;
    if (*x509_error == 0) {
        return 1;
    }
    atomic_store(&client->certificate_error, *x509_error);
    snprintf(why, why_size, "%s", certificate_fault(*x509_error));
    return 0;
}

/* As librdkafka does it by itself, and counted. */
static int open_socket(int domain, int type, int protocol, void *opaque)
{
    struct kafka_client *client = opaque;

    atomic_fetch_add(&client->sockets, 1);
    return socket(domain, type | SOCK_CLOEXEC, protocol);
}

/* librdkafka calls this from its own threads. Its messages hold no values of secrets. */
static void pass_on_log_line(const rd_kafka_t *rk, int level, const char *facility,
                             const char *line)
{
    (void)level;
    if (log_enabled(LOG_DEBUG)) {
        log_event(LOG_DEBUG, "librdkafka", LOG_Z("client", rk ? rd_kafka_name(rk) : ""),
                  LOG_Z("facility", facility), LOG_Z("line", line));
    }
}

static bool uses_oauthbearer(const rd_kafka_conf_t *conf)
{
    char value[64];
    size_t size = sizeof(value);

    return rd_kafka_conf_get(conf, "sasl.mechanisms", value, &size) == RD_KAFKA_CONF_OK &&
           strcmp(value, "OAUTHBEARER") == 0;
}

enum status kafka_client_open(struct kafka_client *client, rd_kafka_type_t type,
                              rd_kafka_conf_t *conf, struct error *err)
{
    char why[REASON_MAX];
    bool needs_tokens = uses_oauthbearer(conf);

    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_error_cb(conf, keep_trouble);
    rd_kafka_conf_set_log_cb(conf, pass_on_log_line);
    rd_kafka_conf_set_ssl_cert_verify_cb(conf, remember_certificate);
    rd_kafka_conf_set_socket_cb(conf, open_socket);
    client->rk = rd_kafka_new(type, conf, why, sizeof(why));
    if (!client->rk) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        rd_kafka_conf_destroy(conf);
        return error_set(err, STATUS_FATAL, rd_kafka_err2name(code),
                         "kafka: librdkafka refuses this configuration: %s", why);
    }
    /* Tokens are refreshed by callbacks: init_transactions blocks before anybody polls. */
    rd_kafka_error_t *error =
        needs_tokens ? rd_kafka_sasl_background_callbacks_enable(client->rk) : NULL;
    if (error) {
        enum status status = kafka_error_set(err, rd_kafka_error_code(error), "OAUTHBEARER",
                                             rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        rd_kafka_destroy(client->rk);
        client->rk = NULL;
        return status;
    }
    return STATUS_OK;
}

enum status kafka_client_trouble(struct kafka_client *client, struct error *err)
{
    if (!client->trouble_is_new) {
        return STATUS_OK;
    }
    client->trouble_is_new = false;
    client->trouble_reported_us = clock_monotonic_us();
    kafka_error_set(err, client->trouble_code, "trouble that may pass", client->trouble_text);
    return STATUS_RETRY;
}

enum status kafka_client_explain(struct kafka_client *client, enum status status, struct error *err)
{
    struct error former;

    if (!client->trouble_code || !err) {
        return status;
    }
    former = *err;
    return error_set(err, status, former.code, "%s (last trouble: %s: %s)", former.message,
                     rd_kafka_err2name(client->trouble_code), client->trouble_text);
}

bool kafka_is_passing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH ||
           code == RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH ||
           code == RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR__TRANSPORT;
}

rd_kafka_resp_err_t kafka_query_watermarks(struct kafka_client *client, const char *topic,
                                           int32_t partition, int timeout_ms, int64_t *ret_low,
                                           int64_t *ret_high)
{
    int64_t deadline_us = deadline_in_ms(timeout_ms);
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(client->rk, topic, partition,
                                                                ret_low, ret_high, timeout_ms);

    while (kafka_is_passing(code) && !deadline_passed(deadline_us)) {
        clock_sleep_ms(KAFKA_PASSING_PAUSE_MS);
        code = rd_kafka_query_watermark_offsets(client->rk, topic, partition, ret_low, ret_high,
                                                deadline_left_ms(deadline_us));
    }
    return code;
}
