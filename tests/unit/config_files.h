/* What the tests of the settings share: a folder for files, loading with and without success. */
#ifndef PROVD_TESTS_CONFIG_FILES_H
#define PROVD_TESTS_CONFIG_FILES_H

#include "check.h"
#include "config.h"

/* A fresh folder, removed with its files at the end: for cmocka_run_group_tests. */
int make_folder(void **state);
int remove_folder(void **state);
/* Writes a file into the folder; the path lives until the next call with this slot (0..3). */
const char *write_file(int slot, const char *name, const void *bytes, size_t len);
const char *folder_path(void);

/* Loads YAML text with an environment ("NAME=value", ended by NULL; NULL: none) and flags. */
enum status load(const char *yaml, const char *const *environment, const char *const *sets,
                 struct config **ret_config, struct error *err);
/* The same, must succeed. */
struct config *load_good(const char *yaml, const char *const *environment, const char *const *sets);
/* Must fail with a message that has `part`. */
void load_bad(const char *yaml, const char *const *environment, const char *const *sets,
              const char *part);

#endif
