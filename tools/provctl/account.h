/* The commands of `provctl account`. */
#ifndef PROVCTL_ACCOUNT_H
#define PROVCTL_ACCOUNT_H

#include "base/text.h"
#include "wire/json.h"

struct arena;
struct invocation;

int account_show(struct invocation *invocation); /* account_show.c */
int account_add(struct invocation *invocation);  /* account_act.c, as the following */
int account_update(struct invocation *invocation);
int account_delete(struct invocation *invocation);
int account_restore(struct invocation *invocation);
int account_quota(struct invocation *invocation);
int account_status(struct invocation *invocation);
int account_password(struct invocation *invocation); /* account_password.c */
int account_flags(struct invocation *invocation);    /* account_flags.c */

/* The password that the options ask for, as the union of the schema: hashed or sealed here, so that
 * it is never in clear in Kafka. *ret_password is JSON null with --no-password; *ret_made the one
 * that was made up (NULL: none). Exit code. */
int account_read_password(struct invocation *invocation, const char *address, json_t **ret_password,
                          const char **ret_made);

/* A hash as the schema wants it; one without a scheme is crypt's. */
json_t *account_given_hash(struct arena *arena, const char *given);
/* A password in clear, sealed (--key-id) or hashed; NULL after saying what is wrong. */
json_t *account_hide_password(struct invocation *invocation, struct text plain);

/* NAME=VALUE of an update into the payload and its list of fields; an empty value clears. `numbers`
 * are the names whose values are whole numbers, ended by NULL. False after saying what is wrong. */
bool account_read_assignments(struct invocation *invocation, int first, const char *const *numbers,
                              json_t *payload);

#endif
