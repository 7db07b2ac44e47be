/* Many events from a CSV file: sent in batches, waited for, a line for each result, a progress bar.
 *
 * The id of an event is made from its row (and --run), so that a call that was interrupted is
 * simply made again: rows that were applied before are answered DUPLICATE, and nothing is done
 * twice. */
#ifndef PROVCTL_BULK_H
#define PROVCTL_BULK_H

#include "command.h"
#include "csv.h"
#include "wire/json.h"

#define BULK_OPTIONS                                                                               \
    {"csv", 0,    "FILE", "many at once: a row for each, columns by name; - is standard input",    \
     false, false},                                                                                \
    {                                                                                              \
        "run", 0, "NAME", "send rows again that were sent before, as events of this new run",      \
            false, false                                                                           \
    }

/* The payload of a row. NULL: `err` says what is wrong with it. */
typedef json_t *bulk_payload(struct invocation *invocation, const struct csv *csv,
                             struct error *err);

/* `columns` are the names that a file may have, ended by NULL; the first one must be there. Exit
 * code. */
int bulk_send(struct invocation *invocation, const char *kind, const char *const *columns,
              bulk_payload *payload);

#endif
