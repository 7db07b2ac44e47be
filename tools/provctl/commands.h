/* The groups of commands: one table in the file of each group, listed in commands.c. */
#ifndef PROVCTL_COMMANDS_H
#define PROVCTL_COMMANDS_H

#include "command.h"

extern const struct command topics_commands[];  /* topics.c */
extern const struct command schema_commands[];  /* schema.c */
extern const struct command config_commands[];  /* settings.c */
extern const struct command check_commands[];   /* check.c */
extern const struct command events_commands[];  /* events.c */
extern const struct command account_commands[]; /* account.c */
extern const struct command domain_commands[];  /* domain.c */
extern const struct command group_commands[];   /* group.c */
extern const struct command ledger_commands[];  /* ledger.c */
extern const struct command fence_commands[];   /* fence.c */
extern const struct command audit_commands[];   /* audit.c */
extern const struct command keygen_commands[];  /* keygen.c */
extern const struct command seal_commands[];    /* seal.c */

#endif
