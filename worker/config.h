/* The settings of provd and provctl: one file in YAML, environment, flags.
 *
 * Everything about a setting is one row of the table in config/settings.c, from which are made:
 * reading (file, PROVD_* names, --set), checking, `provctl config show|defaults|schema`, reloading,
 * and the man page. A new setting is a row there and a member here. Later sources win: defaults <
 * credentials
 * ($CREDENTIALS_DIRECTORY, secrets only) < file < environment < flags.
 *
 * Strings are never NULL: "" stands for "not set". Names carry their units. */
#ifndef PROVD_CONFIG_H
#define PROVD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/status.h"
#include "domain/account.h"
#include "domain/value.h"
#include "wire/crypto.h"
#include "wire/kafka.h"

enum { CONFIG_SETTINGS_MAX = 128 }; /* rows of the table, asserted */

enum result_framing { RESULT_FRAMING_AUTO, RESULT_FRAMING_CONFLUENT, RESULT_FRAMING_SINGLE_OBJECT };
enum rewound_policy { REWOUND_HALT, REWOUND_REWIND };

/* Properties that are handed through to librdkafka. */
struct config_properties {
    const struct kafka_property *items; /* ended by a NULL name; never NULL itself */
    size_t count;
};

struct config_kafka {
    const char *brokers;
    const char *client_id;
    const char *group_id;
    const char *transactional_id_prefix;
    const char *topic_events, *topic_results, *topic_changes, *topic_dlq;
    bool cloudevents;
    int64_t transaction_timeout_ms;
    int64_t session_timeout_ms;
    int64_t request_timeout_ms; /* questions to the brokers: offsets, watermarks, metadata */
    int64_t fetch_memory_bytes;
    int64_t output_bytes_max;
    const char *security_protocol;
    const char *ca_file, *cert_file, *key_file, *key_password;
    const char *sasl_mechanism, *sasl_username, *sasl_password;
    struct config_properties client, consumer, producer; /* as given */
    /* What goes to both clients: the security settings under librdkafka's names, then `client`. */
    struct config_properties client_effective;
};

struct config_database {
    const char *url, *password;
    int64_t connect_timeout_ms, statement_timeout_ms, commit_timeout_ms, fanout_timeout_ms;
};

struct config_registry {
    const char *url; /* "": there is none */
    const char *username, *password, *token, *ca_file;
    int64_t timeout_ms, not_found_after_ms, negative_cache_ms;
};

struct config_schemas {
    const char *directory, *bare_file;
    int64_t result_framing; /* enum result_framing as given; see config_result_framing */
};

struct config_batch {
    int64_t events_max, bytes_max, wait_ms_max, memory_bytes_max;
};

struct config_limits {
    int64_t event_bytes, header_bytes, string_bytes;
};

struct config_retry {
    int64_t attempts_max, backoff_ms, backoff_ms_max;
};

struct config_breaker {
    int64_t window_records, failures_min, share_percent;
};

struct config_accounts {
    int64_t default_services;
    int64_t default_mode; /* enum service_mode */
    int64_t grace_period_ms;
    struct texts system_sources;
    struct texts password_schemes;
    bool allow_cleartext, allow_weak_crypt;
};

struct config_hashing {
    int64_t scheme;                       /* enum hash_scheme */
    int64_t passes, memory_bytes, rounds; /* see config_hash_cost */
    int64_t threads, deadline_ms;
};

struct config_http {
    const char *address;
    int64_t port; /* 0: no HTTP */
};

struct config {
    const char *worker_name;
    int64_t lanes;
    struct config_kafka kafka;
    struct config_database database;
    struct config_registry registry;
    struct config_schemas schemas;
    struct config_batch batch;
    struct config_limits limits;
    struct config_retry retry;
    struct config_breaker breaker;
    struct config_accounts accounts;
    const char *keys_directory;
    struct config_hashing hashing;
    int64_t on_rewound_database; /* enum rewound_policy */
    int64_t recovery_wrong_max, recovery_lock_ms;
    int64_t signup_steps;
    struct config_http http;
    int64_t log_level;  /* enum log_level */
    int64_t log_format; /* enum log_format */
    int64_t shutdown_timeout_ms;
    struct config_private *private; /* memory, sources of the values; config.c's own */
};

/* Where to read from. Copied by config_load, so that config_reload reads the same again. */
struct config_options {
    const char *file;        /* NULL: no file */
    const char *const *sets; /* "path=value" of --set, in order; -X n=v is "kafka.client.n=v" */
    size_t set_count;
    const char *const *environment; /* as environ; NULL: the process's own */
};

/* Reads all sources and checks each value by itself: FATAL with where it stands, what is wrong, and
 * the nearest name when a key is unknown. Never RETRY. The caller closes *ret_config. */
enum status config_load(struct config **ret_config, const struct config_options *options,
                        struct error *err);
void config_close(struct config *config); /* NULL is fine */

/* What needs several settings at once, or must be set for a worker: brokers and database given,
 * schemas from somewhere, no contradictions. Reads no file and no network. */
enum status config_check(const struct config *config, struct error *err);

/* Names of PROVD_* variables that mean nothing (a misspelling changes nothing in silence
 * otherwise). */
size_t config_warnings(const struct config *config, const char *const **ret_names);

/* What a reload did; the paths are those of the table. */
struct config_reloaded {
    const char *changed[CONFIG_SETTINGS_MAX]; /* in force now */
    size_t changed_count;
    const char *needs_restart[CONFIG_SETTINGS_MAX]; /* different in the file, not in force */
    size_t needs_restart_count;
};
/* Reads the same sources again and takes over what is reloadable. On failure nothing changes.
 * Strings that were read before stay valid until config_close. */
enum status config_reload(struct config *config, struct config_reloaded *ret_reloaded,
                          struct error *err);

/* What results are framed with: AUTO is CONFLUENT with a registry, SINGLE_OBJECT without. */
enum result_framing config_result_framing(const struct config *config);
/* The cost for the configured scheme. */
struct hash_cost config_hash_cost(const struct config *config);

/* `provctl config show`: the settings in force as YAML that can be loaded again but for its
 * secrets, which are "***"; those that are not defaults with their source as a comment. */
void config_print(const struct config *config, FILE *out);
/* `provctl config defaults`: a file with everything commented out and documented. */
void config_print_defaults(FILE *out);
/* `provctl config schema`: JSON schema (2020-12) of the file. */
void config_print_schema(FILE *out);
/* The settings as a part of provd.yaml(5) in scdoc's language. */
void config_print_man(FILE *out);

/* The environment name of a path, e.g. PROVD_KAFKA_GROUP_ID. `ret_name` holds at least 96 bytes. */
enum { CONFIG_ENVIRONMENT_NAME_MAX = 96 };
void config_environment_name(const char *path, char ret_name[CONFIG_ENVIRONMENT_NAME_MAX]);

#endif
