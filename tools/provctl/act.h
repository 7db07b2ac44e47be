/* One event, sent and waited for, and its result in the words and with the exit code of the old
 * vpopmail tool: what all commands of `account`, `domain` and `group` that change something do. */
#ifndef PROVCTL_ACT_H
#define PROVCTL_ACT_H

#include "command.h"
#include "wire/json.h"

/* The options that all of them have. */
#define ACT_OPTIONS                                                                                \
    {"context", 'C',  "NAME", "context; default: that of the domain, from the database",           \
     false,     false},                                                                            \
        {"reason", 0, "TEXT", "why; goes to the change log", false, false},                        \
        {"ticket", 0, "TEXT", "ticket or order; goes to the change log", false, false},            \
        {"wait", 0, "TIME", "patience for the result; default 30s", false, false},                 \
    {                                                                                              \
        "dry-run", 0, NULL, "only say what would be done", false, false                            \
    }

/* What the event is about, and so which of the old tools speaks; of groups none did. */
enum act_about { ACT_ACCOUNT, ACT_DOMAIN, ACT_GROUP };

/* Sends {kind: payload} (taken over) about `name`, an address or a domain; waits; prints.
 * `password` is shown when the event was applied (NULL: none was made). Exit code. */
int act_send(struct invocation *invocation, enum act_about about, const char *name,
             const char *kind, json_t *payload, const char *password);

/* With --csv `many`, else `one` when there are `count` arguments. Exit code. */
int act_one_or_many(struct invocation *invocation, int count,
                    int (*one)(struct invocation *invocation),
                    int (*many)(struct invocation *invocation));
/* {"address": name} or {"uuid": name}. */
json_t *act_ref(const char *name);
/* The old tool's number for a result code, from 1; 0: it had none. */
int act_old_number(enum act_about about, const char *code, const char **ret_words);

#endif
