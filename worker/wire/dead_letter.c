#include "wire/dead_letter.h"

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"

/* Names that we write; originals of these names are replaced. */
static const char *const own_names[] = {
    "__connect.errors.topic",
    "__connect.errors.partition",
    "__connect.errors.offset",
    "__connect.errors.connector.name",
    "__connect.errors.task.id",
    "__connect.errors.stage",
    "__connect.errors.class.name",
    "__connect.errors.exception.class.name",
    "__connect.errors.exception.message",
    "__connect.errors.exception.stacktrace",
    "x-provd-error-code",
    "x-provd-stage",
    "x-provd-attempts",
    "x-provd-first-failed-at",
    "x-provd-redrive-count",
    "x-provd-result-id",
    "x-provd-truncated",
    "x-original-topic",
    "x-original-timestamp",
};

static bool is_own(struct text name)
{
    for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++) {
        if (text_equal_z(name, own_names[i]))
            return true;
    }
    return false;
}

/* Numbers that we wrote ourselves; anything longer is not ours. */
enum { EARLIER_BYTES_MAX = 32 };

struct header_list {
    struct kafka_header *items;
    size_t count;
};

static void add(struct header_list *list, const char *name, struct text value)
{
    list->items[list->count++] = (struct kafka_header){text_from(name), value};
}

/* What the record said of its earlier round, or `otherwise`. */
static struct text original(const struct dead_letter *letter, const char *name,
                            struct text otherwise)
{
    struct text value;
    bool has_one = kafka_message_header_named(letter->message, name, &value);
    return has_one && value.len <= EARLIER_BYTES_MAX ? value : otherwise;
}

static void add_connect(struct header_list *list, const struct dead_letter *letter,
                        struct arena *arena)
{
    add(list, "__connect.errors.topic", letter->topic);
    add(list, "__connect.errors.partition", text_format(arena, "%" PRId32, letter->partition));
    add(list, "__connect.errors.offset", text_format(arena, "%" PRId64, letter->offset));
    add(list, "__connect.errors.connector.name", TEXT("provd"));
    add(list, "__connect.errors.task.id", letter->worker);
    add(list, "__connect.errors.stage", text_from(letter->stage));
    add(list, "__connect.errors.class.name", TEXT("provd"));
    add(list, "__connect.errors.exception.class.name", text_from(letter->code));
    add(list, "__connect.errors.exception.message", letter->reason);
    add(list, "__connect.errors.exception.stacktrace", TEXT(""));
}

static void add_ours(struct header_list *list, const struct dead_letter *letter,
                     struct arena *arena)
{
    char id[UUID_TEXT_LEN + 1];
    struct text failed_at = text_format(arena, "%" PRId64, letter->failed_at_us / 1000);
    uuid_format(&letter->result_id, id);
    add(list, "x-provd-error-code", text_from(letter->code));
    add(list, "x-provd-stage", text_from(letter->stage));
    add(list, "x-provd-attempts", TEXT("1"));
    add(list, "x-provd-first-failed-at", original(letter, "x-provd-first-failed-at", failed_at));
    add(list, "x-provd-redrive-count", original(letter, "x-provd-redrive-count", TEXT("0")));
    add(list, "x-provd-result-id", text_copy(arena, text_from(id)));
    add(list, "x-original-topic", letter->topic);
    add(list, "x-original-timestamp", text_format(arena, "%" PRId64, letter->timestamp_ms));
    if (letter->is_truncated)
        add(list, "x-provd-truncated",
            text_format(arena, "%s at %.*s/%" PRId32 "/%" PRId64,
                        letter->is_bare ? "key, headers and value are" : "the value is",
                        TEXT_ARG(letter->topic), letter->partition, letter->offset));
}

struct kafka_header *dead_letter_headers(const struct dead_letter *letter, struct arena *arena,
                                         size_t *ret_count)
{
    size_t given = kafka_message_header_count(letter->message);
    struct header_list list = {
        .items = ARENA_ARRAY(arena, struct kafka_header, given + DEAD_LETTER_OWN_HEADERS_MAX)};
    struct text name, value;
    for (size_t h = 0; kafka_message_header(letter->message, h, &name, &value); h++) {
        if (!is_own(name) && !letter->is_bare)
            list.items[list.count++] = (struct kafka_header){name, value};
    }
    add_connect(&list, letter, arena);
    add_ours(&list, letter, arena);
    *ret_count = list.count;
    return list.items;
}
