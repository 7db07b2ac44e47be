/* Fuzzes the settings: the input is a YAML file, after a first line that is a flag of --set. What
 * loads must be printable, and what is printed must load again. */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { INPUT_BYTES_MAX = 64 * 1024 };

static struct config *load(const char *path, const char *set)
{
    static const char *const environment[] = {"HOST=h", "EMPTY=", NULL};
    struct config *config = NULL;
    struct error err = {.message = ""};
    const char *const sets[] = {set};
    const struct config_options options = {
        .file = path, .sets = sets, .set_count = set != NULL, .environment = environment};
    if (config_load(&config, &options, &err) != STATUS_OK)
        assert(config == NULL && *err.message != '\0');
    return config;
}

/* A file without a name, and the path to it. */
static int make_file(const void *bytes, size_t len, char ret_path[64])
{
    int fd = memfd_create("settings", MFD_CLOEXEC);
    assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    snprintf(ret_path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void print_and_load_again(const struct config *config)
{
    char path[64], *shown = NULL;
    size_t shown_len = 0;
    FILE *out = open_memstream(&shown, &shown_len);
    config_print(config, out);
    fclose(out);
    int fd = make_file(shown, shown_len, path);
    struct config *again = load(path, NULL);
    assert(again != NULL);
    config_close(again);
    close(fd);
    free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char path[64];
    if (len == 0 || len > INPUT_BYTES_MAX)
        return 0;
    const uint8_t *end = memchr(bytes, '\n', len);
    size_t set_len = end != NULL ? (size_t)(end - bytes) : 0;
    char *set = calloc(1, set_len + 1);
    assert(set != NULL);
    memcpy(set, bytes, set_len);
    size_t skip = end != NULL ? set_len + 1 : 0;
    int fd = make_file(bytes + skip, len - skip, path);
    struct config *config = load(path, *set != '\0' ? set : NULL);
    if (config != NULL) {
        struct error err;
        (void)config_check(config, &err);
        print_and_load_again(config);
    }
    config_close(config);
    close(fd);
    free(set);
    return 0;
}
