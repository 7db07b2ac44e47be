/* Values of settings: from the struct to text, compared, copied. */
#include "config/setting.h"

#include <inttypes.h>
#include <string.h>

/* From the largest to the smallest; formatting takes the first that divides the value. */
static const struct setting_unit duration_units[] = {
    {"d", INT64_C(86400000)}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};
static const struct setting_unit size_units[] = {
    {"GiB", INT64_C(1) << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {NULL, 0},
};
static const struct setting_unit no_units[] = {{NULL, 0}};

const struct setting_unit *setting_units(const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_DURATION:
        return duration_units;
    case SETTING_SIZE:
        return size_units;
    default:
        return no_units;
    }
}

const char *setting_format_number(const struct setting *setting, int64_t value, struct arena *arena)
{
    const struct setting_unit *unit = setting_units(setting);
    if (unit->name == NULL || value == 0)
        return text_format(arena, "%" PRId64, value).data;
    while (value % unit->factor != 0)
        unit++;
    return text_format(arena, "%" PRId64 "%s", value / unit->factor, unit->name).data;
}

static const char *format_list(const struct texts *list, struct arena *arena)
{
    struct text line = TEXT("");
    for (size_t i = 0; i < list->count; i++)
        line = text_format(arena, "%.*s%s%.*s", TEXT_ARG(line), i == 0 ? "" : ", ",
                           TEXT_ARG(list->items[i]));
    return line.data;
}

const char *setting_shown_property(const struct kafka_property *property)
{
    static const char *const secret_parts[] = {"password", "secret", "token", "jaas", "pem"};
    for (size_t i = 0; i < sizeof(secret_parts) / sizeof(secret_parts[0]); i++) {
        if (strcasestr(property->name, secret_parts[i]) != NULL)
            return SETTING_HIDDEN;
    }
    return property->value;
}

static const char *format_properties(const struct config_properties *properties,
                                     struct arena *arena)
{
    struct text line = TEXT("");
    for (size_t i = 0; i < properties->count; i++)
        line =
            text_format(arena, "%.*s%s%s=%s", TEXT_ARG(line), i == 0 ? "" : "; ",
                        properties->items[i].name, setting_shown_property(&properties->items[i]));
    return line.data;
}

const char *setting_format(const struct setting *setting, const struct config *config,
                           struct arena *arena)
{
    const void *member = setting_member_const(setting, config);
    switch (setting->type) {
    case SETTING_STRING:
        return *(const char *const *)member;
    case SETTING_BOOL:
        return *(const bool *)member ? "true" : "false";
    case SETTING_INT:
    case SETTING_DURATION:
    case SETTING_SIZE:
        return setting_format_number(setting, *(const int64_t *)member, arena);
    case SETTING_ENUM:
        return setting->names[*(const int64_t *)member];
    case SETTING_LIST:
        return format_list(member, arena);
    case SETTING_PROPERTIES:
        return format_properties(member, arena);
    }
    return "";
}

static bool lists_equal(const struct texts *a, const struct texts *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++)
        equal = text_equal(a->items[i], b->items[i]);
    return equal;
}

static bool properties_equal(const struct config_properties *a, const struct config_properties *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++)
        equal = strcmp(a->items[i].name, b->items[i].name) == 0 &&
                strcmp(a->items[i].value, b->items[i].value) == 0;
    return equal;
}

bool setting_equal(const struct setting *setting, const struct config *a, const struct config *b)
{
    const void *x = setting_member_const(setting, a), *y = setting_member_const(setting, b);
    switch (setting->type) {
    case SETTING_STRING:
        return strcmp(*(const char *const *)x, *(const char *const *)y) == 0;
    case SETTING_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case SETTING_INT:
    case SETTING_DURATION:
    case SETTING_SIZE:
    case SETTING_ENUM:
        return *(const int64_t *)x == *(const int64_t *)y;
    case SETTING_LIST:
        return lists_equal(x, y);
    case SETTING_PROPERTIES:
        return properties_equal(x, y);
    }
    return false;
}

static struct texts copy_list(const struct texts *from, struct arena *arena)
{
    struct texts copy = {ARENA_ARRAY(arena, struct text, from->count), from->count};
    for (size_t i = 0; i < from->count; i++)
        copy.items[i] = text_copy(arena, from->items[i]);
    return copy;
}

static struct config_properties copy_properties(const struct config_properties *from,
                                                struct arena *arena)
{
    struct kafka_property *items = ARENA_ARRAY(arena, struct kafka_property, from->count + 1);
    for (size_t i = 0; i < from->count; i++)
        items[i] = (struct kafka_property){text_to_z(arena, text_from(from->items[i].name)),
                                           text_to_z(arena, text_from(from->items[i].value))};
    return (struct config_properties){items, from->count};
}

void setting_copy(const struct setting *setting, const struct config *from, struct config *to,
                  struct arena *arena)
{
    const void *source = setting_member_const(setting, from);
    void *target = setting_member(setting, to);
    switch (setting->type) {
    case SETTING_STRING:
        *(const char **)target = text_to_z(arena, text_from(*(const char *const *)source));
        break;
    case SETTING_BOOL:
        *(bool *)target = *(const bool *)source;
        break;
    case SETTING_INT:
    case SETTING_DURATION:
    case SETTING_SIZE:
    case SETTING_ENUM:
        *(int64_t *)target = *(const int64_t *)source;
        break;
    case SETTING_LIST:
        *(struct texts *)target = copy_list(source, arena);
        break;
    case SETTING_PROPERTIES:
        *(struct config_properties *)target = copy_properties(source, arena);
        break;
    }
}

/* A password inside of a URI (between the colon and the @) or of key=value words. */
static bool has_password(const char *url)
{
    const char *scheme_end = strstr(url, "://");
    if (strcasestr(url, "password") != NULL)
        return true;
    if (scheme_end == NULL)
        return false;
    const char *at = strrchr(scheme_end, '@');
    const char *colon = strchr(scheme_end + 3, ':');
    return at != NULL && colon != NULL && colon < at;
}

bool setting_is_hidden(const struct setting *setting, const struct config *config)
{
    if (!(setting->flags & (SETTING_SECRET | SETTING_HAS_SECRET)))
        return false;
    const char *value = *(const char *const *)setting_member_const(setting, config);
    return setting->flags & SETTING_SECRET ? *value != '\0' : has_password(value);
}
