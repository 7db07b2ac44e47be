/* Change records and results as rows for people: one line each, instead of the whole document. */
#ifndef PROVCTL_STORY_H
#define PROVCTL_STORY_H

#include "database.h"
#include "output.h"
#include "shelf.h"

/* {at, action, object, by, kind, what} of a decoded ChangeRecord. */
json_t *story_of_change(const json_t *change);
/* {at, status, code, kind, message, event_id} of a decoded ProvisioningResult. */
json_t *story_of_result(const json_t *result);
/* What `list` has, each item shortened by one of the functions above. */
json_t *story_of_all(const json_t *list, json_t *(*shorten)(const json_t *item));

/* The change records that `sql` selects (columns frame, body, hash), decoded, in its order. The
 * caller gives *ret_changes, an array, back. A record that cannot be decoded stands there as
 * {"error": ...}. */
enum status story_changes(struct postgres *pg, struct shelf *shelf, const char *sql,
                          const struct param *params, int param_count, json_t **ret_changes,
                          struct error *err);
/* The results that `sql` selects (column result), in the same way. */
enum status story_results(struct postgres *pg, struct shelf *shelf, const char *sql,
                          const struct param *params, int param_count, json_t **ret_results,
                          struct error *err);

/* A copy without the members that are null: for tables. Taken over. */
json_t *story_without_nulls(json_t *object);

#endif
