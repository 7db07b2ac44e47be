/* vpopmail's flags (events.md, section 3). */
#ifndef PROVCTL_ACCOUNT_FLAGS_H
#define PROVCTL_ACCOUNT_FLAGS_H

#include <stdint.h>

enum { FLAGS_ALL = 0x7FFFF };

struct account_flag {
    const char *name; /* also the name of the option */
    int64_t mask;
};
extern const struct account_flag account_flag_table[]; /* ended by a NULL name */

#endif
