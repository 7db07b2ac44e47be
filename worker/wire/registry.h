/* A Schema Registry with Confluent's interface, asked for the schemas of incoming records and for
 * the ids of our own. Nothing is registered here and nothing cached (schemas.c does that).
 *
 * What the registry says of an id (there is none, it is no Avro) is told apart from the registry
 * not being there: not reachable, 401, 403, 429, 5xx, a page that is no registry's. The latter is
 * RETRY. */
#ifndef PROVD_WIRE_REGISTRY_H
#define PROVD_WIRE_REGISTRY_H

#include "base/status.h"
#include "base/text.h"
#include "base/uuid.h"
#include "wire/http.h"

enum registry_answer {
    REGISTRY_FOUND,
    REGISTRY_ABSENT,   /* it says that there is none */
    REGISTRY_UNUSABLE, /* there is one, but not for us: err says why */
};

struct registry;
/* FATAL: the URL has credentials in it, or is none. */
enum status registry_open(struct registry **ret_registry, const char *url,
                          const struct http_options *options, struct error *err);
void registry_close(struct registry *registry); /* NULL is fine */

/* Appends the schema of an id or a GUID to `json`, with the schemas that it refers to put in place.
 */
enum status registry_schema_of_id(struct registry *registry, uint32_t id, struct buffer *json,
                                  enum registry_answer *ret_answer, struct error *err);
enum status registry_schema_of_guid(struct registry *registry, const struct uuid *guid,
                                    struct buffer *json, enum registry_answer *ret_answer,
                                    struct error *err);
/* The id that a schema has under a subject. */
enum status registry_id_of_schema(struct registry *registry, const char *subject,
                                  const char *schema_json, uint32_t *ret_id,
                                  enum registry_answer *ret_answer, struct error *err);

#endif
