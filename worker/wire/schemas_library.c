#include "wire/schemas_library.h"

#include "base/memory.h"
#include "wire/avro.h"
#include "wire/avro_names.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FOLDERS_DEPTH_MAX = 4 };

static const char suffix[] = ".avsc";

void library_add(struct library *library, struct text json)
{
    struct library_schema *item = &library->items[library->count];
    uint64_t fingerprint;

    if (library->count == LIBRARY_SCHEMAS_MAX || !schema_fingerprint(json, &fingerprint) ||
        library_find(library, fingerprint).data != NULL)
        return;
    item->json = memory_resize("schemas", NULL, json.len + 1);
    memcpy(item->json, json.data, json.len);
    item->json[json.len] = '\0';
    item->fingerprint = fingerprint;
    library->count++;
}

struct text library_find(const struct library *library, uint64_t fingerprint)
{
    for (size_t i = 0; i < library->count; i++)
        if (library->items[i].fingerprint == fingerprint)
            return text_from(library->items[i].json);
    return TEXT_NULL;
}

void library_close(struct library *library)
{
    for (size_t i = 0; i < library->count; i++)
        free(library->items[i].json);
    library->count = 0;
}

char *schema_file_read(const char *path, struct error *err)
{
    char *json = memory_resize("schemas", NULL, AVRO_SCHEMA_BYTES_MAX + 1);
    FILE *file = fopen(path, "re");
    size_t len;

    if (file == NULL) {
        error_set(err, STATUS_FATAL, NULL, "schema file %s: %s", path, strerror(errno));
        free(json);
        return NULL;
    }
    len = fread(json, 1, AVRO_SCHEMA_BYTES_MAX + 1, file);
    if (ferror(file) || len > AVRO_SCHEMA_BYTES_MAX) {
        error_set(err, STATUS_FATAL, NULL,
                  "schema file %s: cannot be read, or larger than %d bytes", path,
                  AVRO_SCHEMA_BYTES_MAX);
        free(json);
        json = NULL;
    } else {
        json[len] = '\0';
    }
    fclose(file);
    return json;
}

static bool is_schema_name(const char *name)
{
    size_t len = strlen(name);

    return len > sizeof suffix - 1 && strcmp(name + len - (sizeof suffix - 1), suffix) == 0;
}

static void add_file(struct library *library, const char *path)
{
    char *json = schema_file_read(path, NULL);

    if (json != NULL)
        library_add(library, text_from(json));
    free(json);
}

static void scan(struct library *library, DIR *dir, const char *path, int depth)
{
    struct dirent *entry;
    char below[PATH_MAX];
    struct stat st;

    while ((entry = readdir(dir)) != NULL) {
        int len = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);

        if (entry->d_name[0] == '.' || len >= (int)sizeof below || stat(below, &st) != 0)
            continue;
        if (S_ISREG(st.st_mode) && is_schema_name(entry->d_name)) {
            add_file(library, below);
        } else if (S_ISDIR(st.st_mode) && depth < FOLDERS_DEPTH_MAX) {
            DIR *folder = opendir(below);

            if (folder != NULL) {
                scan(library, folder, below, depth + 1);
                closedir(folder);
            }
        }
    }
}

enum status library_scan(struct library *library, const char *directory, struct error *err)
{
    DIR *dir = opendir(directory);

    if (dir == NULL)
        return error_set(err, STATUS_FATAL, NULL, "schema directory %s: %s", directory,
                         strerror(errno));
    scan(library, dir, directory, 0);
    closedir(dir);
    return STATUS_OK;
}
