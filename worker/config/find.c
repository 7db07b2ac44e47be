/* Finding settings by their path, and what a misspelt path may have meant. */
#include "config/setting.h"

#include <string.h>

static const char FILE_SUFFIX[] = "_file";

const struct setting *setting_find(const char *path, size_t len)
{
    for (size_t i = 0; i < setting_count; i++) {
        if (strlen(settings[i].path) == len && memcmp(settings[i].path, path, len) == 0)
            return &settings[i];
    }
    return NULL;
}

const struct setting *setting_find_file(const char *path, size_t len)
{
    size_t suffix = strlen(FILE_SUFFIX);
    if (len <= suffix || memcmp(path + len - suffix, FILE_SUFFIX, suffix) != 0)
        return NULL;
    const struct setting *setting = setting_find(path, len - suffix);
    return setting != NULL && setting->flags & (SETTING_SECRET | SETTING_HAS_SECRET) ? setting
                                                                                     : NULL;
}

const struct setting *setting_find_properties(const char *path, const char **ret_property)
{
    for (size_t i = 0; i < setting_count; i++) {
        size_t len = strlen(settings[i].path);
        if (settings[i].type == SETTING_PROPERTIES && strncmp(settings[i].path, path, len) == 0 &&
            path[len] == '.' && path[len + 1] != '\0') {
            *ret_property = path + len + 1;
            return &settings[i];
        }
    }
    return NULL;
}

bool setting_is_section(const char *path, size_t len)
{
    for (size_t i = 0; i < setting_count; i++) {
        if (strncmp(settings[i].path, path, len) == 0 && settings[i].path[len] == '.')
            return true;
    }
    return false;
}

/* Levenshtein's distance with one row. Both texts are paths: short. */
enum { PATH_MAX_COMPARED = 128 };

static size_t edit_distance(const char *a, const char *b)
{
    size_t row[PATH_MAX_COMPARED + 1];
    size_t a_len = strnlen(a, PATH_MAX_COMPARED), b_len = strnlen(b, PATH_MAX_COMPARED);
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
            size_t moved = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = substituted < moved ? substituted : moved;
        }
    }
    return row[b_len];
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL ? dot + 1 : path;
}

/* Also known by its last part alone: "brokers" is kafka.brokers. */
static size_t distance(const char *given, const char *known)
{
    if (strcmp(last_part(given), last_part(known)) == 0)
        return 1;
    return edit_distance(given, known);
}

const char *setting_nearest(const char *path, struct arena *arena)
{
    const char *nearest = NULL;
    size_t best = strlen(path) / 3 + 2; /* a third of the letters may be wrong */
    for (size_t i = 0; i < setting_count; i++) {
        const char *known = settings[i].path;
        size_t d = distance(path, known);
        if (d < best) {
            best = d;
            nearest = known;
        }
        if (!(settings[i].flags & (SETTING_SECRET | SETTING_HAS_SECRET)))
            continue;
        const char *known_file = text_format(arena, "%s%s", known, FILE_SUFFIX).data;
        d = distance(path, known_file);
        if (d < best) {
            best = d;
            nearest = known_file;
        }
    }
    return nearest;
}
