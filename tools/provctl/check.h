/* What the files of `provctl check` share: findings, and a function for each far end. */
#ifndef PROVCTL_CHECK_H
#define PROVCTL_CHECK_H

#include "command.h"

struct check {
    struct invocation *invocation;
    size_t failed, warnings;
};

enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_FAILED };

/* One finding: about what, how it is, and what is to be done (NULL: nothing). */
void check_find(struct check *check, const char *what, enum verdict verdict, const char *found,
                const char *advice);
/* The same with the found value made by a format. */
void check_found(struct check *check, const char *what, enum verdict verdict, const char *advice,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A far end that cannot be reached: what the error says and, apart from it, what it says to do
 * about a certificate; `otherwise` is the advice for all else. */
void check_unreachable(struct check *check, const char *what, const struct error *err,
                       const char *otherwise);

void check_kafka(struct check *check);    /* check_kafka.c */
void check_database(struct check *check); /* check_database.c */
void check_registry(struct check *check); /* check_registry.c */
void check_keys(struct check *check);     /* check.c */

#endif
