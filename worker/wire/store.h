/* Stores what the plan changed in the working set: ids for new rows, then deletes and updates in
 * one pipeline, then COPY of the new rows. */
#ifndef PROVD_WIRE_STORE_H
#define PROVD_WIRE_STORE_H

#include "base/status.h"
#include "domain/working_set.h"

struct postgres;

/* Numeric ids of accounts and services, drawn in blocks of ID_BLOCK and handed out one by one; what
 * is left of a block serves the next batch of the same lane. Gaps are no harm. */
enum { ID_BLOCK = 100 };
struct id_supply {
    int64_t next, end; /* of the block in hand: next == end when there is none */
};
struct id_supplies {
    struct id_supply accounts, services;
};

/* Gives ids to all rows that will be inserted, and tombstones their final value. */
enum status store_draw_ids(struct postgres *pg, struct working_set *set,
                           struct id_supplies *supplies, struct error *err);
/* Writes. RETRY with code LOST_RACE when another worker changed a row since it was loaded. */
enum status store_rows(struct postgres *pg, struct working_set *set, struct error *err);

#endif
