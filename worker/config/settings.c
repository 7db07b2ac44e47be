/* The table of settings. Paths that share a section stand together: what is made of the table is
 * printed in this order. */
#include "config/setting.h"

#define AT(member) offsetof(struct config, member)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECONDS(n) (INT64_C(1000) * (n))
#define MINUTES(n) (60 * SECONDS(n))
#define HOURS(n) (60 * MINUTES(n))
#define DAYS(n) (24 * HOURS(n))

static const char *const framing_choices[] = {"auto", "confluent", "single_object", NULL};
static const char *const rewound_choices[] = {"halt", "rewind", NULL};
static const char *const mode_choices[] = {"EAGER", "LAZY", NULL};
static const char *const hash_choices[] = {"ARGON2ID", "SHA512-CRYPT", "BLF-CRYPT", "YESCRYPT",
                                           NULL};
static const char *const level_choices[] = {"error", "warning", "info", "debug", NULL};
static const char *const format_choices[] = {"auto", "text", "json", NULL};

_Static_assert(RESULT_FRAMING_SINGLE_OBJECT == 2 && REWOUND_REWIND == 1 && SERVICE_LAZY == 1 &&
                   HASH_YESCRYPT == 3 && LOG_DEBUG == 3 && LOG_FORMAT_JSON == 2,
               "the names above stand in the order of the enums");

#define STRING(p, member, f, d)                                                                    \
    .path = p, .type = SETTING_STRING, .offset = AT(member), .fallback = f, .doc = d
#define BOOL(p, member, f, d)                                                                      \
    .path = p, .type = SETTING_BOOL, .offset = AT(member), .fallback = f, .doc = d
#define NUMBER(t, p, member, f, lo, hi, d)                                                         \
    .path = p, .type = t, .offset = AT(member), .fallback = f, .min = lo, .max = hi, .doc = d
#define INT(...) NUMBER(SETTING_INT, __VA_ARGS__)
#define DURATION(...) NUMBER(SETTING_DURATION, __VA_ARGS__)
#define SIZE(...) NUMBER(SETTING_SIZE, __VA_ARGS__)
#define ENUM(p, member, n, f, d)                                                                   \
    .path = p, .type = SETTING_ENUM, .offset = AT(member), .names = n, .fallback = f, .doc = d
#define LIST(p, member, f, d)                                                                      \
    .path = p, .type = SETTING_LIST, .offset = AT(member), .fallback = f, .doc = d
#define PROPERTIES(p, member, d)                                                                   \
    .path = p, .type = SETTING_PROPERTIES, .offset = AT(member), .fallback = "", .doc = d
#define SECRET .flags = SETTING_SECRET
#define HAS_SECRET .flags = SETTING_HAS_SECRET
#define RELOADABLE .flags = SETTING_RELOADABLE
#define KAFKA(name) .kafka_property = name

const struct setting settings[] = {
    {INT("lanes", lanes, "1", 1, 64,
         "How many lanes (processes, each with a consumer, a producer and a database connection) "
         "run here.")},
    {STRING("worker.name", worker_name, "",
            "The name of this worker in results, logs and the transactional id. Two workers of one "
            "group must not share it, and it must stay the same over restarts. Not set: the host "
            "name.")},

    {STRING("kafka.brokers", kafka.brokers, "",
            "Bootstrap brokers, host:port separated by commas. Must be set.")},
    {STRING("kafka.client_id", kafka.client_id, "provd",
            "The client id that brokers see in logs and quotas.")},
    {STRING("kafka.group_id", kafka.group_id, "provd",
            "The consumer group. All lanes of all workers that share a database share it.")},
    {STRING(
        "kafka.transactional_id_prefix", kafka.transactional_id_prefix, "provd",
        "Transactional ids are <prefix>-<worker.name>-<lane>, and the same with a b behind it: a "
        "lane's two producers. Grant the worker this prefix in the ACLs.")},
    {STRING("kafka.topics.events", kafka.topic_events, "provisioning.events",
            "The topic of the events.")},
    {STRING("kafka.topics.results", kafka.topic_results, "provisioning.results",
            "The topic of the results.")},
    {STRING("kafka.topics.changes", kafka.topic_changes, "provisioning.changes",
            "The topic of the change records.")},
    {STRING("kafka.topics.dlq", kafka.topic_dlq, "provisioning.dlq",
            "The topic of the dead letters.")},
    {BOOL("kafka.cloudevents", kafka.cloudevents, "true",
          "Give results and change records the headers of CloudEvents: ce_specversion, ce_type, "
          "ce_source, ce_id, ce_time.")},
    {DURATION("kafka.transaction_timeout", kafka.transaction_timeout_ms, "12s", SECONDS(5),
              MINUTES(2),
              "After this the brokers abort the open transaction of a dead lane; its successor "
              "waits that long at worst.")},
    {DURATION("kafka.session_timeout", kafka.session_timeout_ms, "10s", SECONDS(6), MINUTES(5),
              "A lane that sends no heartbeat for this long loses its partitions. Brokers bound it "
              "too.")},
    {DURATION(
        "kafka.request_timeout", kafka.request_timeout_ms, "10s", SECONDS(1), MINUTES(2),
        "The patience for a question to the brokers: committed offsets, watermarks, metadata.")},
    {SIZE("kafka.fetch_memory", kafka.fetch_memory_bytes, "4MiB", 4 * MIB, 2 * GIB,
          "Records read ahead by the consumer of a lane, all partitions together.")},
    {SIZE(
        "kafka.output_bytes", kafka.output_bytes_max, "1000000B", 64 * KIB, 64 * MIB,
        "The largest record that is produced; not above max.message.bytes of the output topics.")},
    {STRING("kafka.security.protocol", kafka.security_protocol, "",
            "plaintext, ssl, sasl_plaintext or sasl_ssl. Not set: plaintext."),
     KAFKA("security.protocol")},
    {STRING("kafka.security.ca_file", kafka.ca_file, "",
            "PEM file of the authorities that sign the brokers' certificates. Not set: those of "
            "the system."),
     KAFKA("ssl.ca.location")},
    {STRING("kafka.security.cert_file", kafka.cert_file, "", "PEM file of the client certificate."),
     KAFKA("ssl.certificate.location")},
    {STRING("kafka.security.key_file", kafka.key_file, "",
            "PEM file of the client certificate's key."),
     KAFKA("ssl.key.location")},
    {STRING("kafka.security.key_password", kafka.key_password, "", "The password of that key."),
     SECRET, KAFKA("ssl.key.password")},
    {STRING("kafka.security.sasl.mechanism", kafka.sasl_mechanism, "",
            "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER."),
     KAFKA("sasl.mechanisms")},
    {STRING("kafka.security.sasl.username", kafka.sasl_username, "",
            "The user of PLAIN and SCRAM."),
     KAFKA("sasl.username")},
    {STRING("kafka.security.sasl.password", kafka.sasl_password, "",
            "The password of PLAIN and SCRAM."),
     SECRET, KAFKA("sasl.password")},
    {PROPERTIES("kafka.client", kafka.client,
                "librdkafka properties for both clients, e.g. socket.keepalive.enable. Those that "
                "exactly-once depends on are the worker's and refused, with the reason.")},
    {PROPERTIES("kafka.consumer", kafka.consumer,
                "The same for the consumer only, e.g. fetch.min.bytes.")},
    {PROPERTIES("kafka.producer", kafka.producer,
                "The same for the producer only, e.g. compression.type.")},

    {STRING("database.url", database.url, "",
            "Where the database is: a libpq URI or key=value string, several hosts allowed, TLS by "
            "sslmode and sslrootcert. Must be set."),
     HAS_SECRET},
    {STRING("database.password", database.password, "",
            "The password, when it is not in the URL, in PGPASSWORD or in a password file."),
     SECRET},
    {DURATION("database.connect_timeout", database.connect_timeout_ms, "10s", 100, MINUTES(5),
              "The patience for a connection, all hosts of the URL together.")},
    {DURATION("database.statement_timeout", database.statement_timeout_ms, "30s", 100, HOURS(1),
              "The patience for one statement; then the batch runs again.")},
    {DURATION("database.fanout_timeout", database.fanout_timeout_ms, "4m", SECONDS(1), HOURS(4),
              "The patience for a statement that changes all accounts of a domain. When it was not "
              "enough three times in a row, the event becomes a dead letter (STORAGE_REFUSED). A "
              "lane that is busy for more than 5 minutes is given up by its group, and its "
              "partitions go to another one; nothing is lost by that.")},
    {DURATION("database.commit_timeout", database.commit_timeout_ms, "30s", 100, HOURS(1),
              "The patience for COMMIT, which may wait for a standby; then the connection is given "
              "up and the ledger says what happened.")},

    {STRING("registry.url", registry.url, "",
            "The Schema Registry, with the path of its Confluent API if it has one. Not set: none; "
            "schemas come from schemas.directory."),
     HAS_SECRET},
    {STRING("registry.username", registry.username, "",
            "User for basic authentication at the registry.")},
    {STRING("registry.password", registry.password, "", "The password of that user."), SECRET},
    {STRING("registry.token", registry.token, "",
            "Bearer token for the registry, instead of user and password."),
     SECRET},
    {STRING("registry.ca_file", registry.ca_file, "",
            "PEM file of the authorities that sign the registry's certificate. Not set: those of "
            "the system.")},
    {DURATION("registry.timeout", registry.timeout_ms, "5s", 100, MINUTES(1),
              "The patience for one answer of the registry.")},
    {DURATION("registry.not_found_after", registry.not_found_after_ms, "10s", 0, MINUTES(10),
              "How long a schema that the registry does not know is asked for again before its "
              "record becomes a dead letter; a registry that was just restarted or is a follower "
              "may learn of it.")},
    {DURATION("registry.negative_cache", registry.negative_cache_ms, "1m", SECONDS(1), HOURS(1),
              "How long an unknown schema stays unknown without asking again.")},

    {STRING("schemas.directory", schemas.directory, "",
            "A directory of .avsc files: the writers' schemas of single-object records when there "
            "is no registry.")},
    {STRING(
        "schemas.bare", schemas.bare_file, "",
        "The .avsc file of records without any framing. Not set: such records are dead letters.")},
    {ENUM("schemas.result_framing", schemas.result_framing, framing_choices, "auto",
          "How results and change records are framed: confluent needs a registry, single_object "
          "none. auto: confluent when registry.url is set.")},

    {INT("batch.max_events", batch.events_max, "2500", 1, 20000,
         "The largest number of events in a batch.")},
    {SIZE("batch.max_bytes", batch.bytes_max, "1536KiB", 64 * KIB, GIB,
          "A batch takes no further events once their keys, values and headers are this large.")},
    {DURATION("batch.max_wait", batch.wait_ms_max, "5ms", 0, SECONDS(10),
              "How long a batch that is not full waits for more events; behind one that is being "
              "published, as long as that takes, up to 100ms."),
     RELOADABLE},
    {SIZE("batch.memory_max", batch.memory_bytes_max, "512MiB", 16 * MIB, 32 * GIB,
          "The ceiling for what a lane keeps for a batch, and again for the transaction that "
          "applies it; a batch that needs more is cut, and an event that needs more by itself is a "
          "dead letter.")},

    {SIZE("limits.event_bytes", limits.event_bytes, "256KiB", KIB, 16 * MIB,
          "A larger event is a dead letter.")},
    {SIZE("limits.header_bytes", limits.header_bytes, "64KiB", KIB, 16 * MIB,
          "An event with more headers than this is a dead letter.")},
    {SIZE("limits.string_bytes", limits.string_bytes, "64KiB", KIB, 16 * MIB,
          "An event with a longer string is a dead letter.")},

    {INT("retry.max_attempts", retry.attempts_max, "8", 1, 1000,
         "How often an event whose outside facts are missing is tried before it is answered "
         "FAILED."),
     RELOADABLE},
    {DURATION("retry.backoff", retry.backoff_ms, "100ms", 1, MINUTES(1),
              "The first pause when a server is away; it doubles each time, with jitter."),
     RELOADABLE},
    {DURATION("retry.backoff_max", retry.backoff_ms_max, "10s", 1, HOURS(1), "The longest pause."),
     RELOADABLE},

    {INT("breaker.window", breaker.window_records, "1000", 1, 1000000,
         "The circuit breaker looks at this many of the last records."),
     RELOADABLE},
    {INT("breaker.min_failures", breaker.failures_min, "100", 1, 1000000,
         "It never opens at fewer dead letters than this."),
     RELOADABLE},
    {INT("breaker.share", breaker.share_percent, "50", 1, 100,
         "It opens when more than this many percent of the window are dead letters: the lane stops "
         "and alarms instead of draining a topic into the dead letters."),
     RELOADABLE},

    {INT("accounts.default_services", accounts.default_services, "7", 1, 7,
         "The services of an account whose event and domain name none: 1 mail, 2 calendar, 4 "
         "contacts, added up."),
     RELOADABLE},
    {ENUM("accounts.default_mode", accounts.default_mode, mode_choices, "EAGER",
          "EAGER makes services with the account, LAZY at the first login."),
     RELOADABLE},
    {DURATION("accounts.grace_period", accounts.grace_period_ms, "30d", 0, DAYS(3650),
              "How long the address of a deleted account stays reserved and can be restored."),
     RELOADABLE},
    {LIST("accounts.system_sources", accounts.system_sources, "",
          "The values of an event's source that may name SYSTEM as the actor. Empty: all."),
     RELOADABLE},
    {LIST("accounts.password_schemes", accounts.password_schemes,
          "ARGON2ID, ARGON2I, BLF-CRYPT, SHA512-CRYPT, SHA256-CRYPT, CRYPT, SSHA512, SSHA256, "
          "PBKDF2, SCRAM-SHA-256",
          "The schemes of password hashes that events may bring, in Dovecot's words, without "
          "braces."),
     RELOADABLE},
    {BOOL("accounts.allow_cleartext", accounts.allow_cleartext, "false",
          "Accept passwords in clear text in events; they are hashed before they are stored."),
     RELOADABLE},
    {BOOL("accounts.allow_weak_crypt", accounts.allow_weak_crypt, "false",
          "Accept {CRYPT} with DES or MD5 inside."),
     RELOADABLE},

    {STRING("secrets.keys_directory", keys_directory, "",
            "A directory with the keys for sealed secrets: <key id>.key, made by provctl keygen, "
            "readable by the worker only. Not set: sealed secrets are refused.")},

    {ENUM("hashing.scheme", hashing.scheme, hash_choices, "ARGON2ID",
          "The scheme for passwords that the worker hashes itself."),
     RELOADABLE},
    {INT("hashing.passes", hashing.passes, "3", 1, 32, "ARGON2ID: passes over the memory."),
     RELOADABLE},
    {SIZE("hashing.memory", hashing.memory_bytes, "64MiB", 8 * MIB, GIB,
          "ARGON2ID: memory of one hash; each hashing thread uses it, and so does each login "
          "later."),
     RELOADABLE},
    {INT("hashing.rounds", hashing.rounds, "0", 0, 10000000,
         "SHA512-CRYPT: rounds, from 1000. BLF-CRYPT: cost 4 to 16. YESCRYPT: cost 1 to 11. 0: a "
         "good value for the scheme (200000, 12, 5)."),
     RELOADABLE},
    {INT("hashing.threads", hashing.threads, "2", 1, 64,
         "Threads per lane that hash and open sealed secrets.")},
    {DURATION("hashing.deadline", hashing.deadline_ms, "5s", 100, MINUTES(1),
              "How long a batch may hash passwords. Then it goes on with what is hashed, and the "
              "rest is the beginning of the next batch."),
     RELOADABLE},

    {ENUM("fence.on_rewound_database", on_rewound_database, rewound_choices, "halt",
          "What to do with a partition when the database is behind the committed offset, after a "
          "failover or a restore: halt and alarm, or rewind and apply again."),
     RELOADABLE},
    {INT("recovery.max_wrong", recovery_wrong_max, "3", 1, 100,
         "The wrong answers after which recovery is locked."),
     RELOADABLE},
    {DURATION("recovery.lock_for", recovery_lock_ms, "30m", SECONDS(1), DAYS(30),
              "How long it is locked."),
     RELOADABLE},
    {INT("signup.steps", signup_steps, "2", 1, 16,
         "The steps of a sign-up before it can be decided."),
     RELOADABLE},

    {STRING(
        "http.address", http.address, "127.0.0.1",
        "Where /livez, /readyz, /metrics and /version are served. They have no authentication.")},
    {INT("http.port", http.port, "9645", 0, 65535, "The port; 0 serves nothing.")},
    {ENUM("log.level", log_level, level_choices, "info", "error, warning, info or debug."),
     RELOADABLE},
    {ENUM("log.format", log_format, format_choices, "auto",
          "text, json, or auto: text on a terminal."),
     RELOADABLE},
    {DURATION("shutdown.timeout", shutdown_timeout_ms, "20s", SECONDS(1), MINUTES(10),
              "After a request to stop, the batch in hand is finished within this, or given up for "
              "the next start.")},
};

const size_t setting_count = sizeof(settings) / sizeof(settings[0]);
_Static_assert(sizeof(settings) / sizeof(settings[0]) <= CONFIG_SETTINGS_MAX,
               "raise CONFIG_SETTINGS_MAX");
