#include "wire/json.h"

#include "base/memory.h"

#include <stdlib.h>

/* A document that lacks something because memory was out would be a document that says something
 * else. */
static void *allocate(size_t size)
{
    return memory_resize("json", NULL, size);
}

__attribute__((constructor)) static void take_over_memory(void)
{
    json_set_alloc_funcs(allocate, free);
}

json_t *json_from_text(struct text json, size_t bytes_max, struct error *err)
{
    json_error_t reason;
    json_t *document;

    if (json.data == NULL || json.len > bytes_max) {
        error_set(err, STATUS_FATAL, NULL, "JSON of %zu bytes: at most %zu are read", json.len,
                  bytes_max);
        return NULL;
    }
    document = json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &reason);
    if (document == NULL)
        error_set(err, STATUS_FATAL, NULL, "not valid JSON: line %d, column %d: %s", reason.line,
                  reason.column, reason.text);
    return document;
}

const char *json_member_z(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

bool json_member_int64(const json_t *object, const char *name, int64_t *ret_value)
{
    const json_t *member = json_object_get(object, name);

    if (!json_is_integer(member))
        return false;
    *ret_value = json_integer_value(member);
    return true;
}
