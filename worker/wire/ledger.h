/* The machinery tables in the database: fence rows, the event ledger, outcomes by coordinates, the
 * change log. Sends and reads; what it means is decided in stage/apply and domain/plan. */
#ifndef PROVD_WIRE_LEDGER_H
#define PROVD_WIRE_LEDGER_H

#include "base/map.h"
#include "base/status.h"
#include "domain/outcome.h"

struct arena;
struct postgres;

enum { CHAIN_HASH_LEN = 32 };

/* A fence row as it is while it is locked. */
struct fence_state {
    int32_t fence_id;
    int64_t next_offset, owner_epoch, published_upto;
    int64_t chain_seq;
    uint8_t chain_head[CHAIN_HASH_LEN];
};

/* A span of offsets of one partition. */
struct ledger_span {
    int32_t fence_id;
    int64_t first, last;
};

enum status ledger_send_lock(struct postgres *pg, const int32_t *fence_ids, size_t count,
                             struct error *err);
/* Fills states[i] for fence_ids[i]; a row that is gone is FATAL. */
enum status ledger_read_lock(struct postgres *pg, const int32_t *fence_ids, size_t count,
                             struct fence_state *states, struct error *err);

/* Recalls events by id into `ret_memories` (key: the 16 bytes of the id). Send and read in one
 * pipeline behind the lock, as a second statement: it must see what was committed before the lock
 * was got. */
enum status ledger_send_recall_events(struct postgres *pg, const struct uuid *ids, size_t count,
                                      struct error *err);
enum status ledger_read_recall_events(struct postgres *pg, struct arena *arena,
                                      struct map *ret_memories, struct error *err);
/* Recalls by coordinates; the key of `ret_memories` is struct ledger_place. */
struct ledger_place {
    int64_t fence_id;
    int64_t offset;
};
enum status ledger_send_recall_records(struct postgres *pg, const struct ledger_span *spans,
                                       size_t count, struct error *err);
enum status ledger_read_recall_records(struct postgres *pg, struct arena *arena,
                                       struct map *ret_memories, struct error *err);

/* The published values of the change records of `spans` (offsets are seqs here); values of one
 * fence come in order of seq. `take` gets texts in the arena. */
typedef void ledger_take_change(void *opaque, int32_t fence_id, int64_t seq, struct text value);
enum status ledger_recall_changes(struct postgres *pg, const struct ledger_span *spans,
                                  size_t count, struct arena *arena, ledger_take_change *take,
                                  void *opaque, struct error *err);

/* --- writing ------------------------------------------------------------------------------------
 */

struct ledger_entry {
    const struct uuid *event_id;
    int32_t fence_id;
    int64_t offset;
    enum outcome_status status;
    const uint8_t *payload_hash; /* PAYLOAD_HASH_LEN */
    struct text result;
    int64_t chain_seq;
    int64_t change_count;
    int64_t applied_at;
};
enum status ledger_copy_entries(struct postgres *pg, const struct ledger_entry *entries,
                                size_t count, struct error *err);

struct record_entry {
    int32_t fence_id;
    int64_t offset;
    int64_t status; /* enum outcome_status or OUTCOME_DEAD_LETTER */
    struct text event_id;
    const uint8_t *content_hash; /* PAYLOAD_HASH_LEN */
    struct text result, stage, code, message;
    int64_t recorded_at;
};
enum status ledger_copy_records(struct postgres *pg, const struct record_entry *entries,
                                size_t count, struct error *err);

struct change_entry {
    int32_t fence_id;
    int64_t seq;
    int64_t changed_at;
    const struct uuid *event_id;
    struct text object_type;
    struct uuid object_id;
    struct text frame, body;
    const uint8_t *hash; /* CHAIN_HASH_LEN */
};
enum status ledger_copy_changes(struct postgres *pg, const struct change_entry *entries,
                                size_t count, struct error *err);

/* Remembers published_upto of fences whose owner_epoch is still that of `states`; by itself. */
enum status ledger_note_published(struct postgres *pg, const struct fence_state *states,
                                  size_t count, struct error *err);

/* Moves the fences; `states` hold the new values. Sent; the answer is one result that affects
 * `count`. */
enum status ledger_send_advance(struct postgres *pg, const struct fence_state *states, size_t count,
                                int64_t now_us, struct arena *arena, struct error *err);

#endif
