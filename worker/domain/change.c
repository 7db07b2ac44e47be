#include "domain/change.h"

#include <assert.h>
#include <inttypes.h>
#include <time.h>

#include "base/arena.h"

const char *const change_action_names[] = {"CREATE",  "UPDATE", "DELETE",   "PURGE", "RESTORE",
                                           "REFUSED", "FANOUT", "OPERATOR", NULL};

enum { US_PER_S = 1000000 };

/* RFC 3339, UTC, microseconds. */
static struct text time_text(int64_t unix_us, struct arena *arena)
{
    int64_t micros = unix_us % US_PER_S;
    time_t seconds = (time_t)(unix_us / US_PER_S);
    if (micros < 0) {
        micros += US_PER_S;
        seconds--;
    }
    struct tm tm;
    gmtime_r(&seconds, &tm);
    return text_format(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%06" PRId64 "Z", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, micros);
}

/* By hand: a change record has half a dozen numbers, and printf took a twentieth of a lane's time.
 */
static struct text number_text(int64_t number, struct arena *arena)
{
    enum { DIGITS_MAX = 20 };
    char digits[DIGITS_MAX];
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    size_t first = DIGITS_MAX;
    do {
        digits[--first] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0)
        digits[--first] = '-';
    size_t len = DIGITS_MAX - first;
    return text_copy(arena, (struct text){digits + first, len});
}

struct text cell_text(const struct column *column, const union cell *cell, struct arena *arena)
{
    if (cell_is_null(column, cell))
        return TEXT_NULL;
    if (column->flags & COLUMN_SECRET)
        return TEXT("***");
    switch (column->type) {
    case COLUMN_TEXT:
        return cell->text;
    case COLUMN_UUID: {
        char *z = arena_alloc(arena, UUID_TEXT_LEN + 1);
        uuid_format(&cell->uuid, z);
        return (struct text){z, UUID_TEXT_LEN};
    }
    case COLUMN_BOOL:
        return cell->number ? TEXT("true") : TEXT("false");
    case COLUMN_ENUM:
        return text_from(column->names[cell->number]);
    case COLUMN_TIME:
        return time_text(cell->number, arena);
    case COLUMN_INT8:
    case COLUMN_INT4:
    case COLUMN_INT2:
        break;
    }
    return number_text(cell->number, arena);
}

size_t change_columns(const struct noun *noun, const struct row *before, const struct row *after,
                      struct column_change ret_found[CHANGE_COLUMNS_MAX])
{
    size_t count = 0;
    assert(noun->column_count <= CHANGE_COLUMNS_MAX);
    for (const struct column *c = noun->columns; c->name; c++) {
        if (!(c->flags & COLUMN_AUDITED))
            continue;
        const union cell null = c->type == COLUMN_TEXT || c->type == COLUMN_UUID
                                    ? (union cell){.text = TEXT_NULL}
                                    : (union cell){.number = INT_NULL};
        union cell a = before ? column_get(c, before) : null;
        union cell b = after ? column_get(c, after) : null;
        if (!cell_equal(c, &a, &b))
            ret_found[count++] = (struct column_change){c, a, b};
    }
    return count;
}
