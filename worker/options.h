/* The command line of provd. */
#ifndef PROVD_OPTIONS_H
#define PROVD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"

#define OPTIONS_DEFAULT_FILE "/etc/provd/provd.yaml"

struct options {
    const char *file;  /* --config, else $PROVD_CONFIG, else the default one if it is there; NULL:
                          none */
    const char **sets; /* "path=value" in order: --set, --lanes, -X */
    size_t set_count;
    bool only_check; /* --check-config */
    struct arena arena;
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_ANSWERED, /* --help, --version: printed to `out` */
    OPTIONS_WRONG,    /* said to `err` */
};

/* Reads argv. The caller closes *ret_options whatever the result is. */
enum options_result options_parse(struct options *ret_options, int argc, char **argv, FILE *out,
                                  FILE *err);
void options_close(struct options *options);

#endif
