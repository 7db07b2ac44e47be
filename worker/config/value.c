/* Values of settings: from text into the struct, by type. */
#include "config/setting.h"

#include <string.h>
#include <strings.h>

enum { VALUE_BYTES_MAX = 64 * 1024, ITEMS_MAX = 1000, QUOTED_MAX = 80 };

/* The value in quotes for a message, or a word instead when it is secret. */
static const char *shown(const struct setting *setting, const char *raw, struct arena *arena)
{
    if (setting->flags & (SETTING_SECRET | SETTING_HAS_SECRET))
        return "the value (not shown)";
    return text_quote(arena, text_from(raw), QUOTED_MAX).data;
}

static enum status bad_range(const struct setting *setting, const char *raw, struct arena *arena,
                             struct error *err)
{
    return error_set(err, STATUS_FATAL, "RANGE", "%s is not in the range %s to %s",
                     shown(setting, raw, arena),
                     setting_format_number(setting, setting->min, arena),
                     setting_format_number(setting, setting->max, arena));
}

static enum status bad_unit(const struct setting *setting, const char *raw, struct arena *arena,
                            struct error *err)
{
    if (setting->type == SETTING_DURATION)
        return error_set(
            err, STATUS_FATAL, "UNIT",
            "%s is not a duration: write a whole number and ms, s, m, h or d, as in 500ms",
            shown(setting, raw, arena));
    if (setting->type == SETTING_SIZE)
        return error_set(
            err, STATUS_FATAL, "UNIT",
            "%s is not a size: write a whole number and B, KiB, MiB or GiB, as in 10MiB",
            shown(setting, raw, arena));
    return error_set(err, STATUS_FATAL, "NUMBER", "%s is not a whole number",
                     shown(setting, raw, arena));
}

static enum status parse_number(const struct setting *setting, const char *raw, int64_t *ret_value,
                                struct arena *arena, struct error *err)
{
    struct text t = text_trim(text_from(raw));
    size_t digits = 0;
    while (digits < t.len &&
           ((t.data[digits] >= '0' && t.data[digits] <= '9') || (digits == 0 && t.data[0] == '-')))
        digits++;
    struct text suffix = text_trim(text_slice(t, digits, SIZE_MAX));
    int64_t value;
    if (digits == 0 || digits > 19)
        return bad_unit(setting, raw, arena, err);
    if (!text_to_int64(text_slice(t, 0, digits), &value))
        return bad_unit(setting, raw, arena, err);
    const struct setting_unit *unit = setting_units(setting);
    if (suffix.len > 0 || (unit->name != NULL && value != 0)) {
        while (unit->name != NULL && !text_equal_z(suffix, unit->name))
            unit++;
        if (unit->name == NULL)
            return bad_unit(setting, raw, arena, err);
        if (__builtin_mul_overflow(value, unit->factor, &value))
            return bad_range(setting, raw, arena, err);
    }
    if (value < setting->min || value > setting->max)
        return bad_range(setting, raw, arena, err);
    *ret_value = value;
    return STATUS_OK;
}

static enum status parse_bool(const struct setting *setting, const char *raw, bool *ret_value,
                              struct arena *arena, struct error *err)
{
    static const char *const words[][2] = {{"false", "true"}, {"no", "yes"}, {"off", "on"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (int value = 0; value <= 1; value++) {
            if (strcasecmp(raw, words[i][value]) == 0) {
                *ret_value = value != 0;
                return STATUS_OK;
            }
        }
    }
    return error_set(err, STATUS_FATAL, "BOOL", "%s is neither true nor false",
                     shown(setting, raw, arena));
}

static enum status parse_enum(const struct setting *setting, const char *raw, int64_t *ret_value,
                              struct arena *arena, struct error *err)
{
    const char *choices = "";
    for (int i = 0; setting->names[i] != NULL; i++) {
        if (strcasecmp(raw, setting->names[i]) == 0) {
            *ret_value = i;
            return STATUS_OK;
        }
        choices = text_format(arena, "%s%s%s", choices, i == 0 ? "" : ", ", setting->names[i]).data;
    }
    return error_set(err, STATUS_FATAL, "CHOICE", "%s is not one of %s", shown(setting, raw, arena),
                     choices);
}

static enum status check_text(const struct setting *setting, struct text value, struct arena *arena,
                              struct error *err)
{
    if (value.len > VALUE_BYTES_MAX)
        return error_set(err, STATUS_FATAL, "LENGTH", "the value is longer than %d bytes",
                         VALUE_BYTES_MAX);
    if (!text_is_utf8(value) || text_has_control(value, ""))
        return error_set(err, STATUS_FATAL, "CHARACTERS",
                         "%s holds control characters or is not UTF-8",
                         shown(setting, text_to_z(arena, value), arena));
    return STATUS_OK;
}

void setting_clear(const struct setting *setting, struct config *config)
{
    static const struct kafka_property none[1] = {{NULL, NULL}};
    if (setting->type == SETTING_LIST)
        *(struct texts *)setting_member(setting, config) = (struct texts){NULL, 0};
    else if (setting->type == SETTING_PROPERTIES)
        *(struct config_properties *)setting_member(setting, config) =
            (struct config_properties){none, 0};
}

enum status setting_add_item(const struct setting *setting, const char *item, struct config *config,
                             struct arena *arena, struct error *err)
{
    struct texts *list = setting_member(setting, config);
    struct text value = text_trim(text_from(item));
    enum status status = check_text(setting, value, arena, err);
    if (status != STATUS_OK)
        return status;
    if (value.len == 0)
        return error_set(err, STATUS_FATAL, "EMPTY", "an item of the list is empty");
    if (list->count == ITEMS_MAX)
        return error_set(err, STATUS_FATAL, "LENGTH", "the list has more than %d items", ITEMS_MAX);
    struct text *items = ARENA_ARRAY(arena, struct text, list->count + 1);
    if (list->count > 0)
        memcpy(items, list->items, list->count * sizeof(*items));
    items[list->count] = text_copy(arena, value);
    *list = (struct texts){items, list->count + 1};
    return STATUS_OK;
}

static bool is_property_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= 100 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

enum status setting_add_property(const struct setting *setting, const char *name, const char *value,
                                 struct config *config, struct arena *arena, struct error *err)
{
    struct config_properties *properties = setting_member(setting, config);
    const char *refused = kafka_property_refused(name);
    if (refused != NULL)
        return error_set(err, STATUS_FATAL, "OWNED", "the worker owns librdkafka's %s: %s", name,
                         refused);
    enum status status = check_text(setting, text_from(value), arena, err);
    if (status != STATUS_OK)
        return status;
    if (!is_property_name(name))
        return error_set(err, STATUS_FATAL, "CHARACTERS",
                         "a property's name is 1 to 100 of a-z A-Z 0-9 . _ -");
    if (properties->count == ITEMS_MAX)
        return error_set(err, STATUS_FATAL, "LENGTH", "there are more than %d properties",
                         ITEMS_MAX);
    struct kafka_property *items = ARENA_ARRAY(arena, struct kafka_property, properties->count + 2);
    size_t count = 0;
    for (size_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->items[i].name, name) != 0)
            items[count++] = properties->items[i];
    }
    items[count++] = (struct kafka_property){text_to_z(arena, text_from(name)),
                                             text_to_z(arena, text_from(value))};
    *properties = (struct config_properties){items, count};
    return STATUS_OK;
}

/* "a, b" or "name=value; name=value": the form of the environment and of flags. */
static enum status parse_line(const struct setting *setting, const char *raw, struct config *config,
                              struct arena *arena, struct error *err)
{
    char separator = setting->type == SETTING_LIST ? ',' : ';';
    setting_clear(setting, config);
    for (struct text rest = text_trim(text_from(raw)); rest.len > 0;) {
        size_t end = text_find(rest, separator);
        struct text part = text_trim(text_slice(rest, 0, end));
        rest = end == SIZE_MAX ? TEXT_NULL : text_trim(text_slice(rest, end + 1, SIZE_MAX));
        enum status status;
        size_t equals = text_find(part, '=');
        if (setting->type == SETTING_LIST)
            status = setting_add_item(setting, text_to_z(arena, part), config, arena, err);
        else if (equals == SIZE_MAX)
            status = error_set(err, STATUS_FATAL, "PROPERTY",
                               "a property is not written as name=value, several separated by ;");
        else
            status = setting_add_property(
                setting, text_to_z(arena, text_trim(text_slice(part, 0, equals))),
                text_to_z(arena, text_trim(text_slice(part, equals + 1, SIZE_MAX))), config, arena,
                err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status setting_parse(const struct setting *setting, const char *raw, struct config *config,
                          struct arena *arena, struct error *err)
{
    void *member = setting_member(setting, config);
    enum status status = check_text(setting, text_from(raw), arena, err);
    if (status != STATUS_OK)
        return status;
    switch (setting->type) {
    case SETTING_STRING:
        *(const char **)member = text_to_z(arena, text_from(raw));
        return STATUS_OK;
    case SETTING_BOOL:
        return parse_bool(setting, raw, member, arena, err);
    case SETTING_INT:
    case SETTING_DURATION:
    case SETTING_SIZE:
        return parse_number(setting, raw, member, arena, err);
    case SETTING_ENUM:
        return parse_enum(setting, raw, member, arena, err);
    case SETTING_LIST:
    case SETTING_PROPERTIES:
        return parse_line(setting, raw, config, arena, err);
    }
    return STATUS_OK;
}
