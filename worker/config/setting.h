/* A row of the table of settings, and what the files of this folder share. Private to
 * worker/config. */
#ifndef PROVD_CONFIG_SETTING_H
#define PROVD_CONFIG_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "config.h"

enum setting_type {
    SETTING_STRING,     /* const char * */
    SETTING_BOOL,       /* bool */
    SETTING_INT,        /* int64_t */
    SETTING_DURATION,   /* int64_t, milliseconds; written 500ms, 12s, 30m, 4h, 30d */
    SETTING_SIZE,       /* int64_t, bytes; written 512B, 64KiB, 10MiB, 1GiB */
    SETTING_ENUM,       /* int64_t, index into `names` */
    SETTING_LIST,       /* struct texts; a YAML sequence, or separated by commas */
    SETTING_PROPERTIES, /* struct config_properties; a YAML mapping, or name=value separated by ; */
};

enum setting_flags {
    SETTING_SECRET = 1,     /* never shown; also <path>_file and a credential of that name */
    SETTING_HAS_SECRET = 2, /* a URL: shown unless it holds a password */
    SETTING_RELOADABLE = 4,
};

struct setting {
    const char *path;
    enum setting_type type;
    unsigned flags;
    size_t offset;              /* of the member of struct config */
    const char *fallback;       /* the default, written as in a file; "" is not set */
    int64_t min, max;           /* of numbers, in the unit of the member */
    const char *const *names;   /* of an enum; ended by NULL */
    const char *kafka_property; /* what librdkafka calls it; NULL: it does not know it */
    const char *doc;            /* sentences; what it does, and when to change it */
};

extern const struct setting settings[];
extern const size_t setting_count;

/* --- values (value.c, value_format.c) --------------------------------------------------------- */

/* Reads `raw` into the member of `config`; lists and properties in the form of one line. `err` says
 * what is wrong, without the path and without the value of a secret. */
enum status setting_parse(const struct setting *setting, const char *raw, struct config *config,
                          struct arena *arena, struct error *err);
/* Adds one item to a list (the first call of a source clears what was there: setting_clear). */
void setting_clear(const struct setting *setting, struct config *config);
enum status setting_add_item(const struct setting *setting, const char *item, struct config *config,
                             struct arena *arena, struct error *err);
/* Sets one property, replacing one of the same name. */
enum status setting_add_property(const struct setting *setting, const char *name, const char *value,
                                 struct config *config, struct arena *arena, struct error *err);
/* The value as it would be written in a file: scalars, or a list in the form of one line. */
const char *setting_format(const struct setting *setting, const struct config *config,
                           struct arena *arena);
struct setting_unit {
    const char *name;
    int64_t factor;
};
/* Units of a duration or size, from the largest to the smallest, ended by a NULL name; none for
 * others. */
const struct setting_unit *setting_units(const struct setting *setting);
/* A duration or size in its largest exact unit. */
const char *setting_format_number(const struct setting *setting, int64_t value,
                                  struct arena *arena);
bool setting_equal(const struct setting *setting, const struct config *a, const struct config *b);
/* Copies the value, strings into `arena`. */
void setting_copy(const struct setting *setting, const struct config *from, struct config *to,
                  struct arena *arena);
#define SETTING_HIDDEN "***"
/* A property's value, or SETTING_HIDDEN when its name sounds like a secret. */
const char *setting_shown_property(const struct kafka_property *property);
/* True when the value must not be shown: a secret that is set, a URL with a password. */
bool setting_is_hidden(const struct setting *setting, const struct config *config);

static inline void *setting_member(const struct setting *setting, struct config *config)
{
    return (char *)config + setting->offset;
}
static inline const void *setting_member_const(const struct setting *setting,
                                               const struct config *config)
{
    return (const char *)config + setting->offset;
}

/* --- finding (find.c) ------------------------------------------------------------------------- */

/* The row of exactly that path, or NULL. */
const struct setting *setting_find(const char *path, size_t len);
/* The row whose value comes from the file that `path` (..._file) names, or NULL. */
const struct setting *setting_find_file(const char *path, size_t len);
/* The PROPERTIES row that `path` lies under, with the property's name, or NULL. */
const struct setting *setting_find_properties(const char *path, const char **ret_property);
/* True when rows lie under `path`. */
bool setting_is_section(const char *path, size_t len);
/* The known path that looks most like `path`, or NULL when none does. */
const char *setting_nearest(const char *path, struct arena *arena);

/* --- sources (load.c) ------------------------------------------------------------------------- */

enum source { SOURCE_DEFAULT, SOURCE_CREDENTIAL, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG };
extern const char *const source_names[];

struct config_private {
    struct arena arena; /* everything the config points to */
    const char *file;
    const char **sets;
    size_t set_count;
    const char *const *environment;
    enum source sources[CONFIG_SETTINGS_MAX];
    const char **warnings;
    size_t warning_count;
};

/* Fills in `config` from all sources in order. */
enum status config_read_sources(struct config *config, struct error *err);

/* --- YAML (yaml_file.c) ----------------------------------------------------------------------- */

enum yaml_kind {
    YAML_SCALAR,
    YAML_ITEM,    /* one item of the sequence at `path` */
    YAML_LIST,    /* a sequence begins */
    YAML_SECTION, /* a mapping begins */
};
struct yaml_value {
    enum yaml_kind kind;
    const char *path;  /* dotted */
    const char *value; /* of SCALAR and ITEM */
    bool is_null;      /* SCALAR: nothing, or ~ */
    int line, column;  /* from 1 */
};
struct yaml_values {
    struct yaml_value *items; /* in order of the file; each path but those of items occurs once */
    size_t count;
};
/* Reads and flattens a file, expands ${VAR}. `environment` as environ. */
enum status yaml_read(const char *path, const char *const *environment, struct arena *arena,
                      struct yaml_values *ret_values, struct error *err);

/* Reads a small file whole; `what` names it in errors ("configuration file"). */
enum status config_read_file(const char *path, const char *what, size_t bytes_max,
                             struct arena *arena, struct text *ret_text, struct error *err);
/* The variable's value, or NULL. */
const char *config_getenv(const char *const *environment, struct text name);

#endif
