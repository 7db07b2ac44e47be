/* Schemas that were asked for and are not there: a bounded memory of them, and the bound on asking.
 * Only for wire/schemas.c. Times are microseconds of the monotonic clock. */
#ifndef PROVD_WIRE_SCHEMAS_ABSENT_H
#define PROVD_WIRE_SCHEMAS_ABSENT_H

#include "base/arena.h"
#include "base/map.h"

struct absentee {
    int64_t first_us;     /* when it was first not there */
    int64_t ask_again_us; /* not before */
    bool is_believed;     /* it is not on its way any more */
};

/* Two generations: when the younger one is full, the older one is forgotten. */
struct absentees {
    struct arena arenas[2];
    struct map maps[2];
    int young;
};

void absentees_init(struct absentees *absentees);
void absentees_close(struct absentees *absentees);
/* NULL when it is not remembered. */
struct absentee *absentees_find(const struct absentees *absentees, struct text key);
/* Found, or made with first_us 0. */
struct absentee *absentees_note(struct absentees *absentees, struct text key);

/* A bucket of lookups that fills again with time. */
struct lookups {
    int64_t left;
    int64_t filled_us;
};
/* False when too many were asked for lately. */
bool lookups_take(struct lookups *lookups, int64_t now_us);

#endif
