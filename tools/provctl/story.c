#include "story.h"

#include <string.h>

enum { VALUE_WIDTH_MAX = 40, STORY_BYTES_MAX = 4096 };

static const char *value_of(const json_t *list, const char *name)
{
    size_t index;
    json_t *field;

    json_array_foreach(list, index, field)
    {
        const char *own = json_member_z(field, "name");
        if (own && strcmp(own, name) == 0)
            return json_member_z(field, "value");
    }
    return NULL;
}

static void put_value(struct buffer *out, const char *value)
{
    size_t len = value ? strlen(value) : 0;

    if (!value)
        buffer_printf(out, "-");
    else if (len <= VALUE_WIDTH_MAX)
        buffer_put(out, value, len);
    else
        buffer_printf(out, "(%zu bytes)", len);
}

/* "quota_bytes: 1 > 2" for a field that was there before and is there after. */
static void put_field(struct buffer *out, const char *name, const char *before, const char *after,
                      bool has_both)
{
    if (out->len)
        buffer_printf(out, ", ");
    buffer_printf(out, "%s: ", name);
    if (has_both) {
        put_value(out, before);
        buffer_printf(out, " > ");
    }
    put_value(out, after ? after : has_both ? NULL : before);
}

/* What was changed, in a line. */
static void put_fields(struct buffer *out, const json_t *change)
{
    const json_t *before = json_object_get(change, "before");
    const json_t *after = json_object_get(change, "after");
    const json_t *longer = json_array_size(after) ? after : before;
    bool has_both = json_array_size(before) && json_array_size(after);
    size_t index;
    json_t *field;

    json_array_foreach(longer, index, field)
    {
        const char *name = json_member_z(field, "name");
        if (name)
            put_field(out, name, value_of(before, name), value_of(after, name), has_both);
    }
}

json_t *story_of_change(const json_t *change)
{
    struct buffer what;
    json_t *row;

    if (json_object_get(change, "error"))
        return json_deep_copy(change);
    buffer_init(&what, STORY_BYTES_MAX);
    put_fields(&what, change);
    row = json_pack("{sO? sO? sO? sO? sO? ss%}", "at", json_object_get(change, "recorded_at"),
                    "action", json_object_get(change, "action"), "object",
                    json_object_get(change, "object_id"), "by",
                    json_object_get(json_object_get(change, "actor"), "id"), "kind",
                    json_object_get(change, "kind"), "what", what.data ? what.data : "", what.len);
    buffer_close(&what);
    return row;
}

json_t *story_of_result(const json_t *result)
{
    if (json_object_get(result, "error"))
        return json_deep_copy(result);
    return json_pack("{sO? sO? sO? sO? sO? sO?}", "at", json_object_get(result, "applied_at"),
                     "status", json_object_get(result, "status"), "code",
                     json_object_get(result, "code"), "kind", json_object_get(result, "kind"),
                     "message", json_object_get(result, "message"), "event_id",
                     json_object_get(result, "event_id"));
}

json_t *story_of_all(const json_t *list, json_t *(*shorten)(const json_t *item))
{
    json_t *rows = json_array();
    size_t index;
    json_t *item;

    json_array_foreach(list, index, item) json_array_append_new(rows, shorten(item));
    return rows;
}

static json_t *or_error(json_t *decoded, const struct error *err)
{
    return decoded ? decoded : json_pack("{ss}", "error", err->message);
}

enum status story_changes(struct postgres *pg, struct shelf *shelf, const char *sql,
                          const struct param *params, int param_count, json_t **ret_changes,
                          struct error *err)
{
    struct result *result;
    enum status status = postgres_query(pg, sql, params, param_count, &result, err);
    struct buffer bytes;

    if (status != STATUS_OK)
        return status;
    *ret_changes = json_array();
    buffer_init(&bytes, DATABASE_ROW_BYTES_MAX);
    for (int i = 0; i < result_rows(result); i++) {
        struct error reason;
        buffer_clear(&bytes);
        buffer_put_text(&bytes, result_text(result, i, result_column(result, "body")));
        buffer_put_text(&bytes, result_text(result, i, result_column(result, "hash")));
        json_array_append_new(
            *ret_changes,
            or_error(shelf_decode_change(shelf, buffer_text(&bytes), &reason), &reason));
    }
    buffer_close(&bytes);
    result_close(result);
    return STATUS_OK;
}

enum status story_results(struct postgres *pg, struct shelf *shelf, const char *sql,
                          const struct param *params, int param_count, json_t **ret_results,
                          struct error *err)
{
    struct result *result;
    enum status status = postgres_query(pg, sql, params, param_count, &result, err);

    if (status != STATUS_OK)
        return status;
    *ret_results = json_array();
    for (int i = 0; i < result_rows(result); i++) {
        struct error reason;
        struct text value = result_text(result, i, result_column(result, "result"));
        if (!text_is_null(value))
            json_array_append_new(*ret_results, or_error(shelf_decode(shelf, RECORD_RESULT, value,
                                                                      TEXT_NULL, NULL, &reason),
                                                         &reason));
    }
    result_close(result);
    return STATUS_OK;
}

json_t *story_without_nulls(json_t *object)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, key, value)
    {
        if (json_is_null(value))
            json_object_del(object, key);
    }
    return object;
}
