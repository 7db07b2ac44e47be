#include "config_files.h"

#include <dirent.h>
#include <unistd.h>

static char folder[64];

int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/provd-config-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

int remove_folder(void **state)
{
    (void)state;
    char path[512];
    DIR *directory = opendir(folder);
    for (const struct dirent *entry; directory && (entry = readdir(directory)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(directory);
    return rmdir(folder);
}

const char *folder_path(void)
{
    return folder;
}

const char *write_file(int slot, const char *name, const void *bytes, size_t len)
{
    static char paths[4][512];
    snprintf(paths[slot], sizeof(paths[slot]), "%s/%s", folder, name);
    FILE *file = fopen(paths[slot], "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return paths[slot];
}

enum status load(const char *yaml, const char *const *environment, const char *const *sets,
                 struct config **ret_config, struct error *err)
{
    static const char *const nothing[] = {NULL};
    struct config_options options = {
        .environment = environment != NULL ? environment : nothing,
        .sets = sets != NULL ? sets : nothing,
    };
    while (options.sets[options.set_count] != NULL)
        options.set_count++;
    if (yaml != NULL)
        options.file = write_file(0, "provd.yaml", yaml, strlen(yaml));
    return config_load(ret_config, &options, err);
}

struct config *load_good(const char *yaml, const char *const *environment, const char *const *sets)
{
    struct config *config = NULL;
    struct error err = {0};
    if (load(yaml, environment, sets, &config, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return config;
}

void load_bad(const char *yaml, const char *const *environment, const char *const *sets,
              const char *part)
{
    struct config *config = NULL;
    struct error err = {0};
    assert_int_equal(load(yaml, environment, sets, &config, &err), STATUS_FATAL);
    assert_null(config);
    assert_contains(err.message, part);
}
