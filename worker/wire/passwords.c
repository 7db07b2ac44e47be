#include "wire/passwords.h"

#include "base/arena.h"
#include "wire/postgres.h"

/* Kept from batch to batch. A lane has one thread. */
static struct array arrays[3];

static enum status send_names(struct postgres *pg, const struct stored_password *items,
                              size_t count, struct error *err)
{
    array_begin(&arrays[0], ARRAY_TEXT);
    array_begin(&arrays[1], ARRAY_TEXT);
    array_begin(&arrays[2], ARRAY_UUID);
    for (size_t i = 0; i < count; i++) {
        const struct ref *ref = &items[i].ref;
        array_add_text(&arrays[0], items[i].context);
        array_add_text(&arrays[1], uuid_is_nil(&ref->uuid) ? ref->address : TEXT_NULL);
        array_add_uuid(&arrays[2], &ref->uuid);
    }
    const struct param params[] = {array_param(&arrays[0]), array_param(&arrays[1]),
                                   array_param(&arrays[2])};
    enum status status = postgres_send(pg, "load_passwords", params, 3, err);
    return status == STATUS_OK ? postgres_sync(pg, err) : status;
}

static enum status take_hashes(const struct result *result, struct stored_password *items,
                               size_t count, struct arena *arena, struct error *err)
{
    for (int row = 0; row < result_rows(result); row++) {
        int64_t number = result_int(result, row, 0);
        if (number < 1 || number > (int64_t)count)
            return error_set(err, STATUS_FATAL, NULL,
                             "load_passwords answers a question that was not asked");
        struct stored_password *item = &items[number - 1];
        item->is_found = true;
        item->uuid = result_uuid(result, row, 1);
        item->hash = text_copy(arena, result_text(result, row, 2));
    }
    return STATUS_OK;
}

static enum status read_hashes(struct postgres *pg, struct stored_password *items, size_t count,
                               struct arena *arena, struct error *err)
{
    struct result *result;
    enum status status = postgres_result(pg, &result, err);
    if (status != STATUS_OK)
        return status;
    status = take_hashes(result, items, count, arena, err);
    result_close(result);
    return status == STATUS_OK ? postgres_drain(pg, err) : status;
}

enum status passwords_load(struct postgres *pg, struct stored_password *items, size_t count,
                           struct arena *arena, struct error *err)
{
    enum status status = send_names(pg, items, count, err);
    if (status == STATUS_OK)
        status = read_hashes(pg, items, count, arena, err);
    postgres_clear_after(pg, status);
    return status;
}
