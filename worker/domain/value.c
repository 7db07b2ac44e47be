#include "domain/value.h"

const char *const actor_kind_names[] = {"USER", "GROUP_ADMIN", "MAILBOX_ADMIN", "SYSTEM", NULL};
const char *const mode_names[] = {"APPLY", "DRY_RUN", NULL};
const char *const account_status_names[] = {"PENDING",     "ACTIVE", "LOCKED",
                                            "MAINTENANCE", "CLOSED", NULL};
const char *const service_mode_names[] = {"EAGER", "LAZY", NULL};
const char *const delete_mode_names[] = {"SOFT", "PURGE", NULL};
const char *const fanout_scope_names[] = {"ACCOUNT", "DOMAIN", NULL};
const char *const service_names[] = {"MAIL", "CALENDAR", "CONTACTS", NULL};
