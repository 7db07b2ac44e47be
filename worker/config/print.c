/* The settings as text: what is in force, a documented file of defaults, a part of a man page. */
#include "config/setting.h"

#include <string.h>

enum { LINE_WIDTH = 100, PRINT_BYTES_MAX = 16 * 1024 * 1024 };

/* Opens the sections of `path` that those of `before` (NULL: none) have not opened yet. */
static void print_sections(FILE *out, const char *before, const char *path)
{
    const char *part = path;
    int depth = 0;
    bool shared = before != NULL;
    for (const char *dot; (dot = strchr(part, '.')) != NULL; part = dot + 1, depth++) {
        size_t len = (size_t)(dot - path) + 1;
        shared = shared && strncmp(before, path, len) == 0;
        if (shared)
            continue;
        if (depth == 0)
            fputc('\n', out);
        fprintf(out, "%*s%.*s:\n", 2 * depth, "", (int)(dot - part), part);
    }
}

static int depth_of(const char *path)
{
    int depth = 0;
    for (; *path != '\0'; path++)
        depth += *path == '.';
    return depth;
}

static const char *name_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL ? dot + 1 : path;
}

/* A double-quoted YAML scalar that the loader reads back as it was: no control characters are left
 * in values, and ${ would be expanded. */
static void print_quoted(FILE *out, struct text value)
{
    fputc('"', out);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (c == '"' || c == '\\')
            fputc('\\', out);
        if (c == '$' && i + 1 < value.len && value.data[i + 1] == '{')
            fputc('$', out);
        fputc(c, out);
    }
    fputc('"', out);
}

static bool is_text(const struct setting *setting)
{
    return setting->type == SETTING_STRING;
}

static void print_scalar(FILE *out, const struct setting *setting, const char *value)
{
    if (is_text(setting))
        print_quoted(out, text_from(value));
    else
        fputs(value, out);
}

static void print_list(FILE *out, const struct texts *list)
{
    fputc('[', out);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            fputs(", ", out);
        print_quoted(out, list->items[i]);
    }
    fputc(']', out);
}

static void print_properties(FILE *out, const struct config_properties *properties, int depth)
{
    if (properties->count == 0)
        fputs(" {}", out);
    for (size_t i = 0; i < properties->count; i++) {
        fprintf(out, "\n%*s", 2 * depth + 2, "");
        print_quoted(out, text_from(properties->items[i].name));
        fputs(": ", out);
        print_quoted(out, text_from(setting_shown_property(&properties->items[i])));
    }
}

static void print_setting(FILE *out, const struct setting *setting, const struct config *config,
                          struct arena *arena)
{
    int depth = depth_of(setting->path);
    const void *member = setting_member_const(setting, config);
    fprintf(out, "%*s%s:", 2 * depth, "", name_of(setting->path));
    if (setting->type == SETTING_PROPERTIES) {
        print_properties(out, member, depth);
        fputc('\n', out);
        return;
    }
    fputc(' ', out);
    if (setting->type == SETTING_LIST)
        print_list(out, member);
    else if (setting_is_hidden(setting, config))
        print_quoted(out, TEXT(SETTING_HIDDEN));
    else
        print_scalar(out, setting, setting_format(setting, config, arena));
    enum source source = config->private->sources[setting - settings];
    if (source != SOURCE_DEFAULT)
        fprintf(out, " # %s", source_names[source]);
    fputc('\n', out);
}

void config_print(const struct config *config, FILE *out)
{
    struct arena arena;
    arena_init(&arena, PRINT_BYTES_MAX, 0);
    for (size_t i = 0; i < setting_count; i++) {
        print_sections(out, i > 0 ? settings[i - 1].path : NULL, settings[i].path);
        print_setting(out, &settings[i], config, &arena);
    }
    arena_close(&arena);
}

/* --- documentation ------------------------------------------------------------------------------
 */

/* What the row says about its values: "1 to 64, default 2000; can be reloaded". */
static const char *describe(const struct setting *setting, struct arena *arena)
{
    struct text about = TEXT("");
    bool number = setting->type == SETTING_INT || setting->type == SETTING_DURATION ||
                  setting->type == SETTING_SIZE;
    if (number)
        about =
            text_format(arena, "%s to %s; ", setting_format_number(setting, setting->min, arena),
                        setting_format_number(setting, setting->max, arena));
    for (int i = 0; setting->type == SETTING_ENUM && setting->names[i] != NULL; i++)
        about = text_format(arena, "%.*s%s%s", TEXT_ARG(about), setting->names[i],
                            setting->names[i + 1] != NULL ? ", " : "; ");
    about = text_format(arena, "%.*s%s%s", TEXT_ARG(about),
                        *setting->fallback != '\0' ? "default " : "not set by default",
                        setting->fallback);
    if (setting->flags & SETTING_RELOADABLE)
        about = text_format(arena, "%.*s; reloadable", TEXT_ARG(about));
    if (setting->flags & (SETTING_SECRET | SETTING_HAS_SECRET))
        about = text_format(arena, "%.*s; also as %s_file, or a credential of that name",
                            TEXT_ARG(about), name_of(setting->path));
    return about.data;
}

/* Words in lines of at most LINE_WIDTH that all begin with `margin`. */
static void print_wrapped(FILE *out, const char *margin, struct text words)
{
    size_t room = LINE_WIDTH - strlen(margin);
    while (words.len > 0) {
        struct text line = text_slice(words, 0, room);
        size_t cut = words.len > room ? text_find_last(line, ' ') : line.len;
        if (cut == SIZE_MAX || cut == 0)
            cut = line.len;
        fprintf(out, "%s%.*s\n", margin, (int)cut, words.data);
        words = text_trim(text_slice(words, cut, SIZE_MAX));
    }
}

static void print_default(FILE *out, const struct setting *setting, struct config *defaults,
                          struct arena *arena)
{
    int depth = depth_of(setting->path);
    const char *margin = text_format(arena, "%*s# ", 2 * depth, "").data;
    print_wrapped(out, margin, text_from(setting->doc));
    print_wrapped(out, margin, text_format(arena, "(%s)", describe(setting, arena)));
    fprintf(out, "%*s#%s:", 2 * depth, "", name_of(setting->path));
    if (setting->type == SETTING_PROPERTIES) {
        fputs(" {}\n", out);
        return;
    }
    fputc(' ', out);
    if (setting->type == SETTING_LIST) {
        /* The list was checked with the table: the arena is the only thing that could be short. */
        setting_parse(setting, setting->fallback, defaults, arena, NULL);
        print_list(out, setting_member(setting, defaults));
    } else {
        print_scalar(out, setting, setting->fallback);
    }
    fputc('\n', out);
}

void config_print_defaults(FILE *out)
{
    struct arena arena;
    struct config defaults = {.lanes = 0};
    arena_init(&arena, PRINT_BYTES_MAX, 0);
    fputs("# Settings of provd. Everything is optional but kafka.brokers, database.url and a "
          "source of\n"
          "# schemas (registry.url or schemas.directory). Each can also be set in the environment\n"
          "# (kafka.group_id is PROVD_KAFKA_GROUP_ID) and with --set kafka.group_id=VALUE.\n"
          "# ${NAME} and ${NAME:default} in a value stand for variables of the environment.\n",
          out);
    for (size_t i = 0; i < setting_count; i++) {
        print_sections(out, i > 0 ? settings[i - 1].path : NULL, settings[i].path);
        print_default(out, &settings[i], &defaults, &arena);
    }
    arena_close(&arena);
}

/* scdoc reads _ and * as markup. */
static void print_scdoc(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("_*\\<#", *text) != NULL)
            fputc('\\', out);
        fputc(*text, out);
    }
}

void config_print_man(FILE *out)
{
    struct arena arena;
    char environment[CONFIG_ENVIRONMENT_NAME_MAX];
    arena_init(&arena, PRINT_BYTES_MAX, 0);
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *setting = &settings[i];
        config_environment_name(setting->path, environment);
        fputc('*', out);
        print_scdoc(out, setting->path);
        fputs("*\n\t", out);
        print_scdoc(out, setting->doc);
        fputs("\n\n\t(", out);
        print_scdoc(out, describe(setting, &arena));
        fputs("; ", out);
        print_scdoc(out, environment);
        fputs(")\n\n", out);
    }
    arena_close(&arena);
}
