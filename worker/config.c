/* Loading, reloading and closing of the settings. The table is in config/settings.c. */
#include "config.h"

#include "config/setting.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bounds of the sources keep far below; see config/yaml_file.c. */
enum { MEMORY_BYTES_MAX = 256 * 1024 * 1024, HOST_NAME_BYTES_MAX = 256 };

static void remember_options(struct config *config, const struct config_options *options)
{
    struct config_private *p = config->private;
    p->file = options->file != NULL ? text_to_z(&p->arena, text_from(options->file)) : NULL;
    p->sets = ARENA_ARRAY(&p->arena, const char *, options->set_count);
    p->set_count = options->set_count;
    for (size_t i = 0; i < options->set_count; i++)
        p->sets[i] = text_to_z(&p->arena, text_from(options->sets[i]));
    p->environment =
        options->environment != NULL ? options->environment : (const char *const *)environ;
}

static void name_worker(struct config *config)
{
    char host[HOST_NAME_BYTES_MAX];
    if (*config->worker_name != '\0')
        return;
    bool known = gethostname(host, sizeof(host)) == 0;
    host[sizeof(host) - 1] = '\0';
    config->worker_name = text_to_z(&config->private->arena, text_from(known ? host : "provd"));
}

/* The security settings under librdkafka's names, then what kafka.client says. */
static void merge_client_properties(struct config *config)
{
    struct arena *arena = &config->private->arena;
    const struct config_properties *given = &config->kafka.client;
    struct kafka_property *items =
        ARENA_ARRAY(arena, struct kafka_property, setting_count + given->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < setting_count; i++) {
        if (settings[i].kafka_property == NULL)
            continue;
        const char *value = *(const char *const *)setting_member_const(&settings[i], config);
        if (*value != '\0')
            items[count++] = (struct kafka_property){settings[i].kafka_property, value};
    }
    if (given->count > 0)
        memcpy(items + count, given->items, given->count * sizeof(*items));
    config->kafka.client_effective = (struct config_properties){items, count + given->count};
}

enum status config_load(struct config **ret_config, const struct config_options *options,
                        struct error *err)
{
    struct config *config = calloc(1, sizeof(*config));
    struct config_private *p = calloc(1, sizeof(*p));
    if (config == NULL || p == NULL) {
        free(config);
        free(p);
        return error_set(err, STATUS_FATAL, "MEMORY", "no memory for the settings");
    }
    config->private = p;
    arena_init(&p->arena, MEMORY_BYTES_MAX, 0);
    remember_options(config, options);
    enum status status = config_read_sources(config, err);
    if (status != STATUS_OK) {
        config_close(config);
        return status;
    }
    name_worker(config);
    merge_client_properties(config);
    *ret_config = config;
    return STATUS_OK;
}

void config_close(struct config *config)
{
    if (config == NULL)
        return;
    arena_close(&config->private->arena);
    free(config->private);
    free(config);
}

size_t config_warnings(const struct config *config, const char *const **ret_names)
{
    *ret_names = config->private->warnings;
    return config->private->warning_count;
}

static void take_over(struct config *config, const struct config *next,
                      struct config_reloaded *reloaded)
{
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *setting = &settings[i];
        if (setting_equal(setting, config, next))
            continue;
        if (!(setting->flags & SETTING_RELOADABLE)) {
            reloaded->needs_restart[reloaded->needs_restart_count++] = setting->path;
            continue;
        }
        setting_copy(setting, next, config, &config->private->arena);
        config->private->sources[i] = next->private->sources[i];
        reloaded->changed[reloaded->changed_count++] = setting->path;
    }
}

enum status config_reload(struct config *config, struct config_reloaded *ret_reloaded,
                          struct error *err)
{
    const struct config_private *p = config->private;
    struct config_options options = {
        .file = p->file,
        .sets = p->sets,
        .set_count = p->set_count,
        .environment = p->environment,
    };
    struct config *next;
    enum status status = config_load(&next, &options, err);
    if (status != STATUS_OK)
        return status;
    status = config_check(next, err);
    if (status == STATUS_OK) {
        *ret_reloaded = (struct config_reloaded){.changed_count = 0};
        take_over(config, next, ret_reloaded);
    }
    config_close(next);
    return status;
}

enum result_framing config_result_framing(const struct config *config)
{
    if (config->schemas.result_framing != RESULT_FRAMING_AUTO)
        return (enum result_framing)config->schemas.result_framing;
    return *config->registry.url != '\0' ? RESULT_FRAMING_CONFLUENT : RESULT_FRAMING_SINGLE_OBJECT;
}

struct hash_cost config_hash_cost(const struct config *config)
{
    static const int64_t good_rounds[] = {
        [HASH_SHA512_CRYPT] = 200000, [HASH_BLF_CRYPT] = 12, [HASH_YESCRYPT] = 5};
    const struct config_hashing *hashing = &config->hashing;
    struct hash_cost cost = {.scheme = (enum hash_scheme)hashing->scheme};
    if (cost.scheme == HASH_ARGON2ID) {
        cost.ops = hashing->passes;
        cost.memory_bytes = hashing->memory_bytes;
    } else {
        cost.ops = hashing->rounds != 0 ? hashing->rounds : good_rounds[cost.scheme];
    }
    return cost;
}
