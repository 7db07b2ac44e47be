/* The Schema Registry by its Confluent API, as an operator uses it: registering, and what is
 * compatible. (The worker's wire/registry.h only reads, with caches and patience.) */
#ifndef PROVCTL_REGISTRAR_H
#define PROVCTL_REGISTRAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "config.h"
#include "wire/json.h"

struct registrar;

/* Does not ask the registry yet. NULL with `err` when the settings cannot be used. */
struct registrar *registrar_open(const struct config *config, struct error *err);
void registrar_close(struct registrar *registrar); /* NULL is fine */

/* The numbers of the versions of a subject, as a JSON array (empty: no such subject); the caller
 * gives it back. */
enum status registrar_versions(struct registrar *registrar, const char *subject,
                               json_t **ret_versions, struct error *err);
/* Under which version and id the subject has this very schema; *ret_version 0: it has it not. */
enum status registrar_lookup(struct registrar *registrar, const char *subject, const char *schema,
                             int64_t *ret_version, int64_t *ret_id, struct error *err);
/* Is it compatible with what is there? `ret_reason` (in the arena) says why not. */
enum status registrar_is_compatible(struct registrar *registrar, const char *subject,
                                    const char *schema, struct arena *arena,
                                    bool *ret_is_compatible, struct text *ret_reason,
                                    struct error *err);
/* FATAL when the registry refuses the schema. */
enum status registrar_register(struct registrar *registrar, const char *subject, const char *schema,
                               int64_t *ret_id, struct error *err);
/* The level of the subject itself; null when it has none of its own. */
enum status registrar_level(struct registrar *registrar, const char *subject, struct arena *arena,
                            struct text *ret_level, struct error *err);
enum status registrar_set_level(struct registrar *registrar, const char *subject, const char *level,
                                struct error *err);

#endif
