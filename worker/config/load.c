/* The sources of settings in order: defaults, credentials, file, environment, flags. */
#include "config/setting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_BYTES_MAX = 64 * 1024, WARNINGS_MAX = 100 };

const char *const source_names[] = {"default", "credential", "file", "environment", "flag"};

static size_t index_of(const struct setting *setting)
{
    return (size_t)(setting - settings);
}

const char *config_getenv(const char *const *environment, struct text name)
{
    for (const char *const *entry = environment; *entry != NULL; entry++) {
        if (strncmp(*entry, name.data, name.len) == 0 && (*entry)[name.len] == '=')
            return *entry + name.len + 1;
    }
    return NULL;
}

static enum status read_open_file(int fd, const char *path, const char *what, size_t bytes_max,
                                  struct arena *arena, struct text *ret_text, struct error *err)
{
    struct stat about;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        return error_set(err, STATUS_FATAL, "FILE", "%s %s is not a plain file", what, path);
    if (about.st_size > (off_t)bytes_max)
        return error_set(err, STATUS_FATAL, "FILE", "%s %s is larger than %zu bytes", what, path,
                         bytes_max);
    char *content = arena_alloc(arena, (size_t)about.st_size + 1);
    size_t len = 0;
    while (len < (size_t)about.st_size) {
        ssize_t got = read(fd, content + len, (size_t)about.st_size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, STATUS_FATAL, "FILE", "%s %s cannot be read: %s", what, path,
                             strerror(errno));
        if (got == 0) /* became shorter meanwhile */
            break;
        len += (size_t)got;
    }
    content[len] = '\0';
    *ret_text = (struct text){content, len};
    return STATUS_OK;
}

enum status config_read_file(const char *path, const char *what, size_t bytes_max,
                             struct arena *arena, struct text *ret_text, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return error_set(err, STATUS_FATAL, "FILE", "%s %s cannot be opened: %s", what, path,
                         strerror(errno));
    enum status status = read_open_file(fd, path, what, bytes_max, arena, ret_text, err);
    close(fd);
    return status;
}

/* A secret's file: its content without the line end. */
static enum status set_from_file(struct config *config, const struct setting *setting,
                                 const char *path, struct error *err)
{
    struct arena *arena = &config->private->arena;
    struct text content;
    enum status status = config_read_file(path, "the file", SECRET_BYTES_MAX, arena, &content, err);
    if (status != STATUS_OK)
        return status;
    while (content.len > 0 && strchr("\r\n", content.data[content.len - 1]) != NULL)
        content.len--;
    if (memchr(content.data, '\0', content.len) != NULL)
        return error_set(err, STATUS_FATAL, "FILE", "the file %s holds a NUL byte", path);
    return setting_parse(setting, text_to_z(arena, content), config, arena, err);
}

static enum status set_defaults(struct config *config, struct error *err)
{
    struct arena *arena = &config->private->arena;
    for (size_t i = 0; i < setting_count; i++) {
        enum status status = setting_parse(&settings[i], settings[i].fallback, config, arena, err);
        if (status != STATUS_OK)
            return error_prefix(err, status, "default of %s", settings[i].path);
    }
    return STATUS_OK;
}

static bool is_secret(const struct setting *setting)
{
    return (setting->flags & (SETTING_SECRET | SETTING_HAS_SECRET)) != 0;
}

/* systemd's LoadCredential=database.password:/etc/... gives a file of that name. */
static enum status set_credentials(struct config *config, struct error *err)
{
    struct config_private *p = config->private;
    const char *directory = config_getenv(p->environment, TEXT("CREDENTIALS_DIRECTORY"));
    for (size_t i = 0; directory != NULL && i < setting_count; i++) {
        if (!is_secret(&settings[i]))
            continue;
        const char *path = text_format(&p->arena, "%s/%s", directory, settings[i].path).data;
        if (access(path, F_OK) != 0)
            continue;
        enum status status = set_from_file(config, &settings[i], path, err);
        if (status != STATUS_OK)
            return error_prefix(err, status, "credential %s", settings[i].path);
        p->sources[i] = SOURCE_CREDENTIAL;
    }
    return STATUS_OK;
}

/* Notes that `source` set the row. A secret cannot come both as a value and as a file. */
static enum status claim(struct config *config, const struct setting *setting, enum source source,
                         struct error *err)
{
    enum source *now = &config->private->sources[index_of(setting)];
    if (*now == source && is_secret(setting) && source < SOURCE_FLAG)
        return error_set(err, STATUS_FATAL, "TWICE", "%s and %s_file are both set: keep one",
                         setting->path, setting->path);
    *now = source;
    return STATUS_OK;
}

static enum status unknown_key(struct config *config, const char *path, struct error *err)
{
    const char *nearest = setting_nearest(path, &config->private->arena);
    return error_set(err, STATUS_FATAL, "UNKNOWN", "there is no setting %s%s%s%s",
                     text_quote(&config->private->arena, text_from(path), 100).data,
                     nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "?" : "");
}

/* One scalar from the file or a flag. */
static enum status set_path(struct config *config, const char *path, const char *value,
                            enum source source, struct error *err)
{
    struct arena *arena = &config->private->arena;
    size_t len = strlen(path);
    const char *property;
    const struct setting *setting = setting_find(path, len);
    enum status status = STATUS_OK;
    if (setting != NULL) {
        status = claim(config, setting, source, err);
        return status != STATUS_OK ? status : setting_parse(setting, value, config, arena, err);
    }
    if ((setting = setting_find_file(path, len)) != NULL) {
        status = claim(config, setting, source, err);
        return status != STATUS_OK ? status : set_from_file(config, setting, value, err);
    }
    if ((setting = setting_find_properties(path, &property)) != NULL) {
        config->private->sources[index_of(setting)] = source;
        return setting_add_property(setting, property, value, config, arena, err);
    }
    if (setting_is_section(path, len))
        return error_set(err, STATUS_FATAL, "SECTION", "it is a section, not a setting");
    return unknown_key(config, path, err);
}

/* --- file ----------------------------------------------------------------------------------------
 */

/* A key without a value stands for the default, so that a section may be empty; it must exist
 * though. */
static enum status check_known(struct config *config, const char *path, struct error *err)
{
    const char *property;
    size_t len = strlen(path);
    if (setting_find(path, len) == NULL && setting_find_file(path, len) == NULL &&
        setting_find_properties(path, &property) == NULL && !setting_is_section(path, len))
        return unknown_key(config, path, err);
    return STATUS_OK;
}

static enum status set_yaml_value(struct config *config, const struct yaml_value *value,
                                  struct error *err)
{
    size_t len = strlen(value->path);
    const struct setting *setting = setting_find(value->path, len);
    switch (value->kind) {
    case YAML_SCALAR:
        return value->is_null ? check_known(config, value->path, err)
                              : set_path(config, value->path, value->value, SOURCE_FILE, err);
    case YAML_SECTION:
        if (setting != NULL && setting->type == SETTING_PROPERTIES)
            setting_clear(setting, config);
        else if (!setting_is_section(value->path, len))
            return setting != NULL ? error_set(err, STATUS_FATAL, "TYPE", "it takes one value")
                                   : unknown_key(config, value->path, err);
        return STATUS_OK;
    case YAML_LIST:
        if (setting == NULL)
            return unknown_key(config, value->path, err);
        if (setting->type != SETTING_LIST)
            return error_set(err, STATUS_FATAL, "TYPE", "it takes one value, not a list");
        setting_clear(setting, config);
        return claim(config, setting, SOURCE_FILE, err);
    case YAML_ITEM:
        return setting_add_item(setting, value->value, config, &config->private->arena, err);
    }
    return STATUS_OK;
}

static enum status set_file(struct config *config, struct error *err)
{
    struct config_private *p = config->private;
    struct yaml_values values;
    if (p->file == NULL)
        return STATUS_OK;
    enum status status = yaml_read(p->file, p->environment, &p->arena, &values, err);
    for (size_t i = 0; status == STATUS_OK && i < values.count; i++) {
        const struct yaml_value *value = &values.items[i];
        status = set_yaml_value(config, value, err);
        if (status != STATUS_OK)
            return error_prefix(err, status, "%s:%d:%d: %s", p->file, value->line, value->column,
                                value->path);
    }
    return status;
}

/* --- environment -------------------------------------------------------------------------------
 */

void config_environment_name(const char *path, char ret_name[CONFIG_ENVIRONMENT_NAME_MAX])
{
    size_t len = (size_t)snprintf(ret_name, CONFIG_ENVIRONMENT_NAME_MAX, "PROVD_%s", path);
    for (size_t i = 0; i < len && i < CONFIG_ENVIRONMENT_NAME_MAX - 1; i++) {
        if (ret_name[i] == '.')
            ret_name[i] = '_';
        else if (ret_name[i] >= 'a' && ret_name[i] <= 'z')
            ret_name[i] = (char)(ret_name[i] - 'a' + 'A');
    }
}

/* The path that the name of a variable stands for, or NULL. `_FILE` may follow that of a secret. */
static const char *path_of_variable(struct text name, struct arena *arena)
{
    char known[CONFIG_ENVIRONMENT_NAME_MAX];
    for (size_t i = 0; i < setting_count; i++) {
        config_environment_name(settings[i].path, known);
        if (text_equal_z(name, known))
            return settings[i].path;
        if (is_secret(&settings[i]) && text_starts_with(name, known) &&
            text_equal_z(text_slice(name, strlen(known), SIZE_MAX), "_FILE"))
            return text_format(arena, "%s_file", settings[i].path).data;
    }
    return NULL;
}

static void warn(struct config_private *p, struct text name)
{
    if (p->warning_count == 0)
        p->warnings = ARENA_ARRAY(&p->arena, const char *, WARNINGS_MAX);
    if (p->warning_count < WARNINGS_MAX)
        p->warnings[p->warning_count++] = text_to_z(&p->arena, name);
}

/* Variables of that prefix which are no settings: the file's name, and what tests use. */
static bool is_other_variable(struct text name)
{
    return text_equal_z(name, "PROVD_CONFIG") || text_equal_z(name, "PROVD_ALLOW_PTRACE") ||
           text_starts_with(name, "PROVD_FAILPOINT") || text_starts_with(name, "PROVD_TEST_");
}

static enum status set_environment(struct config *config, struct error *err)
{
    struct config_private *p = config->private;
    for (const char *const *entry = p->environment; *entry != NULL; entry++) {
        struct text line = text_from(*entry);
        struct text name = text_slice(line, 0, text_find(line, '='));
        if (!text_starts_with(name, "PROVD_") || name.len == line.len)
            continue;
        const char *path = path_of_variable(name, &p->arena);
        if (path == NULL) {
            if (!is_other_variable(name))
                warn(p, name);
            continue;
        }
        enum status status = set_path(config, path, *entry + name.len + 1, SOURCE_ENVIRONMENT, err);
        if (status != STATUS_OK)
            return error_prefix(err, status, "environment %.*s", TEXT_ARG(name));
    }
    return STATUS_OK;
}

/* --- flags -------------------------------------------------------------------------------------
 */

static enum status set_flags(struct config *config, struct error *err)
{
    struct config_private *p = config->private;
    for (size_t i = 0; i < p->set_count; i++) {
        struct text set = text_from(p->sets[i]);
        size_t equals = text_find(set, '=');
        if (equals == SIZE_MAX || equals == 0)
            return error_set(err, STATUS_FATAL, "FLAG", "--set %s: write --set path=value",
                             text_quote(&p->arena, set, 100).data);
        const char *path = text_to_z(&p->arena, text_slice(set, 0, equals));
        enum status status = set_path(config, path, set.data + equals + 1, SOURCE_FLAG, err);
        if (status != STATUS_OK)
            return error_prefix(err, status, "--set %s", path);
    }
    return STATUS_OK;
}

enum status config_read_sources(struct config *config, struct error *err)
{
    static enum status (*const sources[])(struct config *, struct error *) = {
        set_defaults, set_credentials, set_file, set_environment, set_flags,
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        enum status status = sources[i](config, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
