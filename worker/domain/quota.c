#include "domain/quota.h"

#include <stddef.h>

/* What may stand behind a number, and what it counts. */
struct unit {
    const char *name;
    int64_t factor;
    bool is_messages;
};

static const struct unit units[] = {
    {"", 1, false},      {"B", 1, false},
    {"S", 1, false},     {"K", 1024, false},
    {"KB", 1024, false}, {"M", INT64_C(1024) * 1024, false},
    {"C", 1, true},      {"MB", 1024 * 1024, false},
};

static const struct unit *unit_find(struct text name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (text_equal_nocase(name, text_from(units[i].name)))
            return &units[i];
    }
    return NULL;
}

static size_t digits_of(struct text text)
{
    size_t n = 0;
    while (n < text.len && text.data[n] >= '0' && text.data[n] <= '9')
        n++;
    return n;
}

/* "NUMBER UNIT" without a space between them. */
static bool parse_part(struct text text, const struct unit **ret_unit, int64_t *ret_value)
{
    int64_t number;
    size_t digits = digits_of(text);
    const struct unit *unit = unit_find(text_slice(text, digits, SIZE_MAX));
    if (digits == 0 || !unit || !text_to_int64(text_slice(text, 0, digits), &number))
        return false;
    if (__builtin_mul_overflow(number, unit->factor, ret_value))
        return false;
    *ret_unit = unit;
    return true;
}

static bool is_named(const struct unit *unit, const char *name)
{
    return text_equal_z(text_from(unit->name), name);
}

/* "NS,NC": the only pair. */
static bool parse_pair(struct text first, struct text second, struct quota *ret_quota)
{
    const struct unit *size, *count;
    struct quota quota;
    if (!parse_part(first, &size, &quota.bytes) || !is_named(size, "S"))
        return false;
    if (!parse_part(second, &count, &quota.messages) || !is_named(count, "C"))
        return false;
    *ret_quota = quota;
    return true;
}

bool quota_parse(struct text text, struct quota *ret_quota)
{
    const struct unit *unit;
    int64_t value;
    if (text_equal_nocase(text, TEXT("NOQUOTA"))) {
        *ret_quota = (struct quota){0, 0};
        return true;
    }
    size_t comma = text_find(text, ',');
    if (comma != SIZE_MAX)
        return parse_pair(text_slice(text, 0, comma), text_slice(text, comma + 1, SIZE_MAX),
                          ret_quota);
    if (!parse_part(text, &unit, &value))
        return false;
    *ret_quota = unit->is_messages ? (struct quota){0, value} : (struct quota){value, 0};
    return true;
}
