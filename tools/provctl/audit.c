/* `provctl audit ...`: is the change log what the workers wrote? */
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "configuration.h"
#include "database.h"
#include "progress.h"
#include "shelf.h"
#include "wire/crypto.h"

enum { CHUNK_RECORDS = 2000, CHUNK_ARENA_BYTES = 64 << 20, REASON_MAX = ERROR_MESSAGE_MAX };

static int run_verify(struct invocation *invocation);

static const struct option_row verify_options[] = {
    {"topic", 't', "TOPIC", "only this events topic", false, false},
    {"partition", 'p', "N", "only this partition", false, false},
    {"from", 0, "SEQ",
     "begin at this number instead of 1: when the months before it were dropped on purpose", false,
     false},
    {.name = NULL},
};

const struct command audit_commands[] = {
    {
        .group = "audit",
        .name = "verify",
        .arguments = "",
        .summary = "walk the hash chains of the change log",
        .help = "Walks the chain of each source partition: numbers without gaps, each record's "
                "hash is the SHA-256 of its "
                "bytes, its bytes name its number and the hash of the record before it, and the "
                "last one is the head "
                "that the fence keeps. Names the first bad record. Reads in chunks and disturbs "
                "nobody; records that are "
                "written meanwhile are left for the next time. Exit code 65: a chain is broken.",
        .examples = "  provctl audit verify\n"
                    "  provctl audit verify --partition 3 -o json\n",
        .options = verify_options,
        .run = run_verify,
    },
    {.group = NULL},
};

static const char sql_chains[] =
    "SELECT fence_id, topic, partition, cluster_id, chain_seq, chain_head FROM provd.fence"
    " WHERE ($1::text IS NULL OR topic = $1) AND ($2::int8 IS NULL OR partition = $2)"
    " ORDER BY cluster_id, topic, partition";
static const char sql_records[] = "SELECT seq, body, hash FROM provd.change_log WHERE fence_id = "
                                  "$1::int8 AND seq > $2::int8 AND seq <= $3::int8"
                                  " ORDER BY seq";
static const char sql_first[] =
    "SELECT min(seq) AS seq FROM provd.change_log WHERE fence_id = $1::int8";

static const struct output_column columns[] = {
    {"topic", NULL, 0},          {"partition", NULL, OUTPUT_RIGHT}, {"records", NULL, OUTPUT_RIGHT},
    {"verdict", NULL, 0},        {"bad_seq", NULL, OUTPUT_RIGHT},   {"reason", NULL, 0},
    {"head", NULL, OUTPUT_LONG}, {"cluster_id", NULL, OUTPUT_LONG}, {.key = NULL},
};

/* One chain on its walk. */
struct chain {
    int64_t fence_id;
    struct text topic, cluster_id;
    int64_t partition;
    int64_t head_seq;
    uint8_t head[SHA256_LEN];

    int64_t seq;              /* last record that was good */
    uint8_t hash[SHA256_LEN]; /* its hash */
    bool is_hash_known;       /* false at a start in the middle */
    int64_t checked;
    int64_t bad_seq; /* 0: none so far */
    char reason[REASON_MAX];
};

struct audit {
    struct invocation *invocation;
    struct postgres *pg;
    struct shelf *shelf;
    int64_t from;
    int64_t total, done; /* records of all chains, for the progress */
    struct progress progress;
};

static void put_hex(const uint8_t *bytes, char hex[2 * SHA256_LEN + 1])
{
    for (int i = 0; i < SHA256_LEN; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static void blame(struct chain *chain, int64_t seq, const char *reason)
{
    chain->bad_seq = seq;
    snprintf(chain->reason, sizeof chain->reason, "%s", reason);
}

/* What the record says of itself, inside of the bytes that are hashed. */
static bool check_words(struct audit *audit, struct chain *chain, int64_t seq, struct text body,
                        struct text hash)
{
    struct buffer bytes;
    struct error err;
    char expected[2 * SHA256_LEN + 1];
    json_t *change;
    int64_t own_seq = -1;

    buffer_init(&bytes, DATABASE_ROW_BYTES_MAX);
    buffer_put_text(&bytes, body);
    buffer_put_text(&bytes, hash);
    change = shelf_decode_change(audit->shelf, buffer_text(&bytes), &err);
    buffer_close(&bytes);
    put_hex(chain->hash, expected);
    json_member_int64(change, "chain_seq", &own_seq);
    const char *previous = json_member_z(change, "prev_hash");
    if (!change)
        blame(chain, seq, err.message);
    else if (own_seq != seq)
        blame(chain, seq, "its bytes say another number: rows were exchanged");
    else if (chain->is_hash_known && (!previous || strcmp(previous, expected) != 0))
        blame(chain, seq,
              "its prev_hash is not the hash of the record before it: one of the two was replaced");
    json_decref(change);
    return chain->bad_seq == 0;
}

static void blame_gap(struct chain *chain)
{
    blame(chain, chain->seq + 1,
          chain->checked == 0 ? "it is missing: the chain begins later; if the months before were "
                                "dropped on purpose, say --from"
                              : "it is missing");
}

static bool check_record(struct audit *audit, struct chain *chain, int64_t seq, struct text body,
                         struct text hash)
{
    uint8_t real[SHA256_LEN];

    if (seq != chain->seq + 1) {
        blame_gap(chain);
        return false;
    }
    crypto_sha256(body.data, body.len, real);
    if (hash.len != SHA256_LEN || memcmp(hash.data, real, SHA256_LEN) != 0) {
        blame(chain, seq, "its hash is not the SHA-256 of its bytes: it was altered");
        return false;
    }
    if (!check_words(audit, chain, seq, body, hash))
        return false;
    chain->seq = seq;
    memcpy(chain->hash, real, SHA256_LEN);
    chain->is_hash_known = true;
    chain->checked++;
    return true;
}

static void check_rows(struct audit *audit, struct chain *chain, const struct result *result)
{
    int rows = result_rows(result);

    for (int i = 0; i < rows && chain->bad_seq == 0; i++)
        check_record(audit, chain, result_int(result, i, 0), result_text(result, i, 1),
                     result_text(result, i, 2));
    audit->done += rows;
    progress_show(&audit->progress, audit->done);
}

/* The next numbers. They are asked for by a range, since numbers have no gaps: a limit would make
 * the server sort all that is left of the chain for each chunk. */
static enum status check_chunk(struct audit *audit, struct chain *chain, struct error *err)
{
    int64_t left = chain->head_seq - chain->seq;
    int64_t upto = left > CHUNK_RECORDS ? chain->seq + CHUNK_RECORDS : chain->head_seq;
    struct arena arena;
    struct result *result;
    enum status status;

    arena_init(&arena, CHUNK_ARENA_BYTES, 0);
    struct param params[] = {param_int8(&arena, chain->fence_id), param_int8(&arena, chain->seq),
                             param_int8(&arena, upto)};
    status = postgres_query(audit->pg, sql_records, params, 3, &result, err);
    arena_close(&arena);
    if (status != STATUS_OK)
        return status;
    check_rows(audit, chain, result);
    result_close(result);
    if (chain->bad_seq == 0 && chain->seq < upto)
        blame_gap(chain);
    return STATUS_OK;
}

static enum status walk(struct audit *audit, struct chain *chain, struct error *err)
{
    enum status status = STATUS_OK;

    chain->seq = chain->head_seq < audit->from ? chain->head_seq : audit->from - 1;
    chain->is_hash_known = chain->seq == 0; /* 32 zero bytes come before the first */
    while (status == STATUS_OK && chain->bad_seq == 0 && chain->seq < chain->head_seq)
        status = check_chunk(audit, chain, err);
    if (status == STATUS_OK && chain->bad_seq == 0 && chain->checked > 0 &&
        memcmp(chain->hash, chain->head, SHA256_LEN) != 0)
        blame(chain, chain->seq, "it is the last one, but its hash is not the head in the fence");
    return status;
}

/* A record behind a head of nothing: a fence that was made anew, say. */
static enum status check_unexpected(struct audit *audit, struct chain *chain, struct error *err)
{
    struct param param = param_int8(audit->invocation->arena, chain->fence_id);
    struct result *result;
    enum status status;

    if (chain->head_seq > 0)
        return STATUS_OK;
    status = postgres_query(audit->pg, sql_first, &param, 1, &result, err);
    if (status != STATUS_OK)
        return status;
    if (!result_is_null(result, 0, 0))
        blame(chain, result_int(result, 0, 0), "the fence says that there is no record");
    result_close(result);
    return STATUS_OK;
}

static json_t *row_of(const struct chain *chain)
{
    char head[2 * SHA256_LEN + 1];

    put_hex(chain->head, head);
    return json_pack("{ss% sI sI ss so ss* ss ss%}", "topic", chain->topic.data, chain->topic.len,
                     "partition", (json_int_t)chain->partition, "records",
                     (json_int_t)chain->checked, "verdict", chain->bad_seq ? "bad" : "ok",
                     "bad_seq", chain->bad_seq ? json_integer(chain->bad_seq) : json_null(),
                     "reason", chain->bad_seq ? chain->reason : NULL, "head", head, "cluster_id",
                     chain->cluster_id.data, chain->cluster_id.len);
}

static enum status load_chains(struct audit *audit, struct chain **ret_chains, int *ret_count,
                               struct error *err)
{
    struct arena *arena = audit->invocation->arena;
    int64_t partition = INT_NULL;
    struct result *result;
    enum status status;

    if (!option_number(audit->invocation, "partition", 0, INT32_MAX, &partition))
        return error_set(err, STATUS_FATAL, "USAGE", "--partition");
    struct param params[] = {param_text(text_from(option_value(audit->invocation, "topic"))),
                             param_int8(arena, partition)};
    status = postgres_query(audit->pg, sql_chains, params, 2, &result, err);
    if (status != STATUS_OK)
        return status;
    *ret_count = result_rows(result);
    *ret_chains = ARENA_ARRAY(arena, struct chain, (size_t)*ret_count);
    for (int i = 0; i < *ret_count; i++) {
        struct chain *chain = &(*ret_chains)[i];
        struct text head = result_text(result, i, 5);
        chain->fence_id = result_int(result, i, 0);
        chain->topic = text_copy(arena, result_text(result, i, 1));
        chain->partition = result_int(result, i, 2);
        chain->cluster_id = text_copy(arena, result_text(result, i, 3));
        chain->head_seq = result_int(result, i, 4);
        memcpy(chain->head, head.data, head.len < SHA256_LEN ? head.len : SHA256_LEN);
        audit->total += chain->head_seq;
    }
    result_close(result);
    return STATUS_OK;
}

static int verify(struct audit *audit)
{
    struct chain *chains = NULL;
    struct error err;
    int count = 0;
    bool is_bad = false;
    enum status status = load_chains(audit, &chains, &count, &err);

    progress_begin(&audit->progress, "records", audit->total);
    output_begin(audit->invocation->output, columns);
    for (int i = 0; status == STATUS_OK && i < count; i++) {
        status = walk(audit, &chains[i], &err);
        if (status == STATUS_OK)
            status = check_unexpected(audit, &chains[i], &err);
        if (status == STATUS_OK)
            output_row(audit->invocation->output, row_of(&chains[i]));
        is_bad = is_bad || chains[i].bad_seq != 0;
    }
    progress_end(&audit->progress);
    output_end(audit->invocation->output, "There is no fence yet: no worker has written anything.");
    if (status != STATUS_OK)
        return strcmp(err.code, "USAGE") == 0 ? EX_USAGE : database_complain(status, &err);
    return is_bad ? EX_DATAERR : EX_OK;
}

static int run_verify(struct invocation *invocation)
{
    struct audit audit = {.invocation = invocation, .from = 1};
    struct error err;
    int code;

    if (!option_number(invocation, "from", 1, INT64_MAX - 1, &audit.from))
        return EX_USAGE;
    if (!configuration_needs(invocation->config->database.url, "database.url"))
        return EX_CONFIG;
    if (shelf_open(&audit.shelf, invocation->config, &err) != STATUS_OK)
        return complain_status(STATUS_FATAL, &err);
    enum status status = database_open(&audit.pg, invocation->config, &err);
    code = status == STATUS_OK ? verify(&audit) : database_complain(status, &err);
    if (status == STATUS_OK)
        postgres_close(audit.pg);
    shelf_close(audit.shelf);
    return code;
}
