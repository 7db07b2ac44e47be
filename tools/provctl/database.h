/* Questions to PostgreSQL whose answers are shown: each row comes as JSON. */
#ifndef PROVCTL_DATABASE_H
#define PROVCTL_DATABASE_H

#include "base/status.h"
#include "base/text.h"
#include "config.h"
#include "wire/json.h"
#include "wire/postgres.h"

/* Connects with the settings; times are in UTC. */
enum status database_open(struct postgres **ret_pg, const struct config *config, struct error *err);

enum { DATABASE_ROW_BYTES_MAX = 64 << 20 };

/* `sql` selects one text column that holds a JSON object, e.g. SELECT to_json(t)::text FROM (...)
 * t. The caller gives *ret_rows, an array, back. */
enum status database_rows(struct postgres *pg, const char *sql, const struct param *params,
                          int param_count, json_t **ret_rows, struct error *err);
/* What a person can do about this error; NULL: no advice. */
const char *database_advice(const struct error *err);
/* Says what is in `err`, with what to do about it; exit code. */
int database_complain(enum status status, const struct error *err);

#endif
