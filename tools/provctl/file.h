/* Whole files of bounded size. */
#ifndef PROVCTL_FILE_H
#define PROVCTL_FILE_H

#include <stddef.h>

#include "base/status.h"
#include "base/text.h"

struct arena;

/* "-" is standard input. FATAL when it cannot be read or is larger than `bytes_max`. */
enum status file_read(const char *path, size_t bytes_max, struct arena *arena,
                      struct text *ret_text, struct error *err);

#endif
